//! All tests of the configuration from outside, as one program: linking one for each file took longer than running them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod batch;
mod batch_wrong;
mod clusters;
mod coalesce;
mod coalesce_waits;
mod coalesce_wrong;
mod discovery;
mod discovery_wrong;
mod documents;
mod faults;
mod key_wrong;
mod outlier;
mod outlier_bounds;
mod priority;
mod reference;
mod retry;
mod retry_wrong;
mod stored;
mod wrong_documents;
