//! The section `retry`: who tries again, how often, when, and within which budget.

use super::Mode;
use super::fallback::Fallback;
use super::retry_on::RetryOn;
use crate::read::{section, words};
use crate::values::{ByteSize, Duration};

section! {
    /// Retries by retry.wasm.
    Retry {
        required {}
        optional {
            /// `shadow` decides and counts, and tries nothing again. Default: the document's mode.
            mode: Mode,
            /// `router` tells Envoy's own router the policy; `filter` decides in the filter when a failure is there.
            /// Default: router.
            engine: Engine,
            /// Which failures are worth another attempt. Default: 502 to 504, connect failures, refused streams, resets,
            /// and gRPC's unavailable.
            retry_on: RetryOn,
            /// Attempts after the first, 0 to 10; a hedge is one of them. Default: 2.
            #[cfg_attr(feature = "schema", schemars(range(max = 10)))]
            num_retries: u64,
            /// How long the answer to an attempt may take to begin. Default: as long as the request has left.
            per_try_timeout: Duration,
            /// A second attempt when per_try_timeout is over, without ending the first (engine router). Default: false.
            hedge_on_per_try_timeout: bool,
            /// What the Envoy route gives a request; 0s: no limit. Default: 15s, which is Envoy's.
            timeout: Duration,
            /// A request header that says in milliseconds how much time the request has. `grpc-timeout` is always heard.
            /// Default: none.
            deadline_header: String,
            /// With less time left than this no attempt is made. Default: 10ms.
            deadline_floor: Duration,
            /// Tries requests of methods that are not idempotent again, too, whatever the failure. Default: false, unless
            /// they carry an idempotency-key or no endpoint has seen them.
            non_idempotent: bool,
            /// How long to wait before an attempt (engine filter; Envoy's router waits by the route's retry_back_off).
            back_off: BackOff,
            /// How many retries of this route there may be, in all workers together.
            budget: Budget,
            /// The largest request body that is kept for another attempt, and the largest answer that is read to be judged;
            /// at most 1MiB. Default: 64KiB.
            max_body: ByteSize,
            /// How long a request waits for its body, which clients often write apart from the head, before it goes on,
            /// 10ms to 10s (engine filter). Default: 1s.
            body_timeout: Duration,
            /// A second attempt before the first has failed (engine filter). Default: none.
            hedge: Hedge,
            /// What a client gets when all attempts have failed. Default: the failure.
            fallback: Fallback,
        }
    }
}

words! {
    /// Who tries again.
    Engine {
        /// Envoy's own router, told by headers: streaming, no copies.
        Router = "router",
        /// The filter itself, which sees the answer first.
        Filter = "filter",
    }
}

section! {
    /// How long to wait before an attempt.
    BackOff {
        required {}
        optional {
            /// The first bound. Default: 25ms.
            base: Duration,
            /// The greatest bound. Default: 250ms, or base if that is longer.
            max: Duration,
            /// How randomness spreads the waits. Default: full.
            jitter: Jitter,
            /// Waits as long as `retry-after-ms`, `retry-after` or a reset header asks, and up to half as long again. Default: true.
            retry_after: bool,
            /// The longest wait that an endpoint may ask for; a longer one means no retry. Default: 5s.
            retry_after_ceiling: Duration,
            /// Headers besides retry-after-ms and retry-after by which an endpoint asks for a wait. Default: none.
            reset_headers: Vec<ResetHeader>,
        }
    }
}

words! {
    /// How randomness spreads waits.
    Jitter {
        /// Anything below a bound that doubles, as Envoy does.
        Full = "full",
        /// Between the base and three times the wait before.
        Decorrelated = "decorrelated",
    }
}

section! {
    /// A header that says when an endpoint takes requests again.
    ResetHeader {
        required {
            /// Its name, in lower case.
            name: String,
            /// What its number means.
            format: ResetFormat,
        }
        optional {}
    }
}

words! {
    /// What a reset header says; a number may have a fraction.
    ResetFormat {
        /// Seconds from now.
        Seconds = "seconds",
        /// Seconds since the Unix epoch.
        UnixTimestamp = "unix_timestamp",
        /// Milliseconds from now.
        Milliseconds = "milliseconds",
        /// Numbers with units from now, as in `1m2.5s`.
        Duration = "duration",
    }
}

section! {
    /// How many retries, or calls in place of batches that failed, there may be: ratio times the requests of the window,
    /// plus min_per_second.
    Budget {
        required {}
        optional {
            /// Retries per request, 0 to 1. Default: 0.2.
            #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
            ratio: f64,
            /// Retries that are allowed however few requests there are, 0 to 1000000. Default: 10.
            #[cfg_attr(feature = "schema", schemars(range(max = 1_000_000)))]
            min_per_second: u64,
            /// The time over which requests and retries are compared, 1s to 1h. Default: 10s.
            window: Duration,
            /// Retries under way at a time, per worker (engine filter, and batch), 1 to 1000000. Default: 1024.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            max_concurrent: u64,
        }
    }
}

section! {
    /// A second attempt to another endpoint when the answer has not begun by the time that most do.
    Hedge {
        required {}
        optional {
            /// The percentage of recent answers that had begun by then, 1 to 99. Default: 95.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 99)))]
            quantile: u64,
            /// Never sooner than this. Default: 10ms.
            min_delay: Duration,
            /// The delay until there are enough answers to tell. Default: 100ms.
            initial_delay: Duration,
        }
    }
}
