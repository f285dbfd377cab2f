//! Batches of workers, one step at a time.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod answers;
mod clock;
mod crowds;
mod deadlines;
mod edges;
mod failures;
mod giving;
mod guests;
mod leases;
mod leaving;
mod lessons;
mod limits;
mod lost;
mod orphans;
mod proxy;
mod stalls;
mod triggers;
mod turns;
mod world;
