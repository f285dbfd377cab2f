//! How much time a request has, and how an upstream is told what is left of it.
//!
//! Invariants: whatever a client says, its request has no more time than its route gives it; what it says is told apart from what its
//! route says, so that nobody else is blamed for it ([`clients_limit`]); and where a client's own time is over, its call ends with the
//! code of that ([`is_clients_end`]): Envoy's router, which is told the client's limit, would say what it says of an endpoint that is not
//! to be had, which clients try again.
//!
//! Source: "gRPC over HTTP/2" for `grpc-timeout` (up to eight digits and a unit); gRPC's status codes, of which 14 is the one to be tried
//! again and 4 is not; Envoy's `Grpc::Utility::httpToGrpcStatus`, by which its 504 is 14.

use crate::RequestView;
use crate::contract::{CLIENT_LIMIT_HEADER, REQUEST_TIMEOUT_HEADER, TRY_TIMEOUT_HEADER};
use crate::http::{decimal, digits, is_grpc};
use core::time::Duration;

/// The header in which gRPC says how much time a call has.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";

/// gRPC's status of a call whose time is over.
pub const DEADLINE_EXCEEDED: &str = "4";

/// What a request may take of which nobody says how long.
const LONGEST: Duration = Duration::from_secs(3600);

/// Units of `grpc-timeout` with their length in nanoseconds, the finest first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// When a request must have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// What the route gives a request.
    pub timeout: Duration,
    /// The request header that gives it less, in milliseconds. `grpc-timeout` is always heard.
    pub header: Option<Box<str>>,
    /// With less time left than this no attempt is made.
    pub floor: Duration,
}

impl Default for Deadline {
    /// Envoy's route timeout, and ten milliseconds that an attempt takes at least.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15), header: None, floor: Duration::from_millis(10) }
    }
}

impl Deadline {
    /// How long a request may take: the least of what the route gives, its `grpc-timeout`, and the configured header in
    /// milliseconds. What cannot be read, and a header of 0, is not heard; a route's timeout of 0 is none.
    pub fn allowance(&self, request: &impl RequestView) -> Duration {
        self.of_route().into_iter().chain(self.said(request)).min().unwrap_or(LONGEST)
    }

    /// What a request says that it may take, if that is less than what the route gives it.
    pub fn shortened(&self, request: &impl RequestView) -> Option<Duration> {
        self.said(request).filter(|said| *said < self.of_route().unwrap_or(LONGEST))
    }

    /// Whether a request has a limit of its client's own that its client will want to hear of by [`DEADLINE_EXCEEDED`]: it is a gRPC call,
    /// and says less than the route gives it.
    pub fn is_clients_own(&self, request: &impl RequestView) -> bool {
        request.header("content-type").is_some_and(is_grpc) && self.shortened(request).is_some()
    }

    fn of_route(&self) -> Option<Duration> {
        Some(self.timeout).filter(|timeout| !timeout.is_zero())
    }

    fn said(&self, request: &impl RequestView) -> Option<Duration> {
        let header = self.header.as_deref().and_then(|name| in_millis(request, name));
        let grpc = request.header(GRPC_TIMEOUT).and_then(grpc_timeout);
        header.into_iter().chain(grpc).min()
    }
}

/// What a header says in milliseconds, if it says anything.
fn in_millis(request: &impl RequestView, name: &str) -> Option<Duration> {
    let millis = request.header(name).and_then(decimal)?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// The time that a client gives its request by itself, whoever enforces it: its `grpc-timeout`, one of `headers`, which are in
/// milliseconds, or Envoy's own headers, which it takes off where it does not trust the client.
pub fn clients_limit(request: &impl RequestView, headers: &[Box<str>]) -> Option<Duration> {
    let grpc = request.header(GRPC_TIMEOUT).and_then(grpc_timeout);
    let envoys = [REQUEST_TIMEOUT_HEADER, TRY_TIMEOUT_HEADER];
    let names = envoys.into_iter().chain(headers.iter().map(|name| &**name));
    names.filter_map(|name| in_millis(request, name)).chain(grpc).min()
}

/// Whether Envoy's router has ended a request, with these response code details, because its whole time was over. Of a request whose
/// limit [is its client's own](Deadline::is_clients_own) that was the client's time: what the router is told takes the place of the
/// route's timeout. An attempt that took longer than one may is the operator's limit, and keeps the operator's code.
pub fn is_clients_end(details: &[u8]) -> bool {
    matches!(details, b"response_timeout" | b"upstream_response_timeout")
}

/// The time that an attempt or a call has, as it is told the upstream; never nothing.
#[derive(Clone, Debug)]
pub struct TimeLeft {
    millis: String,
    grpc: String,
    is_clients: bool,
}

impl TimeLeft {
    /// So much. `is_clients`: by its client's own limit, so that nobody else is to blame when it is over.
    pub fn new(left: Duration, is_clients: bool) -> Self {
        Self { millis: left.as_millis().max(1).to_string(), grpc: encode_grpc_timeout(left), is_clients }
    }

    /// The header that tells outlier of a client's own limit, if it is one.
    pub fn clients(&self) -> Option<(&str, &str)> {
        self.is_clients.then_some((CLIENT_LIMIT_HEADER, &self.millis))
    }

    /// In milliseconds, as headers have it that are no gRPC's.
    pub fn millis(&self) -> &str {
        &self.millis
    }

    /// As [`GRPC_TIMEOUT`] has it.
    pub fn grpc(&self) -> &str {
        &self.grpc
    }
}

/// What a `grpc-timeout` says; `None` if it is none.
pub fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    // No white space within.
    let number = digits(number).filter(|_| number.len() <= 8)?;
    let (_, length) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    let nanos = u128::from(number) * length;
    Some(Duration::new(u64::try_from(nanos / 1_000_000_000).ok()?, (nanos % 1_000_000_000) as u32))
}

/// The `grpc-timeout` of a request that has so much time left: in the finest unit that fits, rounded down, and never nothing.
pub fn encode_grpc_timeout(left: Duration) -> String {
    let nanos = left.as_nanos();
    let fits = UNITS.iter().find(|(_, length)| nanos / length < 100_000_000);
    let (letter, length) = fits.copied().unwrap_or((b'H', 3_600_000_000_000));
    format!("{}{}", (nanos / length).clamp(1, 99_999_999), char::from(letter))
}
