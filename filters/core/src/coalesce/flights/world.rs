//! What flights ask of the world around them, and what they say of requests.
//!
//! Invariant: streams are let go and answered through [`World`] alone, and only while [`super::Flights::act`] runs.

use super::super::answer::{Answer, Served};
use super::super::board::Board;
use super::super::key::Bypass;
use super::super::sharing::NotShared;
use super::Policy;
use crate::Timestamp;
use core::time::Duration;
use std::rc::Rc;

/// A stream of this worker, as its host numbers it.
pub type StreamId = u32;

/// The world around a worker's flights.
pub trait World: Board {
    /// Wall time; all workers read the same, and it may step back.
    fn now(&mut self) -> Timestamp;
    /// Sends a message to a worker's queue; `false` if there is no such queue.
    fn send(&mut self, queue: u32, message: &[u8]) -> bool;
    /// Lets a request go on that waited; `false` if it is gone. Only from [`super::Flights::act`].
    fn resume(&mut self, stream: StreamId) -> bool;
    /// Answers a request that waited; `false` if it is gone. Only from [`super::Flights::act`].
    fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, served: Served, now: Timestamp) -> bool;
    /// Whether this stream ends when its reply is written and not when its client has read it, as HTTP/1.1 streams do. Only from
    /// [`super::Flights::act`].
    fn is_read_unseen(&mut self, _stream: StreamId) -> bool {
        false
    }
    /// Something to count.
    fn count(&mut self, policy: &Policy, event: Event);
    /// This request has waited so long, and this becomes of it: for whoever tells of single requests.
    fn left(&mut self, _stream: StreamId, _exit: Exit, _waited: Duration) {}
}

/// What a request does that has just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It goes on, and others may wait for its answer.
    Leads,
    /// It waits.
    Waits,
    /// It goes on by itself.
    Passes,
    /// It is answered at once.
    Served(Rc<Answer>, Served),
}

/// What becomes of an answer that has just begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It passes.
    Passes,
    /// It passes, and its body is to be given to [`super::Flights::answer_body`].
    Captured,
    /// It is a failure, and the stream is to be answered with this one at once.
    Replaced(Rc<Answer>, Served),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A request leads.
    Led,
    /// A request waits, for a flight here or in another worker.
    Followed {
        /// In another worker.
        remote: bool,
    },
    /// A request went on by itself at once.
    Passed(Pass),
    /// A request was answered out of what is kept.
    Kept(Served),
    /// A request waited so long, and this became of it.
    Left(Exit, Duration),
    /// A leader was succeeded.
    Succeeded(Why),
    /// An answer was not for others.
    NotShared(NotShared),
    /// A flight had no place on the board.
    Degraded,
}

/// Why a request went on by itself at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Its head says that it is not to be coalesced.
    Bypass(Bypass),
    /// The answers of its key are known to be for one client only.
    HitForPass,
    /// The flight has all the followers that it may have.
    Followers,
    /// There are all the flights that there may be.
    Flights,
    /// There is no room for its head.
    Memory,
    /// It would have waited, but the policy only counts.
    Shadow,
    /// Its body may not end before its answer begins.
    Stream,
    /// Its body did not come: the plugin's `allow_on_headers_stop_iteration` is not set, or its client sends none.
    NoBody,
    /// Its body was not whole in time.
    BodyTimeout,
}

/// What became of a request that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It was answered.
    Answered(Served),
    /// It led.
    Led,
    /// It went on by itself: the answer was not for others.
    Released,
    /// It went on by itself: the answer varies by its headers.
    Vary,
    /// It went on by itself, in its turn: it had waited long enough.
    MaxWait,
    /// It went on by itself, though others of its key were under way: it had waited for nearly as long as anybody may.
    Overdue,
    /// Its client left.
    Gone,
}

/// Why a leader was succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Its client left, or its answer broke off.
    Gone,
    /// Its answer was a failure.
    Failed,
    /// It took too long.
    Age,
    /// Its body stood still.
    Stall,
    /// Its worker was silent.
    Lost,
}
