//! What stages say of a request.
//!
//! Invariant: whatever comes from outside is borrowed, and cut only where it is kept; words are those of the metrics.

use core::time::Duration;

/// One thing that a stage has decided, or that has become of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note<'a> {
    /// The router has chosen.
    Routed(Routed<'a>),
    /// What coalescing has to do with it.
    Coalesced(Coalesced<'a>),
    /// What batching has.
    Batched(Batched<'a>),
    /// What becomes of its attempts.
    Retried(Retried<'a>),
}

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routed<'a> {
    /// Its route.
    pub route: &'a str,
    /// Its upstream.
    pub upstream: &'a str,
    /// The policy that chose.
    pub policy: &'a str,
    /// What was hashed.
    pub hash: Option<u64>,
    /// The candidates, best first, with commas between.
    pub candidates: &'a str,
    /// Endpoints that were passed over, being out of rotation, and how many they are.
    pub passed_over: (Vec<Box<str>>, usize),
    /// Why it does not go where the policy would send it.
    pub fallback: Option<&'a str>,
    /// The first candidate is one that is only tried.
    pub is_trial: bool,
    /// Too few are in rotation, so that was no matter.
    pub in_panic: bool,
    /// It was only counted.
    pub is_shadow: bool,
}

/// What coalescing has to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalesced<'a> {
    /// Others may wait for its answer.
    Led,
    /// It waits for another one's.
    Followed,
    /// It went on by itself, and why.
    Passed(&'a str),
    /// What became of its waiting, and how long that was.
    Left(&'a str, Duration),
    /// It was answered in this way, with what the request of this id got.
    Answered(&'a str, Option<&'a str>),
}

/// What batching has to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batched<'a> {
    /// It went on by itself, and why.
    Passed(&'a str),
    /// It goes alone: nothing of its kind was under way, or it was let go.
    Alone,
    /// It has waited so long for its batch to leave.
    Waited(Duration),
    /// It gets its share.
    Share {
        /// The items of the batch.
        size: u32,
        /// Where its own begin.
        index: u64,
        /// The `traceparent` of the call, if that is another request's.
        trace: Option<&'a str>,
    },
    /// What became of it.
    Ended(&'a str),
}

/// What becomes of a request's attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried<'a> {
    /// Envoy's router may try again so often.
    Granted(u8),
    /// A retry was decided on: why, and after which wait.
    Decided(&'a str, Duration),
    /// This attempt went to this endpoint; empty: to whichever the cluster chose.
    Attempt(u32, &'a str),
    /// There is no further attempt, and why.
    Denied(&'a str),
    /// An attempt races the first.
    Hedged,
    /// The answer to this attempt goes to the client.
    Served(u32),
    /// The client gets this in place of an answer.
    Fallback(&'a str),
    /// Its time was over.
    DeadlineExceeded,
}
