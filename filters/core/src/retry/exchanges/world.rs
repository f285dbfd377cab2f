//! What a worker's retries ask of the world around them, and what they say of requests.
//!
//! Invariant: calls are made, and streams answered and resumed, through [`World`] alone, and only from the root's callbacks:
//! [`super::Retries::tick`] and [`super::Retries::answered`].
//! Trade-off: what costs a host call is asked for only when a decision needs it, so the world has many small questions.

use super::{Policy, Upstream};
use crate::budget::Budget;
use crate::health::Health;
use crate::retry::attempts::{Denied, Substitute};
use crate::retry::classify::Reason;
use crate::retry::settings::StaticAnswer;
use crate::retry::stale::StoredAnswer;
use crate::{EndpointIndex, HeadView, Timestamp};
use core::time::Duration;

/// A stream of this worker, as its host numbers it.
pub type StreamId = u32;
/// A call of this worker, as its host numbers it.
pub type CallId = u32;

/// The head of a message; the default one is empty.
pub trait RetryHead: HeadView + Default {}

impl<H: HeadView + Default> RetryHead for H {}

/// Which shared budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fund {
    /// That of a route, by its position in the document.
    Route(usize),
    /// That of an upstream, by its position in the document.
    Upstream(usize),
}

/// The time, and the budgets that all workers share.
pub trait Budgets {
    /// Wall time; all workers read the same, and it may step back.
    fn now(&mut self) -> Timestamp;

    /// Changes a shared budget; what the change that counted returned, or `None` if none did.
    fn change_budget<R>(&mut self, of: Fund, change: impl FnMut(&mut Budget) -> R) -> Option<R>;
}

/// The world around a worker's retries, during one callback.
pub trait World<H>: Budgets {
    /// Wall time as of the last tick, while ticks are quick.
    fn recently(&mut self) -> Timestamp {
        self.now()
    }
    /// The time by which requests wait: it never steps back, as the wall's may.
    fn time(&mut self) -> Timestamp {
        self.now()
    }
    /// The same as of the last tick, while ticks are quick.
    fn recent_time(&mut self) -> Timestamp {
        self.recently()
    }
    /// Randomness.
    fn rng(&mut self) -> &mut fastrand::Rng;

    /// The endpoints that the router has named for a request, best first; `None`: one that the upstream does not have.
    fn candidates<'a>(
        &'a self,
        upstream: &'a Upstream,
        head: &'a H,
    ) -> impl Iterator<Item = Option<EndpointIndex>> + 'a;
    /// How many endpoints an upstream has.
    fn endpoints(&self, upstream: &Upstream) -> usize;
    /// The number of this endpoint's level.
    fn priority(&self, upstream: &Upstream, endpoint: EndpointIndex) -> u32;
    /// Where this endpoint stands.
    fn health(&self, upstream: &Upstream, endpoint: EndpointIndex) -> Health;

    /// So many bytes of the request's body, which passes.
    fn request_body(&mut self, size: usize) -> Vec<u8>;
    /// The head of the answer that begins; `None` if it cannot be read.
    fn response_headers(&mut self) -> Option<H>;
    /// So many bytes of the answer's body, which passes or is held back.
    fn response_body(&mut self, size: usize) -> Vec<u8>;
    /// The trailers of the answer.
    fn response_trailers(&mut self) -> H;
    /// Envoy's response code details: who made the answer.
    fn response_details(&mut self) -> Vec<u8>;
    /// When Envoy received the request, if it says so.
    fn request_time(&mut self) -> Option<Timestamp>;
    /// Where the first attempt went, if that is an endpoint of the upstream.
    fn first_endpoint(&mut self, upstream: &Upstream) -> Option<EndpointIndex>;
    /// The headers of an answer as a client would get it later.
    fn reply_headers(&self, answer: &H) -> Vec<(Box<str>, Box<[u8]>)>;

    /// Sends an attempt; `None` if it cannot be sent.
    fn call(&mut self, call: &Call<'_, H>) -> Option<CallId>;
    /// The answer to the call whose answer is there: so many bytes of its body, and its trailers if they are wanted.
    fn call_answer(&mut self, body: usize, trailers: bool) -> Answer<H>;
    /// Tells outlier that a first attempt was overtaken by a hedge, and has not failed.
    fn mark_overtaken(&mut self, stream: StreamId);
    /// Puts an answer in the place of the one that is held back; `false` if that is refused.
    fn replace(&mut self, stream: StreamId, delivery: &Delivery<'_, H>) -> bool;
    /// Ends a stream with this reply. One that is gone needs none.
    fn reply(&mut self, stream: StreamId, reply: &Reply<'_, H>);
    /// The answer that is held back goes to the client. A stream that is gone needs none.
    fn resume(&mut self, stream: StreamId);

    /// Something to count, of this stream's request.
    fn count(&mut self, stream: StreamId, policy: &Policy, event: Event);
}

/// An attempt to be sent.
#[derive(Debug)]
pub struct Call<'a, H> {
    /// The request's stream.
    pub stream: StreamId,
    /// Its route's policy.
    pub policy: &'a Policy,
    /// Where it goes: an upstream, by its position in the document.
    pub upstream: usize,
    /// Which of its endpoints; `None`: whichever is next.
    pub endpoint: Option<EndpointIndex>,
    /// The attempt's number; Envoy's own is 1.
    pub number: u32,
    /// It races the first attempt.
    pub hedge: bool,
    /// How long it may take, to the end of its answer.
    pub timeout: Duration,
    /// The request's head as it came.
    pub head: &'a H,
    /// Its body, if it has one.
    pub body: Option<&'a [u8]>,
}

impl<H> Call<'_, H> {
    /// How long its answer may take to begin, if that is less than it may take in all: what bounds Envoy's own attempts bounds ours
    /// alike, and an answer that has begun may go on.
    pub fn begins_within(&self) -> Option<Duration> {
        self.policy.settings().per_try_timeout.filter(|limit| *limit < self.timeout)
    }
}

/// The answer to a call; without headers there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<H> {
    /// Its headers.
    pub headers: H,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers, if they are looked at.
    pub trailers: H,
}

/// The answer to an attempt of ours, for a client.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a, H> {
    /// The attempt's number.
    pub number: u32,
    /// Its answer.
    pub answer: &'a Answer<H>,
    /// It is another upstream's.
    pub substitute: bool,
    /// It is gRPC's: its trailers are part of it.
    pub grpc: bool,
}

/// What ends a stream.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a, H> {
    /// The answer to an attempt of ours.
    Delivered(Delivery<'a, H>),
    /// The last good answer, and how old it is now, by its own word and since it came.
    Stale(&'a StoredAnswer, Duration),
    /// The configured answer.
    Configured(&'a StaticAnswer),
    /// A few words.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The words.
        words: &'static [u8],
        /// The request was gRPC.
        grpc: bool,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An attempt was made: Envoy's, when its request has ended, or one of ours.
    Attempt,
    /// A retry was decided on, and this is its wait. Under a policy in shadow mode it is only counted.
    Retry(Reason, Duration),
    /// A request gets no further attempt.
    Denied(Denied),
    /// A hedge was sent.
    Hedge,
    /// A hedge was quicker than the first attempt.
    HedgeWon,
    /// A client got a substitute.
    Substitute(Substitute),
    /// A request ran out of its time.
    DeadlineExceeded,
    /// The watchdog has ended a wait.
    Watchdog,
}
