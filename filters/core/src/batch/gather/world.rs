//! What gathering asks of the world around it, and what it says of requests.
//!
//! Invariant: streams are answered and let go, and calls are made, through [`World`] alone, and only from the root's callbacks:
//! [`super::Gatherer::act`], [`super::Gatherer::tick`], [`super::Gatherer::message`] and [`super::Gatherer::answered`].

use super::super::{Bypass, Why};
use super::{Failure, Policy};
use crate::Timestamp;
use crate::decisions::Batched;
use core::time::Duration;
use std::borrow::Cow;

/// A stream of this worker, as its host numbers it.
pub type StreamId = u32;
/// A call of this worker, as its host numbers it.
pub type CallId = u32;

/// The world around a worker's batches.
pub trait World<H> {
    /// Wall time; all workers read the same, and it may step back.
    fn now(&mut self) -> Timestamp;
    /// Makes a call to the policy's upstream that may take so long; `None` if it cannot be made.
    fn call(&mut self, policy: &Policy, request: &Request<'_>, left: Duration) -> Option<CallId>;
    /// Lets a request go on that waited, and has so much time left of what the policy gives it; `false` if it is gone.
    fn resume(&mut self, policy: &Policy, stream: StreamId, left: Duration) -> bool;
    /// Answers a request that waited; `false` if it is gone. What became of it: `None`, another worker knows that.
    fn reply(&mut self, stream: StreamId, reply: &Reply<'_>, end: Option<End>) -> bool;
    /// Whether this stream ends when its reply is written and not when its client has read it, as HTTP/1.1 streams do.
    fn is_read_unseen(&mut self, _stream: StreamId) -> bool {
        false
    }
    /// Sends a message to a worker's queue; `false` if there is no such queue.
    fn send(&mut self, queue: u32, message: &[u8]) -> bool;
    /// A slot of shared data and its compare-and-swap number; `None` if there is none.
    fn read(&mut self, slot: u32) -> Option<(Vec<u8>, u32)>;
    /// Writes a slot if it is still the one that was read.
    fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool;
    /// Something to count.
    fn count(&mut self, policy: &Policy, event: Event);
    /// Something about this request: for whoever tells of single requests.
    fn tell(&mut self, _stream: StreamId, _told: &Batched<'_>) {}
}

/// A call for a batch.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Its headers, pseudo-headers first.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body; empty if it has none.
    pub body: &'a [u8],
}

/// Names and values of headers, in order.
pub type Pairs<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Its status.
    pub status: u16,
    /// Its headers, without its length.
    pub headers: Pairs<'a>,
    /// Its body.
    pub body: Cow<'a, [u8]>,
}

/// What a request does that has just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It goes on alone; the end of its answer is to be told ([`super::Gatherer::returned`]).
    Alone,
    /// It waits.
    Waits,
    /// It goes on by itself, and nothing of it is to be told.
    Passes,
    /// It is answered at once.
    Refused(Reply<'static>),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request went on by itself at once.
    Passed(Pass),
    /// A batch of so many items left.
    Left(Trigger, u32),
    /// A request waited so long for its batch to leave.
    Waited(Duration),
    /// This became of a request.
    Ended(End),
    /// A batch failed as a whole.
    Failed(Failure),
    /// A part of a failed batch is sent again.
    Repeated(Repeat),
    /// There was no room for a client's share.
    Withheld,
    /// The worker that gathers could not be reached; requests are gathered here.
    Degraded,
    /// What was under way has stood still for so long that it holds nobody up any more.
    Stalled,
}

/// Why a request went on by itself at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Its head says that it is not to be batched.
    Bypass(Bypass),
    /// It is no request of the protocol.
    Unbatchable(Why),
    /// Its body is longer than may be batched.
    Body,
    /// Its body did not come: the plugin's `allow_on_headers_stop_iteration` is not set, or its client sends none.
    NoBody,
    /// Its body may not end before its answer begins.
    Stream,
    /// Its body was not whole in time.
    BodyTimeout,
    /// It is more by itself than a batch may be.
    Limit,
    /// As many wait as may.
    Requests,
    /// They hold as much as they may.
    Held,
    /// It would have waited, but the policy only counts.
    Shadow,
}

/// Why a batch left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// Nothing of its key was under way.
    Idle,
    /// What was under way has returned.
    Returned,
    /// It had the most items that it may have.
    Items,
    /// It has as many items as keep answers in time; more wait.
    Adaptive,
    /// It held the most bytes.
    Bytes,
    /// It weighed the most.
    Weight,
    /// Its oldest request had waited long enough.
    Delay,
    /// One of its requests had no more time.
    Deadline,
    /// A request would have had no time for a batch.
    Short,
    /// It is a part of a batch that failed.
    Repeat,
    /// The upstream has not taken batches lately.
    NoBatches,
}

/// What became of a request that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// It got its share of an answer.
    Answered,
    /// It went on alone.
    Alone,
    /// The upstream left some of it out.
    Lost,
    /// Its batch failed, and it was not made again.
    Failed,
    /// Its time was over.
    TimedOut,
    /// It had too little time for a batch.
    Refused,
    /// Its client left.
    Gone,
}

/// How a part of a failed batch is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repeat {
    /// All of it, as it was: nobody has seen it.
    Whole,
    /// A half of it, as a batch.
    Half,
    /// One request, alone.
    Alone,
    /// Not at all: the budget has none left.
    Denied,
}
