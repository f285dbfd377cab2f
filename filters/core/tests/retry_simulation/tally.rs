//! What happens to requests, by name and by time, and all of it that is to happen.

use crate::simulation::tally::Tally;
use switchyard_core::Timestamp;
use switchyard_core::retry::Denied;

/// All reasons but memory, which is the filter's own affair.
const DENIED: [Denied; 9] = [
    Denied::Budget,
    Denied::Concurrency,
    Denied::Deadline,
    Denied::BodySize,
    Denied::NotIdempotent,
    Denied::RetryAfter,
    Denied::Exhausted,
    Denied::NoEndpoint,
    Denied::Answer,
];

/// All that is counted beside them. What is overdue is not judged any more; the watchdog bites only where a call was lost.
const OTHERS: [&str; 16] = [
    "good",
    "passed on",
    "passed on, overdue",
    "delivered",
    "replaced",
    "replaced, gRPC",
    "hedges won",
    "timed out",
    "timed out, overdue",
    "retries",
    "hedges",
    "left",
    "another upstream",
    "old answer",
    "configured answer",
    "substituted",
];

impl Tally {
    /// Everything that can happen did, often.
    pub(crate) fn is_everything(&self) {
        self.has_often(OTHERS.map(str::to_owned));
        self.has_often(DENIED.map(|denied| format!("{denied:?}")));
    }
}

/// When every attempt began, Envoy's and ours, and when requests ended well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) attempts: Vec<Timestamp>,
    pub(crate) retried: Vec<Timestamp>,
    pub(crate) successes: Vec<Timestamp>,
}

impl Times {
    pub(crate) fn sends(&mut self, now: Timestamp) {
        self.attempts.push(now);
        self.retried.push(now);
    }
}
