//! Retries that know why: which failures, which requests, after which wait, and within which budget.
//!
//! Three questions: `classify` (is this worth another attempt, and may this request have one?), `backoff` (when?), and the
//! [budget](crate::budget) (are there any left?). [`Attempts`] is the machine of one request, [`exchanges::Retries`] that of
//! all requests of a worker.

mod attempts;
mod backoff;
mod classify;
pub mod exchanges;
mod latency;
mod pick;
mod predicate;
mod settings;
mod stale;
mod steer;

pub use attempts::{
    Attempt, Attempts, AttemptsWorld, Decision, Denied, GRACE, Step, Subject, Substitute, Verdict,
};
pub use backoff::retry_after;
pub use classify::{Failure, Reason, RetryRequest};
pub use latency::{Latencies, LatencyWindow};
pub use pick::pick;
pub use predicate::{BodyMatch, BodyRule};
pub use settings::{
    BackOff, Engine, Fallback, Hedge, Jitter, ResetFormat, ResetHeader, RetryOn, Settings, StaleIfError,
    StaticAnswer,
};
pub use stale::{MAX_KEY as MAX_STALE_KEY, StaleAnswers, StoredAnswer};
pub use steer::{STEERING_HEADERS, Steering};
