//! Live load of the endpoints of one upstream, as this worker sees it.
//!
//! Invariant: `active` never goes below zero, and every [`Loads::start`] is paired with one [`Loads::finish`]
//! by the caller, whatever ends the stream.

use crate::{EndpointIndex, Timestamp};
use core::time::Duration;

/// Requests in flight and smoothed latency per endpoint.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    endpoints: Vec<Load>,
    total_active: u32,
}

/// Load of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Requests in flight.
    pub active: u32,
    /// Smoothed latency in nanoseconds as of `observed`; `None` before the first answer.
    pub latency_ns: Option<f64>,
    /// When `latency_ns` was last brought up to date.
    pub observed: Timestamp,
}

impl Loads {
    /// No load on any of `endpoints` endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { endpoints: vec![Load::default(); endpoints], total_active: 0 }
    }

    /// A request was sent to `index`.
    pub fn start(&mut self, index: EndpointIndex) {
        if let Some(load) = self.endpoints.get_mut(index) {
            load.active = load.active.saturating_add(1);
            self.total_active = self.total_active.saturating_add(1);
        }
    }

    /// A request that was sent to `index` has ended, however it ended.
    pub fn finish(&mut self, index: EndpointIndex) {
        if let Some(load) = self.endpoints.get_mut(index).filter(|load| load.active > 0) {
            load.active -= 1;
            self.total_active = self.total_active.saturating_sub(1);
        }
    }

    /// Requests in flight to `index`.
    pub fn active(&self, index: EndpointIndex) -> u32 {
        self.get(index).active
    }

    /// Requests in flight to all endpoints together.
    pub fn total_active(&self) -> u32 {
        self.total_active
    }

    /// The load of `index`; no load for an index out of range.
    pub fn get(&self, index: EndpointIndex) -> Load {
        self.endpoints.get(index).copied().unwrap_or_default()
    }

    /// `index` answered after `latency`. Peak-sensitive moving average: a slower answer counts at once, a
    /// faster one moves the average by `1 - exp(-elapsed / decay)` (Finagle's PeakEwma, linkerd2's ewma).
    pub fn observe(&mut self, index: EndpointIndex, latency: Duration, now: Timestamp, decay: Duration) {
        let Some(load) = self.endpoints.get_mut(index) else { return };
        let sample = latency.as_nanos() as f64;
        load.latency_ns = Some(match load.latency_ns {
            Some(average) if sample <= average => {
                let keep = retained(now.since(load.observed), decay);
                average * keep + sample * (1.0 - keep)
            }
            _ => sample,
        });
        load.observed = load.observed.max(now);
    }

    /// Latency expected of `index` at `now`, in nanoseconds: its average, fading with time since the last
    /// answer so that an endpoint once slow is tried again; `default` before the first answer.
    pub fn latency_at(
        &self,
        index: EndpointIndex,
        now: Timestamp,
        decay: Duration,
        default: Duration,
    ) -> f64 {
        let load = self.get(index);
        load.latency_ns
            .map_or(default.as_nanos() as f64, |average| average * retained(now.since(load.observed), decay))
    }
}

/// The part of an average that is left after `elapsed`.
fn retained(elapsed: Duration, decay: Duration) -> f64 {
    if decay.is_zero() { 0.0 } else { (-elapsed.as_secs_f64() / decay.as_secs_f64()).exp() }
}
