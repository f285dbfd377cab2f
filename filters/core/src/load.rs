//! Live load of the endpoints of one upstream, as this worker sees it: requests in flight, requests that wait for an
//! answer, how long answers take to begin, and what endpoints report of themselves.
//!
//! Invariants: what an [`InFlight`] takes it gives back, exactly once, when it is dropped, whatever has ended the
//! request and whichever configuration is in force by then; nothing goes below zero. What is known of an endpoint's
//! latency is forgotten within three times the decay unless it is heard of again.
//!
//! An open websocket, a download or a stream of events is in flight to its end, but waits only until its first byte. So
//! policies that compare requests in flight see it, and one that compares latencies does not.
//!
//! Source: Finagle's PeakEwma and tower's, which linkerd2-proxy uses. As there, latency is that of the first byte, and an
//! estimate fades while nothing is heard. Not as there: a slower answer moves the estimate halfway and not all the way, and a
//! faster one by a fifth at least. With theirs one slow answer takes all requests off one of two equal endpoints until it
//! has faded, seven decays if it took a thousand times as long; `filters/core/tests/balance_latency/` has the comparison.

use crate::lasting::Lasting;
use crate::orca::{ReportPolicy, ReportedWeight};
use crate::{Endpoint, EndpointIndex, Endpoints, Timestamp};
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

/// How far an answer that is slower than expected moves the expectation.
const SLOWER: f64 = 0.5;
/// How far a faster one moves it, at least.
const FASTER: f64 = 0.2;
/// So many times the decay, and an estimate says nothing any more.
const FORGOTTEN_AFTER: f64 = 3.0;

/// Load of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    /// Requests in flight.
    active: u32,
    /// Those of them whose answer has not begun.
    waiting: u32,
    /// Latency of the first byte in nanoseconds as of `observed`; `None` before the first answer.
    latency_ns: Option<f64>,
    /// When `latency_ns` was last brought up to date.
    observed: Timestamp,
    /// When a request was last sent there.
    asked: Option<Timestamp>,
    /// What it has reported of itself.
    reported: Option<ReportedWeight>,
}

/// How latencies are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyPolicy {
    /// Time constant with which an estimate fades.
    pub decay: Duration,
    /// What is assumed of an endpoint that was asked and has not answered yet.
    pub default: Duration,
}

impl Load {
    fn latency_at(&self, now: Timestamp, policy: &LatencyPolicy) -> f64 {
        let (full, since) = match (self.latency_ns, self.asked) {
            (Some(average), asked) => (average, asked.unwrap_or_default().max(self.observed)),
            (None, Some(asked)) => (policy.default.as_nanos() as f64, asked),
            (None, None) => return 0.0,
        };
        full * retained(now.since(since), policy.decay)
    }
}

type Slot = Rc<Cell<Load>>;

fn change(slot: &Slot, change: impl FnOnce(&mut Load)) {
    let mut load = slot.get();
    change(&mut load);
    slot.set(load);
}

/// Load of every endpoint of one upstream.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    endpoints: Vec<Slot>,
}

/// One request on its way to one endpoint. It counts until it is dropped.
#[derive(Debug)]
#[must_use = "a request counts until this is dropped"]
pub struct InFlight {
    slot: Slot,
    waits: bool,
}

impl InFlight {
    /// Its answer has begun, or whatever it waits for now is not the endpoint.
    pub fn answered(&mut self) {
        if core::mem::take(&mut self.waits) {
            change(&self.slot, |load| load.waiting = load.waiting.saturating_sub(1));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.answered();
        change(&self.slot, |load| load.active = load.active.saturating_sub(1));
    }
}

impl Loads {
    /// No load on any of `endpoints` endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { endpoints: (0..endpoints).map(|_| Slot::default()).collect() }
    }

    /// A request is sent to `index`; `now` where the policy learns from latency. `None`: there is no such endpoint.
    pub fn start(&self, index: EndpointIndex, now: Option<Timestamp>) -> Option<InFlight> {
        let slot = Rc::clone(self.endpoints.get(index)?);
        change(&slot, |load| {
            load.active = load.active.saturating_add(1);
            load.waiting = load.waiting.saturating_add(1);
            load.asked = load.asked.max(now);
        });
        Some(InFlight { slot, waits: true })
    }

    fn get(&self, index: EndpointIndex) -> Load {
        self.endpoints.get(index).map(|slot| slot.get()).unwrap_or_default()
    }

    /// Requests in flight to `index`.
    pub fn active(&self, index: EndpointIndex) -> u32 {
        self.get(index).active
    }

    /// Requests to `index` whose answer has not begun.
    pub fn waiting(&self, index: EndpointIndex) -> u32 {
        self.get(index).waiting
    }

    /// Requests in flight to all endpoints together.
    pub fn total_active(&self) -> u32 {
        self.endpoints.iter().fold(0, |sum: u32, slot| sum.saturating_add(slot.get().active))
    }

