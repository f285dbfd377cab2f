//! Requests that are held until their body is whole, or its time is over.

use crate::worker::{ActingHost, Worker};
use std::rc::Rc;
use switchyard_core::batch::gather::{Event, Pass, Policy, StreamId, World};
use switchyard_host::held_bodies::{Missing, SharedBodies};

/// Requests that are held for their bodies.
pub(crate) type Bodies = SharedBodies<Rc<Policy>>;

impl Worker {
    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        self.stir();
        self.bodies.hold(stream, Rc::clone(policy), policy.settings().body_timeout)
    }

    /// Lets those go on whose body is late. From the tick.
    pub(crate) fn end_body_waits(&self, host: &impl ActingHost) {
        self.bodies.end_waits(
            || host.now().ok(),
            |stream, late| {
                self.with(host, |_, around| {
                    if let Some((missing, policy)) = late {
                        around.count(&policy, Event::Passed(why(missing)));
                    }
                    around.let_go(stream)
                });
            },
        );
    }
}

fn why(missing: Missing) -> Pass {
    match missing {
        Missing::All => Pass::NoBody,
        Missing::End => Pass::BodyTimeout,
    }
}
