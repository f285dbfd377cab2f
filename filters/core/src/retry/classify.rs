//! Which failures are worth another attempt, and which requests may have one.

use super::settings::RetryOn;
use serde_json::Value;

/// How an attempt failed, as far as the filter can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An HTTP status.
    Status(u16),
    /// A gRPC status, from headers or trailers.
    Grpc(u8),
    /// No connection: the endpoint never saw the request.
    ConnectFailure,
    /// The endpoint refused the stream: it never looked at the request.
    RefusedStream,
    /// It broke off before an answer.
    Reset,
    /// No answer in time.
    Timeout,
}

/// Why an attempt is tried again; the label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// By its HTTP status.
    Status,
    /// By its gRPC status.
    GrpcStatus,
    /// No connection.
    ConnectFailure,
    /// A refused stream.
    RefusedStream,
    /// A reset.
    Reset,
    /// A timeout.
    Timeout,
    /// A response header.
    Header,
    /// What a JSON body says.
    Body,
}

/// What of a request bears on whether it may be sent twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// It carries an `idempotency-key`.
    pub has_idempotency_key: bool,
}

impl Reason {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::GrpcStatus => "grpc_status",
            Self::ConnectFailure => "connect_failure",
            Self::RefusedStream => "refused_stream",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Header => "header",
            Self::Body => "body",
        }
    }
}

impl Failure {
    /// Whether it proves that the endpoint never acted on the request, so that sending it again does it once.
    pub fn proves_unseen(self) -> bool {
        matches!(self, Self::ConnectFailure | Self::RefusedStream)
    }
}

impl RetryRequest<'_> {
    /// Whether sending it twice does what sending it once does (RFC 9110, section 9.2.2; draft-ietf-httpapi-idempotency-key).
    pub fn is_idempotent(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE") || self.has_idempotency_key
    }

    /// Whether it may be sent again after `failure`.
    pub fn may_repeat(&self, failure: Failure, non_idempotent: bool) -> bool {
        non_idempotent || self.is_idempotent() || failure.proves_unseen()
    }
}

impl RetryOn {
    /// Why `failure` is worth another attempt; `None` if it is not.
    pub fn reason(&self, failure: Failure) -> Option<Reason> {
        let (wanted, reason) = match failure {
            Failure::Status(status) => {
                (self.statuses.iter().any(|range| range.contains(&status)), Reason::Status)
            }
            Failure::Grpc(status) => (self.grpc_statuses.contains(&status), Reason::GrpcStatus),
            Failure::ConnectFailure => (self.connect_failure, Reason::ConnectFailure),
            Failure::RefusedStream => (self.refused_stream, Reason::RefusedStream),
            Failure::Reset => (self.reset, Reason::Reset),
            Failure::Timeout => (self.timeout, Reason::Timeout),
        };
        wanted.then_some(reason)
    }

    /// Whether a body says that the answer is a failure: one of the conditions holds. No JSON says nothing.
    pub fn says_failure(&self, body: &[u8]) -> bool {
        let conditions = &self.body;
        !conditions.is_empty()
            && serde_json::from_slice(body)
                .is_ok_and(|body: Value| conditions.iter().any(|condition| condition.holds(&body)))
    }
}
