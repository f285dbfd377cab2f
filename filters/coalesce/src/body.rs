//! Requests whose body is part of their key: held until the body is there.
//!
//! Invariant: no request hangs. Where Envoy gives a filter no body of a request whose head it holds (the plugin's
//! `allow_on_headers_stop_iteration` is not set), the tick lets the request go on after [`PATIENCE`].

use crate::vm::{ActingHost, Vm};
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Bypass, Event, Pass, Policy, QUICK_TICK, StreamId, World};

/// How long a body may take to begin.
const PATIENCE: Duration = Duration::from_secs(1);

/// Requests that are held until the first piece of their body comes.
pub(crate) type Bodies = HashMap<StreamId, (Timestamp, Rc<Policy>)>;

impl Vm {
    /// A request's head is held until its body comes.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>, host: &impl ActingHost) -> bool {
        self.stirred.set(true);
        let (Ok(now), Ok(mut bodies)) = (host.now(), self.bodies.try_borrow_mut()) else { return false };
        bodies.insert(stream, (now, Rc::clone(policy)));
        true
    }

    /// The body has come, or the stream has ended. Whether it was awaited.
    pub(crate) fn body_came(&self, stream: StreamId) -> bool {
        self.bodies.try_borrow_mut().is_ok_and(|mut bodies| bodies.remove(&stream).is_some())
    }

    /// Lets those go on whose body has not come.
    pub(crate) fn end_body_waits(&self, host: &impl ActingHost) {
        let Ok(mut bodies) = self.bodies.try_borrow_mut() else { return };
        if bodies.is_empty() {
            return;
        }
        let Ok(now) = host.now() else { return };
        let late = bodies.extract_if(|_, (since, _)| now.since(*since) >= PATIENCE || now < *since);
        let late: Vec<_> = late.collect();
        drop(bodies);
        for (stream, (_, policy)) in late {
            self.with(host, |_, around| {
                around.count(&policy, Event::Passed(Pass::Bypass(Bypass::Body)));
                around.resume(stream)
            });
        }
    }

    /// How often the tick is wanted.
    pub(crate) fn tick_period(&self) -> Duration {
        let bodies = self.bodies.try_borrow().is_ok_and(|bodies| !bodies.is_empty());
        let flights = self.flights.try_borrow().map(|flights| flights.tick_period()).unwrap_or(QUICK_TICK);
        if bodies { QUICK_TICK } else { flights }
    }
}
