//! Requests that are held until their body is whole, or its time is over.

use crate::worker::{ActingHost, Worker};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::batch::gather::{Event, Pass, Policy, StreamId, World};
use switchyard_host::held_bodies::{HeldBodies, Missing, Piece};

/// Requests that are held for their bodies.
pub(crate) type Bodies = HeldBodies<Rc<Policy>>;

impl Worker {
    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        let Ok(mut bodies) = self.bodies.try_borrow_mut() else { return false };
        let held = bodies.hold(stream, Rc::clone(policy), policy.settings().body_timeout);
        self.stir();
        held
    }

    /// A piece of the body has come.
    pub(crate) fn body_came(&self, stream: StreamId, ended: bool) -> Piece {
        self.bodies.try_borrow_mut().map_or(Piece::Unheld, |mut bodies| bodies.came(stream, ended))
    }

    /// The request has ended, or goes on. Whether it was held for its body.
    pub(crate) fn forget_body(&self, stream: StreamId) -> bool {
        self.bodies.try_borrow_mut().is_ok_and(|mut bodies| bodies.forget(stream))
    }

    /// How soon a tick is to look whether a body is late, if one is awaited.
    pub(crate) fn next_body(&self) -> Option<Duration> {
        self.bodies.try_borrow().ok()?.next_look()
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
            self.with(host, |_, around| around.let_go(stream));
        }
        for (stream, missing, policy) in late {
            let why = match missing {
                Missing::All => Pass::NoBody,
                Missing::End => Pass::BodyTimeout,
            };
            self.with(host, |_, around| {
                around.count(&policy, Event::Passed(why));
                around.let_go(stream)
            });
        }
    }
}
