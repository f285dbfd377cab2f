//! What an operator may set about retries; plain values, validated by the configuration.

use super::predicate::BodyMatch;
use crate::budget::BudgetPolicy;
use crate::deadline::Deadline;
use crate::request_key::KeyRules;
use crate::route::HeaderMatch;
use core::ops::RangeInclusive;
use core::time::Duration;

/// Everything about retries of one route.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decide and count, and try nothing again.
    pub shadow: bool,
    /// Who tries again.
    pub engine: Engine,
    /// Which failures are worth another attempt.
    pub retry_on: RetryOn,
    /// Attempts after the first; a hedge is one of them.
    pub num_retries: u8,
    /// How long the answer to an attempt may take to begin, once the request is whole; `None`: as long as the request has left.
    pub per_try_timeout: Option<Duration>,
    /// The router's engine only: a second attempt when [`Settings::per_try_timeout`] is over, without ending the first.
    pub hedge_on_per_try_timeout: bool,
    /// When a request must have ended.
    pub deadline: Deadline,
    /// Whether requests of methods that are not idempotent are tried again, whatever the failure.
    pub non_idempotent: bool,
    /// How long to wait before an attempt.
    pub back_off: BackOff,
    /// How many retries of this route there may be.
    pub budget: BudgetPolicy,
    /// The largest body of a request, or of an answer that must be read to be judged, that is kept; in bytes.
    pub max_body: u64,
    /// How long a request waits for its body, without which a failure has no other attempt: Envoy shows none once there is an answer.
    pub body_timeout: Duration,
    /// A second attempt before the first has failed (the filter's engine).
    pub hedge: Option<Hedge>,
    /// What a client gets when all attempts have failed.
    pub fallback: Fallback,
}

/// Who tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Envoy's own router, told by the `x-envoy-*` headers: streaming, no copies.
    #[default]
    Router,
    /// The filter itself, which decides at the moment of failure.
    Filter,
}

/// Which failures are worth another attempt.
#[derive(Clone, Debug)]
pub struct RetryOn {
    /// HTTP statuses.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// gRPC statuses, from headers or trailers.
    pub grpc_statuses: Vec<u8>,
    /// No connection.
    pub connect_failure: bool,
    /// The endpoint refused the stream before it looked at it.
    pub refused_stream: bool,
    /// The connection or stream broke off before an answer.
    pub reset: bool,
    /// No answer in time.
    pub timeout: bool,
    /// Response headers; one that matches is enough.
    pub headers: Vec<HeaderMatch>,
    /// What a JSON answer says; one that matches is enough. Only the filter's engine reads bodies.
    pub body: Vec<BodyMatch>,
}

/// How long to wait before an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The first bound.
    pub base: Duration,
    /// The greatest bound.
    pub max: Duration,
    /// How randomness spreads the waits.
    pub jitter: Jitter,
    /// The longest wait that an endpoint may ask for; a longer one means no retry. `None`: it is not heard.
    pub retry_after_ceiling: Option<Duration>,
    /// Headers besides `retry-after-ms` and `retry-after` by which an endpoint asks for a wait; the first that says something counts.
    pub reset_headers: Vec<ResetHeader>,
}

/// A header that says when an endpoint takes requests again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetHeader {
    /// Its name, lower case.
    pub name: Box<str>,
    /// What its number means.
    pub format: ResetFormat,
}

/// What the number in a rate-limit header means (Envoy's `RateLimitedRetryBackOff` has the first two); it may have a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetFormat {
    /// Seconds from now.
    Seconds,
    /// Seconds since the Unix epoch.
    UnixTimestamp,
    /// Milliseconds from now.
    Milliseconds,
    /// Numbers with units, as in `1m2.5s`, from now.
    Duration,
}

/// How randomness spreads waits (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Anything below the bound, which doubles: Envoy's.
    #[default]
    Full,
    /// Between the base and three times the wait before.
    Decorrelated,
}

/// When a second attempt is made although the first has not failed (Dean and Barroso, "The Tail at Scale", CACM 2013).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// After the time in which this percentage of recent answers began, 1..=99.
    pub quantile: u8,
    /// Never sooner than this.
    pub min_delay: Duration,
    /// Until there are enough answers to tell a quantile.
    pub initial_delay: Duration,
}

/// What a client gets when all attempts have failed; the first of these that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fallback {
    /// The answer of another upstream, by its position in the document.
    pub upstream: Option<usize>,
    /// The last good answer.
    pub stale: Option<StaleIfError>,
    /// This answer.
    pub answer: Option<StaticAnswer>,
}

/// Old answers in place of errors (RFC 5861, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleIfError {
    /// How old an answer may be.
    pub max_age: Duration,
    /// What tells requests apart. `authorization`, `proxy-authorization` and `cookie` among the headers that are named let answers to
    /// requests with credentials be kept.
    pub key: KeyRules,
    /// What all kept answers of a worker may take, in bytes.
    pub max_bytes: u64,
}

/// An answer that is always the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers; names in lower case.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Its body.
    pub body: Box<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shadow: false,
            engine: Engine::Router,
            retry_on: RetryOn::default(),
            num_retries: 2,
            per_try_timeout: None,
            hedge_on_per_try_timeout: false,
            deadline: Deadline::default(),
            non_idempotent: false,
            back_off: BackOff::default(),
            budget: BudgetPolicy::default(),
            max_body: 64 << 10,
            body_timeout: Duration::from_secs(1),
            hedge: None,
            fallback: Fallback::default(),
        }
    }
}

impl Default for RetryOn {
    /// What no endpoint has finished answering: gateway errors and broken attempts.
    fn default() -> Self {
        Self {
            statuses: vec![502..=504],
            grpc_statuses: vec![14],
            connect_failure: true,
            refused_stream: true,
            reset: true,
            timeout: false,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl Default for BackOff {
    /// Envoy's 25 ms, at most 250 ms.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(25),
            max: Duration::from_millis(250),
            jitter: Jitter::Full,
            retry_after_ceiling: Some(Duration::from_secs(5)),
            reset_headers: Vec::new(),
        }
    }
}

impl Default for Hedge {
    fn default() -> Self {
        Self { quantile: 95, min_delay: Duration::from_millis(10), initial_delay: Duration::from_millis(100) }
    }
}
