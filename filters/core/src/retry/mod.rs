//! Retries that know why: which failures, which requests, after which wait, and within which budget.
//!
//! Three questions, three modules: `classify` (is this worth another attempt, and may this request have one?),
//! `backoff` (when?), `budget` (are there any left?). [`Attempts`] is the machine of one request, [`exchanges::Retries`] that of
//! all requests of a worker.

mod attempts;
mod backoff;
mod budget;
mod classify;
mod deadline;
pub mod exchanges;
mod latency;
mod pick;
mod predicate;
mod settings;
mod stale;
mod steer;

pub use attempts::{Attempt, Attempts, Decision, Denied, GRACE, Step, Subject, Substitute, Verdict, World};
pub use backoff::retry_after;
pub use budget::{BUCKETS, BYTES, Budget};
pub use classify::{Failure, Reason, Request};
pub use deadline::{encode_grpc_timeout, grpc_timeout};
pub use latency::{Latencies, LatencyWindow};
pub use pick::pick;
pub use predicate::{BodyMatch, BodyRule};
pub use settings::{
    BackOff, Budget as BudgetPolicy, Deadline, Engine, Fallback, Hedge, Jitter, ResetFormat, ResetHeader,
    RetryOn, Settings, StaleIfError, StaticAnswer,
};
pub use stale::{MAX_KEY as MAX_STALE_KEY, StaleAnswers, StoredAnswer};
pub use steer::{STEERING_HEADERS, Steering};
