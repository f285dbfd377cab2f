//! What the end of an attempt says about the endpoint.
//!
//! Invariant: an attempt that somebody else ended (the client, Envoy, one of our own filters) is never a failure of
//! the endpoint. Trade-off: some endings look alike in Envoy; for each of them the choice is made here, once:
//!
//! | seen | may be | taken for |
//! | --- | --- | --- |
//! | no answer, no flags, no details | reset, refused stream, timeout, early answer by a foreign filter | reset, or timeout if its age reached the limit |
//! | headers, never the end | truncated by the endpoint, route timeout in mid-body, buffer overflow | truncated |
//! | headers, never the end, no code | discarded by Envoy for a retry | not the endpoint's fault (its status was judged before) |
//! | no answer to a request without a connection that nobody read the headers of | mirror, or somebody's callout | not the endpoint's fault |
//!
//! Source: the endings measured on Envoy 1.40 (docs/outlier.md); gRPC statuses map to HTTP as in Envoy's
//! `Grpc::Utility::grpcToHttpStatus`.

use super::settings::FailurePolicy;
use core::time::Duration;

/// Who sent the request behind an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// A client, over a connection; or a filter's callout whose headers say that it is an attempt.
    #[default]
    Client,
    /// A heartbeat that the router sent.
    Heartbeat,
    /// A copy of a request, whose answer nobody reads; or a callout of somebody else.
    Mirror,
}

/// The head of an answer, or for gRPC its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The gRPC status, where it is known already.
    pub grpc_status: Option<u32>,
    /// It has `retry-after`.
    pub retry_after: bool,
}

/// Why an attempt counts against the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// One of the configured statuses.
    Status,
    /// 502, 503 or 504, where configured.
    Gateway,
    /// No connection.
    ConnectFailure,
    /// The connection or stream was reset before an answer.
    Reset,
    /// No answer in the time that the route gives.
    Timeout,
    /// The answer began and never ended.
    Truncated,
    /// The answer was complete and took too long.
    Slow,
}

/// What an attempt says about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Success,
    /// It does not.
    Failure(Failure),
    /// Nothing.
    Neutral(Neutral),
}

/// Why an attempt says nothing about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neutral {
    /// The client disconnected or reset its stream.
    ClientGone,
    /// Envoy or one of our filters took another answer.
    Cancelled,
    /// The endpoint says that it has too much to do.
    Overload,
    /// A mirrored request, or a callout that is nobody's attempt.
    Mirror,
    /// Envoy threw the answer away to try again.
    Discarded,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Response headers came.
    pub answered: bool,
    /// The answer came to its end.
    pub complete: bool,
    /// Time from the request to the end of a complete answer, if it is known.
    pub latency: Option<Duration>,
    /// How old the attempt is at least.
    pub age: Duration,
    /// The time that the route gives an attempt, if it is known.
    pub limit: Option<Duration>,
    /// The client went away.
    pub client_gone: bool,
    /// Another attempt's answer was taken (hedging), or one of our filters answered.
    pub cancelled: bool,
    /// There was no connection.
    pub connect_failure: bool,
    /// The request has no response code: the answer was thrown away.
    pub discarded: bool,
}

impl FailurePolicy {
    /// What the head of an answer (for gRPC: its status) says; `None` while it may still become a success.
    pub fn judge_answer(&self, answer: &Answer) -> Option<Outcome> {
        let status = match answer.grpc_status {
            // An error of HTTP itself comes without a gRPC status of its own, or with 0.
            Some(grpc) if answer.status == 200 => http_status(grpc),
            _ => answer.status,
        };
        if self.retry_after_is_overload && answer.retry_after && matches!(status, 429 | 503) {
            return Some(Outcome::Neutral(Neutral::Overload));
        }
        let failed = self.statuses.iter().any(|range| range.contains(&status));
        let failure = if matches!(status, 502..=504) { Failure::Gateway } else { Failure::Status };
        failed.then_some(Outcome::Failure(failure))
    }

    /// What the end of an attempt says whose answer, if there was one, was no failure.
    pub fn judge_ending(&self, ending: &Ending) -> Outcome {
        if ending.complete {
            let slow = self.slow_threshold.zip(ending.latency).is_some_and(|(limit, took)| took >= limit);
            return if slow { Outcome::Failure(Failure::Slow) } else { Outcome::Success };
        }
        if ending.client_gone {
            return Outcome::Neutral(Neutral::ClientGone);
        }
        if ending.cancelled {
            return Outcome::Neutral(Neutral::Cancelled);
        }
        if ending.answered {
            return if ending.discarded {
                Outcome::Neutral(Neutral::Discarded)
            } else {
                Outcome::Failure(Failure::Truncated)
            };
        }
        Outcome::Failure(if ending.connect_failure {
            Failure::ConnectFailure
        } else if ending.limit.is_some_and(|limit| ending.age >= limit) {
            Failure::Timeout
        } else {
            Failure::Reset
        })
    }
}

impl Failure {
    /// Whether there was no answer at all: Envoy's local origin failures.
    pub fn is_local_origin(self) -> bool {
        matches!(self, Self::ConnectFailure | Self::Reset | Self::Timeout)
    }

    /// Whether a gateway would answer it with 502, 503 or 504.
    pub fn is_gateway(self) -> bool {
        self.is_local_origin() || matches!(self, Self::Gateway | Self::Truncated)
    }
}

/// The HTTP status that Envoy gives a gRPC status.
pub fn http_status(grpc: u32) -> u16 {
    match grpc {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}
