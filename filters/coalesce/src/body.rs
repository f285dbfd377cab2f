//! Requests whose body is part of their key: held until the body is whole, or its time is over.
//!
//! Invariant: the tick of any configuration in the VM looks after the requests of all. Whether Envoy gives bodies is up to each
//! configuration of the plugin, and learned for each.

use crate::root::Worker;
use crate::vm::{ActingHost, Vm};
use core::cell::RefCell;
use core::time::Duration;
use std::rc::{Rc, Weak};
use switchyard_core::coalesce::{Event, Pass, Policy, StreamId, World};
use switchyard_host::held_bodies::{Missing, SharedBodies};

/// The requests of one configuration that are held for their bodies.
pub(crate) type Bodies = Rc<OfOne>;
type OfOne = SharedBodies<Rc<Policy>>;

/// Those of all configurations.
#[derive(Default)]
pub(crate) struct AllBodies(RefCell<Vec<Weak<OfOne>>>);

impl AllBodies {
    /// Room for those of one configuration more.
    pub(crate) fn of_another_configuration(&self) -> Bodies {
        let bodies = Bodies::default();
        if let Ok(mut all) = self.0.try_borrow_mut() {
            all.retain(|bodies| bodies.strong_count() > 0);
            all.push(Rc::downgrade(&bodies));
        }
        bodies
    }

    fn all(&self) -> Vec<Bodies> {
        self.0.try_borrow().map(|all| all.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }

    /// How soon a tick is to look whether a body is late, if any is awaited.
    pub(crate) fn next_look(&self) -> Option<Duration> {
        let all = self.0.try_borrow().ok()?;
        all.iter().filter_map(Weak::upgrade).filter_map(|one| one.next_look()).min()
    }
}

impl Worker {
    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        self.vm.stirred.set(true);
        let timeout = policy.settings().body_timeout;
        self.bodies.hold(stream, Rc::clone(policy), timeout)
    }
}

impl Vm {
    /// Lets those go on whose body is late. From the tick.
    pub(crate) fn end_body_waits(&self, host: &impl ActingHost) {
        for bodies in self.bodies.all() {
            bodies.end_waits(
                || host.now().ok(),
                |stream, late| {
                    self.with(host, |_, around| {
                        if let Some((missing, policy)) = late {
                            around.count(&policy, Event::Passed(why(missing)));
                        }
                        around.resume(stream)
                    });
                },
            );
        }
    }
}

fn why(missing: Missing) -> Pass {
    match missing {
        Missing::All => Pass::NoBody,
        Missing::End => Pass::BodyTimeout,
    }
}
