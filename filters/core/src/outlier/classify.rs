//! What the end of an attempt says about the endpoint.
//!
//! Time and blame are the endpoint's from the end of the request to the first byte of the answer. Invariant: an attempt that somebody
//! else ended (the client, by leaving, by its own time limit or by not sending or not reading; Envoy; one of our own filters) is never a
//! failure of the endpoint. Trade-off: some endings look alike in Envoy; for each of them the choice is made here, once:
//!
//! | seen | may be | taken for |
//! | --- | --- | --- |
//! | no answer, no flags, no details | reset, refused stream, timeout, early answer by a foreign filter | reset, or timeout if it waited for as long as the limit |
//! | the same, and the request is still open | reset by the endpoint, which may have had enough of a slow client | reset within [`FIRST_MOMENTS`], then not the endpoint's fault |
//! | headers, never the end, within the route's time | truncated by the endpoint, buffer overflow | truncated |
//! | headers, never the end, after it | the route's timeout in mid-body, truncated by the endpoint | not the endpoint's fault |
//! | headers, never the end, and nobody has read what the route's time is | all of these | unsure: counts once the next one is known to be truncated |
//! | headers, never the end, no code | discarded by Envoy for a retry | not the endpoint's fault (its status was judged before) |
//! | no answer to a request without a connection that nobody read the headers of | mirror, or somebody's callout | not the endpoint's fault |
//!
//! Source: the endings measured on Envoy 1.40 (docs/outlier.md); gRPC statuses map to HTTP as in Envoy's
//! `Grpc::Utility::grpcToHttpStatus`.

use super::settings::FailurePolicy;
use super::timeline::PRECISION;
use core::time::Duration;

/// An endpoint that resets a request that is still open has done so of its own accord for so long. Servers give slow clients seconds
/// before they hang up on them.
pub const FIRST_MOMENTS: Duration = Duration::from_secs(1);

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
    /// The client's own time limit was over: its `grpc-timeout`, or a header that says the same.
    ClientLimit,
    /// The client had not sent its request to the end.
    RequestOpen,
    /// A time limit of the operator's ended an answer that had begun.
    Cut,
    /// It was cut or truncated, and what the route's time is was not read.
    Unsure,
}

/// Who ended an attempt, as far as Envoy says so (`response.code_details`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndedBy {
    /// It does not say.
    #[default]
    Unknown,
    /// The client, or its connection.
    Client,
    /// A time limit of the connection manager's, which bounds the whole stream.
    StreamLimit,
    /// Another attempt at the same request, whose answer was taken.
    OtherAttempt,
}

impl EndedBy {
    /// What these details say of an attempt that has an answer, or has none.
    pub fn of(details: &[u8], answered: bool) -> Self {
        match details {
            b"stream_idle_timeout" | b"max_duration_timeout" | b"request_overall_timeout" => {
                Self::StreamLimit
            }
            // The details of an answer that has begun are its own.
            b"via_upstream" if !answered => Self::OtherAttempt,
            b"http2.remote_reset" => Self::Client,
            _ if details.starts_with(b"downstream_") => Self::Client,
            _ => Self::Unknown,
        }
    }
}

/// What is known of the time that the route gives an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteLimit {
    /// Nobody has read the request's headers, which say it.
    #[default]
    Unread,
    /// They say nothing.
    Unlimited,
    /// So much from the end of the request on.
    Of(Duration),
}

