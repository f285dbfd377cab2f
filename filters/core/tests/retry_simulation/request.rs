//! One request in the virtual Envoy.

use crate::messages::Message;
use crate::referee::Referee;
use crate::shapes::Config;
use crate::weather::Outcome;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::EndpointIndex;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Failure, Reason, Verdict};

/// One request.
pub(crate) struct Request {
    pub(crate) worker: usize,
    /// The configuration of its worker that it began under, and ends under.
    pub(crate) root: usize,
    pub(crate) config: Rc<Config>,
    pub(crate) referee: Referee,
    pub(crate) grpc: bool,
    pub(crate) deadline: Timestamp,
    pub(crate) started: Timestamp,
    /// Where Envoy's own attempt really went, and what came of it.
    pub(crate) first: (EndpointIndex, Outcome),
    /// Its answer.
    pub(crate) message: Message,
    /// How much of its body has come, and how much of that has gone on to the client.
    pub(crate) came: usize,
    pub(crate) passed: usize,
    /// Its answer is held back.
    pub(crate) held: bool,
    /// Envoy lets its first attempt take longer than its deadline.
    pub(crate) unbounded: bool,
    /// Its own body is there as a whole.
    pub(crate) kept: bool,
    /// The answer that has taken the place of the one that is held back.
    pub(crate) replaced: Option<Outcome>,
    /// Its stream is gone.
    pub(crate) gone: bool,
}

impl Request {
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

    /// Whether it may be hedged, so that somebody asks when it begins.
    pub(crate) fn hedges(&self) -> bool {
        self.config.settings.hedge.is_some() && !self.grpc && self.referee.is_idempotent()
    }

    /// What the policy says of an outcome.
    pub(crate) fn verdict(&self, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Good => Verdict::Final,
            Outcome::Bad(failure, asked) => {
                let reason = self.config.settings.retry_on.reason(failure);
                reason.map_or(Verdict::Final, |reason| Verdict::Failed { failure, reason, asked })
            }
            Outcome::Says if self.config.reads_bodies && !self.grpc => {
                Verdict::Failed { failure: Failure::Status(200), reason: Reason::Body, asked: None }
            }
            Outcome::Says => Verdict::Final,
        }
    }

    /// Whether its answer must be read before it is judged, and how long it is held back for that.
    pub(crate) fn patience(&self) -> Option<Duration> {
        if self.message.is_headless() {
            return None;
        }
        let json = self.config.reads_bodies && self.message.is_json();
        let seconds = if self.grpc { Some(1) } else { json.then_some(5) };
        seconds.map(Duration::from_secs)
    }
}
