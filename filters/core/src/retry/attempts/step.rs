//! The words between a request's attempts and those who carry them out.

use crate::retry::classify::{Failure, Reason, RetryRequest};
use crate::{EndpointIndex, Timestamp};
use core::time::Duration;

/// What decisions need of the world around the request.
pub trait AttemptsWorld {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Randomness.
    fn rng(&mut self) -> &mut fastrand::Rng;

    /// Takes a retry from every budget that counts for the request.
    ///
    /// # Errors
    /// Which one has none left.
    fn withdraw(&mut self) -> Result<(), Denied>;

    /// The endpoint of the next attempt, after these were tried.
    fn pick(&mut self, tried: &[EndpointIndex]) -> Option<EndpointIndex>;

    /// The least time that an attempt takes, as far as is known.
    fn least_time(&self) -> Duration;
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denied {
    /// The route's or the upstream's budget is empty.
    Budget,
    /// Too many retries are under way.
    Concurrency,
    /// There would not be time enough.
    Deadline,
    /// The request's body was too large to be kept, or had not come whole.
    BodySize,
    /// The filter keeps too much already.
    Memory,
    /// Sending it twice could do harm.
    NotIdempotent,
    /// The endpoint asked for a wait above the ceiling.
    RetryAfter,
    /// There have been as many as the policy allows.
    Exhausted,
    /// There is no endpoint, or Envoy refused the call.
    NoEndpoint,
    /// The failed answer is too large to be held back, or its gRPC trailers cannot be replaced.
    Answer,
}

/// What came back from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer that goes to the client, whatever it says.
    Final,
    /// A failure that is worth another attempt.
    Failed {
        /// How it failed.
        failure: Failure,
        /// Why that is worth another one.
        reason: Reason,
        /// How long the endpoint asked to be left alone.
        asked: Option<Duration>,
    },
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing; an answer that just came is held back.
    Wait,
    /// The first attempt's answer goes to the client.
    PassOn,
    /// Make this attempt.
    Send(Attempt),
    /// The answer to this attempt of ours goes to the client.
    Deliver(u32),
    /// All attempts have failed: try this in their place.
    FallBack(Substitute),
    /// Answer 504.
    TimeOut,
}

/// What stands in for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Substitute {
    /// Another upstream's answer: an attempt of ours of this number, which may take so long.
    Upstream(u32, Duration),
    /// The last good answer.
    Stale,
    /// The configured answer.
    Answer,
}

impl Substitute {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream(..) => "upstream",
            Self::Stale => "stale",
            Self::Answer => "answer",
        }
    }
}

/// An attempt of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number; Envoy's own is 1.
    pub number: u32,
    /// Where it goes.
    pub endpoint: EndpointIndex,
    /// How long it may take.
    pub timeout: Duration,
    /// It races the first attempt.
    pub hedge: bool,
}

/// A step, and what is to be counted with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub step: Step,
    /// Why there is no further attempt, where that was decided.
    pub denied: Option<Denied>,
    /// A retry was decided on: why, and after which wait.
    pub retry: Option<(Reason, Duration)>,
    /// What was waited for did not come by the deadline: the watchdog has ended it.
    pub overdue: bool,
}

/// What is known of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Sending it twice does what sending it once does.
    pub idempotent: bool,
    /// It can be sent again as it came.
    pub kept: bool,
    /// When it must have ended.
    pub deadline: Timestamp,
}

impl Step {
    /// Whether the request has ended with it.
    pub fn ends(&self) -> bool {
        matches!(self, Self::PassOn | Self::Deliver(_) | Self::TimeOut)
    }
}

impl From<Step> for Decision {
    fn from(step: Step) -> Self {
        Self { step, denied: None, retry: None, overdue: false }
    }
}

impl Subject {
    /// What is known of a request with this head.
    pub fn new(request: RetryRequest<'_>, kept: bool, deadline: Timestamp) -> Self {
        Self { idempotent: request.is_idempotent(), kept, deadline }
    }
}