/// Whether a client's own limit may be what ended an attempt at a request of this age. A little early counts: proxies and libraries keep
/// something of it for themselves.
pub fn limit_has_passed(limit: Duration, age: Duration) -> bool {
    age >= limit - limit / 10
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Response headers came.
    pub answered: bool,
    /// The answer came to its end.
    pub complete: bool,
    /// Time from the end of the request to the first byte of a complete answer, if it is known.
    pub latency: Option<Duration>,
    /// How old the attempt is at least.
    pub age: Duration,
    /// For how long at least the endpoint has had the whole request; `None`: the request is still open.
    pub waited: Option<Duration>,
    /// The time that the route gives an attempt.
    pub limit: RouteLimit,
    /// The client's own limit was over.
    pub client_limit: bool,
    /// The client went away.
    pub client_gone: bool,
    /// Another attempt's answer was taken (hedging), or one of our filters answered.
    pub cancelled: bool,
    /// There was no connection.
    pub connect_failure: bool,
    /// A time limit of the connection manager's was over.
    pub stream_limit: bool,
    /// The request has no response code: the answer was thrown away.
    pub discarded: bool,
}

impl Ending {
    /// Whether the endpoint had the whole request for as long as its route gives it.
    fn is_over_time(&self) -> bool {
        matches!((self.limit, self.waited), (RouteLimit::Of(limit), Some(waited)) if waited >= limit)
    }

    /// Whether it may have had it for so long: Envoy's timers count from the turn of its event loop, which began before.
    fn may_be_over_time(&self) -> bool {
        let RouteLimit::Of(limit) = self.limit else { return false };
        self.waited.is_some_and(|waited| limit_has_passed(limit, waited.saturating_add(PRECISION)))
    }
}

impl Answer {
    /// Its status; of gRPC, that which its own maps to.
    fn effective_status(&self) -> u16 {
        match self.grpc_status {
            // An error of HTTP itself comes without a gRPC status of its own, or with 0.
            Some(grpc) if self.status == 200 => http_status(grpc),
            _ => self.status,
        }
    }
}

impl FailurePolicy {
    /// What the head of an answer (for gRPC: its status) says; `None` while it may still become a success. `client_limit` is asked only
    /// of answers that say that time is over: whether the client's own was.
    pub fn judge_answer(&self, answer: &Answer, client_limit: impl FnOnce() -> bool) -> Option<Outcome> {
        let status = answer.effective_status();
        if self.retry_after_is_overload && answer.retry_after && matches!(status, 429 | 503) {
            return Some(Outcome::Neutral(Neutral::Overload));
        }
        let failed = match (&self.grpc_statuses, answer.grpc_status) {
            (Some(list), Some(grpc)) if answer.status == 200 => {
                list.iter().any(|one| u32::from(*one) == grpc)
            }
            _ => self.statuses.iter().any(|range| range.contains(&status)),
        };
        if !failed {
            return None;
        }
        if status == 504 && client_limit() {
            return Some(Outcome::Neutral(Neutral::ClientLimit));
        }
        let failure = if matches!(status, 502..=504) { Failure::Gateway } else { Failure::Status };
        Some(Outcome::Failure(failure))
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
        if ending.connect_failure && !ending.answered {
            return Outcome::Failure(Failure::ConnectFailure);
        }
        if ending.client_limit {
            return Outcome::Neutral(Neutral::ClientLimit);
        }
        if ending.answered { broken_off(ending) } else { unanswered(ending) }
    }
}

/// An answer that began and never ended, which no client had a hand in.
fn broken_off(ending: &Ending) -> Outcome {
    if ending.discarded {
        return Outcome::Neutral(Neutral::Discarded);
    }
    if ending.stream_limit || ending.may_be_over_time() {
        return Outcome::Neutral(Neutral::Cut);
    }
    match ending.limit {
        RouteLimit::Unread => Outcome::Neutral(Neutral::Unsure),
        RouteLimit::Unlimited | RouteLimit::Of(_) => Outcome::Failure(Failure::Truncated),
    }
}

/// No answer, over a connection, and no client had a hand in it.
fn unanswered(ending: &Ending) -> Outcome {
    let is_open = ending.waited.is_none();
    if is_open && (ending.stream_limit || ending.age >= FIRST_MOMENTS) {
        return Outcome::Neutral(Neutral::RequestOpen);
    }
    let is_late = ending.stream_limit || ending.is_over_time();
    Outcome::Failure(if is_late { Failure::Timeout } else { Failure::Reset })
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
