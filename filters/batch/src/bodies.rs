//! Requests that are held until their body is there.
//!
//! Invariant: no request hangs. Where Envoy gives a filter no body of a request whose head it holds (the plugin's
//! `allow_on_headers_stop_iteration` is not set), the tick lets the request go on after [`PATIENCE`]; and when that has happened
//! [`VAIN`] times in a row, nearly none is held any more.
//! Trade-off: as many clients in a row that are slow to send their bodies are taken for that, until one is quicker.

use crate::worker::{ActingHost, Worker};
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{Event, Pass, Policy, StreamId, World};

/// How long a body may take to begin.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many bodies in a row have not come: none is expected.
const VAIN: u32 = 8;
/// One of so many requests tries whether bodies come again.
const ONE_OF: u32 = 64;

/// Requests that are held until the first piece of their body comes.
#[derive(Default)]
pub(crate) struct Bodies {
    /// With the first tick since: nearly all bodies come before there is one, and no clock is read for them.
    awaited: HashMap<StreamId, (Option<Timestamp>, Rc<Policy>)>,
    /// Bodies in a row that have not come.
    vain: u32,
    /// Requests that were not held because of that.
    spared: u32,
}

impl Worker {
    /// A request's head is held until its body comes; `false`: it would wait in vain.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        let Ok(mut bodies) = self.bodies.try_borrow_mut() else { return false };
        if bodies.vain >= VAIN {
            bodies.spared = bodies.spared.wrapping_add(1);
            if !bodies.spared.is_multiple_of(ONE_OF) {
                return false;
            }
        }
        bodies.awaited.insert(stream, (None, Rc::clone(policy)));
        self.stir();
        true
    }

    /// A piece of the body has come. Whether it was awaited.
    pub(crate) fn body_came(&self, stream: StreamId) -> bool {
        let came = self.forget_body(stream);
        if came && let Ok(mut bodies) = self.bodies.try_borrow_mut() {
            bodies.vain = 0;
        }
        came
    }

    /// The request has ended, or goes on. Whether its body was awaited.
    pub(crate) fn forget_body(&self, stream: StreamId) -> bool {
        self.bodies.try_borrow_mut().is_ok_and(|mut bodies| bodies.awaited.remove(&stream).is_some())
    }

    /// How soon a tick is to look whether a body is too late, if one is awaited.
    pub(crate) fn next_body(&self) -> Option<Duration> {
        let bodies = self.bodies.try_borrow().ok()?;
        // Bodies come within a millisecond or not at all: no need to know which is the oldest.
        (!bodies.awaited.is_empty()).then_some(PATIENCE / 4)
    }

    /// Lets those go on whose body has not come. From the tick.
    pub(crate) fn end_body_waits(&self, host: &impl ActingHost) {
        let Ok(mut bodies) = self.bodies.try_borrow_mut() else { return };
        if bodies.awaited.is_empty() {
            return;
        }
        // Without a clock nobody could say when to stop waiting.
        let now = host.now().ok();
        let late = bodies.awaited.extract_if(|_, (since, _)| {
            now.is_none_or(|now| {
                let since = *since.get_or_insert(now);
                now.since(since) >= PATIENCE || now < since
            })
        });
        let late: Vec<_> = late.collect();
        if now.is_some() {
            let count = u32::try_from(late.len()).unwrap_or(u32::MAX);
            bodies.vain = bodies.vain.saturating_add(count);
        }
        drop(bodies);
        for (stream, (_, policy)) in late {
            self.with(host, |_, around| {
                around.count(&policy, Event::Passed(Pass::NoBody));
                around.let_go(stream)
            });
        }
    }
}
