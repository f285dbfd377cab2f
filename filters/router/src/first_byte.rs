//! How long an endpoint takes to begin its answer, for policies that learn from latency.
//!
//! Invariants: the time runs from the end of the request to the head of the answer, so neither a client that sends slowly nor one
//! that reads slowly, and no websocket or stream of events, makes an endpoint look slow. Only a first attempt says
//! anything: behind a later one is the time of those before it. An error, or no answer at all, can say that an endpoint is slower
//! than believed and never that it is faster.
//!
//! Trade-off: four host calls for a request of a policy that learns; none for any other.

use crate::plan::Plan;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::ATTEMPT_COUNT_HEADER;
use switchyard_core::http::{decimal, status};
use switchyard_host::{Clock, Properties, ResponseHeaders};

/// A request whose answer is waited for.
pub(crate) struct FirstByte {
    upstream: usize,
    /// When the whole request had come; an answer that begins before says nothing.
    asked: Option<Timestamp>,
}

impl FirstByte {
    /// A request to this upstream, which ended at this time, if it has.
    pub(crate) fn of(upstream: usize, asked: Option<Timestamp>) -> Self {
        Self { upstream, asked }
    }

    /// The request has ended.
    pub(crate) fn request_ended(&mut self, host: &impl Clock) {
        if self.asked.is_none() {
            self.asked = host.now().ok();
        }
    }

    /// The answer has begun.
    pub(crate) fn answered(self, plan: &Plan, host: &(impl Properties + ResponseHeaders + Clock)) {
        if self.asked.is_none() || attempts(host) != Some(1) {
            return;
        }
        let Ok(headers) = host.response_headers() else { return };
        let of_ours = headers.values(ATTEMPT_COUNT_HEADER).next().and_then(decimal::<u64>);
        if of_ours.is_some_and(|count| count > 1) {
            // retry.wasm has put another attempt's answer in its place.
            return;
        }
        self.tell(plan, status(&headers).is_some_and(|status| status < 500), host);
    }

    /// The request has ended without an answer.
    pub(crate) fn unanswered(self, plan: &Plan, host: &(impl Properties + Clock)) {
        if self.asked.is_some() && attempts(host) == Some(1) {
            self.tell(plan, false, host);
        }
    }

    fn tell(self, plan: &Plan, succeeded: bool, host: &(impl Properties + Clock)) {
        let (Some(asked), Ok(Some(address)), Ok(now)) =
            (self.asked, host.property(&["upstream", "address"]), host.now())
        else {
            return;
        };
        let latency: Duration = now.since(asked);
        if let Ok(address) = core::str::from_utf8(&address) {
            plan.with_upstream(self.upstream, |live| live.answered(address, latency, succeeded, now));
        }
    }
}

/// How many attempts Envoy's router has made.
pub(crate) fn attempts(host: &impl Properties) -> Option<u64> {
    let bytes = host.property(&["upstream", "request_attempt_count"]).ok().flatten()?;
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
