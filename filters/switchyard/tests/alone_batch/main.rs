//! batch.wasm's own tests, with the filter as the only stage of a chain: it behaves as it does by itself, to the last host call.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

// The tests say `switchyard_batch`, and get what this crate says it is.
extern crate self as switchyard_batch;
extern crate switchyard_batch as single;

pub use single::Flow;
use switchyard_frame::chain::{ChainStream, Chained};

/// The only stage.
pub type Batch = Chained<(single::Batch,), 1>;
/// Its stream.
pub type Stream = ChainStream<(single::Batch,), 1>;
/// Its root.
pub type Root = switchyard_frame::Root<Batch>;

#[path = "../../../batch/tests/streams/across.rs"]
mod across;
#[path = "../../../batch/tests/streams/answers.rs"]
mod answers;
#[path = "../../../batch/tests/streams/batches.rs"]
mod batches;
#[path = "../../../batch/tests/streams/bodies.rs"]
mod bodies;
#[path = "../../../batch/tests/streams/calls.rs"]
mod calls;
#[path = "../../../batch/tests/streams/deadlines.rs"]
mod deadlines;
#[path = "../../../batch/tests/streams/degraded.rs"]
mod degraded;
#[path = "../../../batch/tests/streams/lives.rs"]
mod lives;
#[path = "../../../batch/tests/streams/lone.rs"]
mod lone;
#[path = "../../../batch/tests/streams/metrics.rs"]
mod metrics;
#[path = "../../../batch/tests/streams/passes.rs"]
mod passes;
#[path = "../../../batch/tests/streams/price.rs"]
mod price;
#[path = "../../../batch/tests/streams/reload.rs"]
mod reload;
#[path = "../../../batch/tests/streams/shadow.rs"]
mod shadow;
#[path = "../../../batch/tests/streams/storm/mod.rs"]
mod storm;
#[path = "../../../batch/tests/streams/tells.rs"]
mod tells;
#[path = "../../../batch/tests/streams/unread.rs"]
mod unread;
#[path = "../../../batch/tests/streams/unreadable.rs"]
mod unreadable;
#[path = "../../../batch/tests/streams/unsent.rs"]
mod unsent;
#[path = "../../../batch/tests/streams/waking.rs"]
mod waking;
#[path = "../../../batch/tests/streams/who_asks.rs"]
mod who_asks;
#[path = "../../../batch/tests/streams/worker/mod.rs"]
mod worker;
