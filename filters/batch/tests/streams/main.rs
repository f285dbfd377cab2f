//! batch.wasm on a host that records every call: one worker, and several in one thread.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod across;
mod answers;
mod batches;
mod bodies;
mod calls;
mod deadlines;
mod degraded;
mod lives;
mod lone;
mod metrics;
mod passes;
mod price;
mod reload;
mod shadow;
mod storm;
mod tells;
mod unread;
mod unreadable;
mod unsent;
mod waking;
mod who_asks;
mod worker;
