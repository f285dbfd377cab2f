//! Retries that know why: which failures, which requests, after which wait, and within which budget.
//!
//! Three questions, three modules: [`classify`] (is this worth another attempt, and may this request have one?),
//! [`backoff`] (when?), [`budget`] (are there any left?).

mod backoff;
mod budget;
mod classify;
mod settings;

pub use backoff::retry_after;
pub use budget::{BUCKETS, BYTES, Budget};
pub use classify::{Failure, Reason, Request};
pub use settings::{Backoff, Budget as BudgetPolicy, Engine, Jitter, RetryOn, Settings};
