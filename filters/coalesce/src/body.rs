//! Requests whose body is part of their key: held until the body is whole, or its time is over.

use crate::root::Worker;
use crate::vm::ActingHost;
use std::rc::Rc;
use switchyard_core::coalesce::{Event, Pass, Policy, StreamId, World};
use switchyard_host::held_bodies::{HeldBodies, Missing, Piece};

/// Requests that are held for their bodies.
pub(crate) type Bodies = HeldBodies<Rc<Policy>>;

impl Worker {
    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        self.vm.stirred.set(true);
        let timeout = policy.settings().body_timeout;
        self.bodies.try_borrow_mut().is_ok_and(|mut bodies| bodies.hold(stream, Rc::clone(policy), timeout))
    }

    /// A piece of the body has come.
    pub(crate) fn body_came(&self, stream: StreamId, ended: bool) -> Piece {
        self.bodies.try_borrow_mut().map_or(Piece::Unheld, |mut bodies| bodies.came(stream, ended))
    }

    /// The request has ended, or goes on. Whether it was held for its body.
    pub(crate) fn forget_body(&self, stream: StreamId) -> bool {
        self.bodies.try_borrow_mut().is_ok_and(|mut bodies| bodies.forget(stream))
    }

    /// Lets those go on whose body is late. From the tick.
    pub(crate) fn end_body_waits(&self, host: &impl ActingHost) {
        let Ok(mut bodies) = self.bodies.try_borrow_mut() else { return };
        if bodies.next_look().is_none() {
            return;
        }
        let due = bodies.take_due();
        let late = bodies.late(host.now().ok());
        drop(bodies);
        for stream in due {
            self.vm.with(host, |_, around| around.resume(stream));
        }
        for (stream, missing, policy) in late {
            let why = match missing {
                Missing::All => Pass::NoBody,
                Missing::End => Pass::BodyTimeout,
            };
            self.vm.with(host, |_, around| {
                around.count(&policy, Event::Passed(why));
                around.resume(stream)
            });
        }
    }
}
