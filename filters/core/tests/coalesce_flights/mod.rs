//! The flights of workers, one step at a time.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod board;
mod elders;
mod fan_out;
mod inbox;
mod leases;
mod limits;
mod lingering;
mod memory;
mod micro_cache;
mod proxy;
mod release;
mod succession;
