//! What an operator may set about retries; plain values, validated by the configuration.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Everything about retries of one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Decide and count, and try nothing again.
    pub shadow: bool,
    /// Who tries again.
    pub engine: Engine,
    /// Which failures are worth another attempt.
    pub retry_on: RetryOn,
    /// Attempts after the first.
    pub max_retries: u8,
    /// How long one attempt may take; `None`: as long as the route gives.
    pub per_try_timeout: Option<Duration>,
    /// Whether requests of methods that are not idempotent are tried again, whatever the failure.
    pub non_idempotent: bool,
    /// How long to wait before an attempt.
    pub backoff: Backoff,
    /// How many retries there may be.
    pub budget: Budget,
    /// The largest request body that is kept for another attempt, in bytes.
    pub max_body: u64,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// How long to wait before an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first bound.
    pub base: Duration,
    /// The greatest bound.
    pub max: Duration,
    /// How chance spreads the waits.
    pub jitter: Jitter,
    /// The longest wait that an endpoint may ask for (`retry-after`); a longer one means no retry. `None`: it is not
    /// heard.
    pub retry_after_ceiling: Option<Duration>,
}

/// How chance spreads waits (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Anything below the bound, which doubles: Envoy's.
    #[default]
    Full,
    /// Between the base and three times the wait before.
    Decorrelated,
}

/// How many retries there may be, per route and per upstream, in all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Retries per request, in parts per million.
    pub ratio_ppm: u32,
    /// Retries that are allowed however few requests there are.
    pub min_per_second: u32,
    /// The time over which requests and retries are compared.
    pub window: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shadow: false,
            engine: Engine::Router,
            retry_on: RetryOn::default(),
            max_retries: 2,
            per_try_timeout: None,
            non_idempotent: false,
            backoff: Backoff::default(),
            budget: Budget::default(),
            max_body: 64 << 10,
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
        }
    }
}

impl Default for Backoff {
    /// Envoy's 25 ms, at most 250 ms.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(25),
            max: Duration::from_millis(250),
            jitter: Jitter::Full,
            retry_after_ceiling: Some(Duration::from_secs(5)),
        }
    }
}

impl Default for Budget {
    /// Finagle's and linkerd's: a fifth of the requests, and ten a second, over ten seconds.
    fn default() -> Self {
        Self { ratio_ppm: 200_000, min_per_second: 10, window: Duration::from_secs(10) }
    }
}
