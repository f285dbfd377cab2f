//! One request in the virtual Envoy.

use crate::referee::Referee;
use crate::shapes::Config;
use crate::weather::Outcome;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::EndpointIndex;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Attempts, Step, Verdict};

/// One request.
pub(crate) struct Request {
    pub(crate) worker: usize,
    /// The configuration that it began under, and ends under.
    pub(crate) config: Rc<Config>,
    pub(crate) attempts: Attempts,
    pub(crate) referee: Referee,
    pub(crate) candidates: Vec<EndpointIndex>,
    pub(crate) deadline: Timestamp,
    pub(crate) started: Timestamp,
    /// Where Envoy's own attempt really went, and what came of it.
    pub(crate) first: (EndpointIndex, Outcome),
    pub(crate) kept: bool,
    /// Retries that were taken from the budgets for it.
    pub(crate) taken: u32,
    /// Of those, what no call holds its place for yet.
    pub(crate) places: u32,
    /// A step that is left to the next tick.
    pub(crate) due: Option<Step>,
    /// It may be hedged.
    pub(crate) hedged: bool,
    /// The client has left.
    pub(crate) gone: bool,
    /// Its worker's ticks look after it.
    pub(crate) waits: bool,
    /// It is counted as ended.
    pub(crate) closed: bool,
}

impl Request {
    pub(crate) fn is_over(&self) -> bool {
        self.gone || self.attempts.is_over()
    }

    /// How long an attempt that takes `latency` lasts within `limit`, and what comes of it.
    pub(crate) fn within(
        limit: Duration,
        (latency, outcome): (Option<Duration>, Outcome),
        timed_out: Outcome,
    ) -> (Duration, Outcome) {
        match latency {
            Some(latency) if latency < limit => (latency, outcome),
            _ => (limit, timed_out),
        }
    }

    /// What the policy says of an outcome.
    pub(crate) fn verdict(&self, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Good => Verdict::Final,
            Outcome::Bad(failure, asked) => {
                let reason = self.config.settings.retry_on.reason(failure);
                reason.map_or(Verdict::Final, |reason| Verdict::Failed { failure, reason, asked })
            }
        }
    }
}