    /// `index` began to answer after `latency`.
    pub fn observe(&self, index: EndpointIndex, latency: Duration, now: Timestamp, policy: &LatencyPolicy) {
        let Some(slot) = self.endpoints.get(index) else { return };
        let sample = latency.as_nanos() as f64;
        change(slot, |load| {
            load.latency_ns = Some(load.latency_ns.map_or(sample, |average| {
                // What was heard so long ago that half of its time is over is no evidence beside a new answer.
                let stale = 1.0 - retained(now.since(load.observed) * 2, policy.decay);
                let pace = if sample > average { SLOWER } else { FASTER };
                average + (sample - average) * stale.max(pace)
            }));
            load.observed = load.observed.max(now);
        });
    }

    /// `index` has not begun to answer after `waited`, or has said by then that it cannot: it takes that long at least. An
    /// endpoint that fails at once must not look like a fast one.
    pub fn observe_at_least(
        &self,
        index: EndpointIndex,
        waited: Duration,
        now: Timestamp,
        policy: &LatencyPolicy,
    ) {
        let expected = self.get(index).latency_ns.unwrap_or(policy.default.as_nanos() as f64);
        if waited.as_nanos() as f64 > expected {
            self.observe(index, waited, now, policy);
        }
    }

    /// `index` has reported this weight.
    pub fn report(&self, index: EndpointIndex, weight: f64, now: Timestamp, policy: &ReportPolicy) {
        if let Some(slot) = self.endpoints.get(index) {
            change(slot, |load| {
                load.reported = Some(ReportedWeight::after(load.reported, weight, now, policy));
            });
        }
    }

    /// The weight that `index` has reported, if it counts at `now`.
    pub fn reported(&self, index: EndpointIndex, now: Timestamp, policy: &ReportPolicy) -> Option<f64> {
        self.get(index).reported?.usable(now, policy)
    }

    /// Time to the first byte that is expected of `index` at `now`, in nanoseconds. It fades from the last answer on, or from the
    /// last question if that is newer, so that an endpoint once slow is tried again, by one request at first. An
    /// endpoint that was never asked is expected to answer at once.
    pub fn latency_at(&self, index: EndpointIndex, now: Timestamp, policy: &LatencyPolicy) -> f64 {
        self.get(index).latency_at(now, policy)
    }

    /// The load of these endpoints, by their places in the list; `None`: of all.
    pub fn within<'a>(&'a self, members: Option<&'a [EndpointIndex]>) -> LoadsWithin<'a> {
        LoadsWithin { loads: self, members }
    }
}

/// The part of an estimate that is left after `elapsed`: an exponential that is let down so far that it ends.
fn retained(elapsed: Duration, decay: Duration) -> f64 {
    if decay.is_zero() {
        return 0.0;
    }
    let end = (-FORGOTTEN_AFTER).exp();
    let left = (-elapsed.as_secs_f64() / decay.as_secs_f64()).exp();
    ((left - end) / (1.0 - end)).max(0.0)
}

/// The load of some endpoints, for somebody who knows them by their places in a list.
#[derive(Clone, Copy, Debug)]
pub struct LoadsWithin<'a> {
    loads: &'a Loads,
    /// `None`: of all.
    members: Option<&'a [EndpointIndex]>,
}

impl<'a> From<&'a Loads> for LoadsWithin<'a> {
    fn from(loads: &'a Loads) -> Self {
        loads.within(None)
    }
}

impl LoadsWithin<'_> {
    /// Requests in flight to the one at `place`.
    pub fn active(&self, place: usize) -> u32 {
        self.get(place).active
    }

    /// Requests to the one at `place` whose answer has not begun.
    pub fn waiting(&self, place: usize) -> u32 {
        self.get(place).waiting
    }

    /// Requests in flight to all endpoints of the upstream, also to those that are not in the list.
    pub fn total_active(&self) -> u32 {
        self.loads.total_active()
    }

    /// As [`Loads::latency_at`].
    pub fn latency_at(&self, place: usize, now: Timestamp, policy: &LatencyPolicy) -> f64 {
        self.get(place).latency_at(now, policy)
    }

    /// As [`Loads::reported`].
    pub fn reported(&self, place: usize, now: Timestamp, policy: &ReportPolicy) -> Option<f64> {
        self.get(place).reported?.usable(now, policy)
    }

    fn get(&self, place: usize) -> Load {
        let index = self.members.map_or(Some(place), |members| members.get(place).copied());
        index.map(|index| self.loads.get(index)).unwrap_or_default()
    }
}

/// The load of all upstreams, whatever configuration is in force: by the upstream's name and the endpoint's address.
#[derive(Debug, Default)]
pub struct LoadBook(Lasting<Cell<Load>>);

impl LoadBook {
    /// The load of these endpoints of the upstream of this name: with what is in flight already, and what is known of them.
    pub fn loads(&mut self, upstream: &str, endpoints: &Endpoints) -> Loads {
        let mut name = String::new();
        let slot_of = |endpoint: &Endpoint| {
            name.clear();
            // No address has a blank in it.
            name.extend([&*endpoint.address, " ", upstream]);
            self.0.of(&name)
        };
        Loads { endpoints: endpoints.iter().map(slot_of).collect() }
    }
}
