//! What an operator may set about batching; plain values, validated by the configuration.

use super::Protocol;
use crate::budget::BudgetPolicy;
use crate::deadline::Deadline;
use crate::request_key::KeyRules;
use core::time::Duration;

/// Everything about batching of one route.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Count what would have waited, and hold nothing back.
    pub shadow: bool,
    /// Whose requests share a call.
    pub scope: Scope,
    /// How requests are joined, and their answer is split.
    pub protocol: Protocol,
    /// What tells requests apart that may not share a call.
    pub key: KeyPolicy,
    /// When a batch leaves.
    pub leaves: Leaves,
    /// The most items of a batch; at least 1.
    pub max_items: u32,
    /// The most bytes that the parts of a batch hold.
    pub max_bytes: u64,
    /// The most that the items of a batch weigh.
    pub max_weight: u64,
    /// How long a request waits for a batch to leave.
    pub max_delay: Duration,
    /// The most batches of one key that are under way at a time, requests that went alone included; at least 1.
    pub max_in_flight: u32,
    /// How much time a request has. With less left than its floor no call is made.
    pub deadline: Deadline,
    /// What becomes of a request that a batch would take too long for.
    pub short: Short,
    /// What becomes of a batch that failed as a whole.
    pub on_failure: OnFailure,
    /// Whether every request of the route may be made twice, whatever the protocol knows.
    pub is_repeatable: bool,
    /// How many calls and requests there may be in place of batches that failed, in one worker.
    pub budget: BudgetPolicy,
    /// How long a batch may be without an answer, and the answer to a request that went alone may take to begin, and still count
    /// as under way.
    pub stall_timeout: Duration,
    /// The longest body that is batched, in bytes.
    pub max_body: u64,
    /// How long the body of a request may take to be whole.
    pub body_timeout: Duration,
    /// The most requests of the route that wait or are in batches, in one worker.
    pub max_requests: u32,
    /// What they may hold in one worker, in bytes.
    pub max_bytes_held: u64,
    /// Whether a request that is none of the protocol's is refused with 400; else it goes by itself.
    pub strict: bool,
    /// Whether answers tell their batch's size and their place in it.
    pub tells: bool,
}

/// Whose requests share a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those of one worker.
    #[default]
    Worker,
    /// Those of all workers.
    Proxy,
}

/// What tells requests apart that may not share a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Of their heads.
    pub rules: KeyRules,
    /// Headers that say who asks, in lower case: a request that has one of them is told apart by these in place of its credentials and of
    /// what the proxy knows of who asks.
    pub principal: Vec<Box<str>>,
    /// Requests of different principals share calls, which are made with the credentials of the first.
    pub mixes_principals: bool,
}

/// When a batch leaves, besides when it is full or its oldest request has waited long enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leaves {
    /// As soon as nothing of its key is under way.
    #[default]
    WhileBusy,
    /// Not before.
    FixedDelay,
    /// As soon as nothing of its key is under way, and no larger than keeps answers in time.
    Adaptive(Adaptive),
}

/// Sizes that keep answers in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptive {
    /// How long an answer may take, the wait included.
    pub target: Duration,
    /// How the size is found.
    pub estimator: Estimator,
}

/// How the size is found that keeps answers in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimator {
    /// The largest that takes no longer by a line through what recent batches took.
    #[default]
    LeastSquares,
    /// One more after each batch in time, a tenth less after one that was late (Clipper, NSDI 2017).
    Aimd,
}

/// What becomes of a request that a batch would take too long for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Short {
    /// It goes alone.
    #[default]
    Alone,
    /// It is refused with 504 at once.
    Refuse,
}

/// What becomes of a batch that failed as a whole, as far as its requests may be made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Each half of it is sent again, until a request is alone.
    #[default]
    Bisect,
    /// Each request goes alone.
    Singly,
    /// Every client gets the failure.
    Fail,
}

impl Settings {
    /// The settings of this protocol that hold where nothing else is set.
    pub fn new(protocol: Protocol) -> Self {
        // Request lines of more than 8 KiB are refused by most servers, and the rest of the path is in them, too.
        let max_weight = if protocol.groups_by_path() { 4096 } else { u64::MAX };
        Self {
            shadow: false,
            scope: Scope::default(),
            protocol,
            key: KeyPolicy::default(),
            leaves: Leaves::default(),
            max_items: 64,
            max_bytes: 1 << 20,
            max_weight,
            max_delay: Duration::from_millis(20),
            max_in_flight: 4,
            deadline: Deadline::default(),
            short: Short::default(),
            on_failure: OnFailure::default(),
            is_repeatable: false,
            budget: BudgetPolicy::default(),
            stall_timeout: Duration::from_secs(1),
            max_body: 64 << 10,
            body_timeout: Duration::from_secs(1),
            max_requests: 4096,
            max_bytes_held: 16 << 20,
            strict: false,
            tells: false,
        }
    }
}
