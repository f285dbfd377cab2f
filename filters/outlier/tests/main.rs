//! All tests of outlier from outside, as one program: linking one for each file took longer than running them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod answers;
mod blame;
mod budget;
mod endings;
mod faults;
mod heartbeats;
mod in_flight;
mod published;
mod rest;
mod strangers;
mod worker;
mod workers;
