//! coalesce.wasm's own tests, with the filter as the only stage of a chain: it behaves as it does by itself, to the last host call.
//!
//! Its storm is not among them: of a body that goes on before it is whole a chain holds one piece more, for a tick, which the storm takes for a
//! fault of the filter's.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

// The tests say `switchyard_coalesce`, and get what this crate says it is.
extern crate self as switchyard_coalesce;
extern crate switchyard_coalesce as single;

pub use single::Flow;
use switchyard_frame::chain::{ChainStream, Chained};

/// The only stage.
pub type Coalesce = Chained<(single::Coalesce,), 1>;
/// Its stream.
pub type Stream = ChainStream<(single::Coalesce,), 1>;
/// Its root.
pub type Root = switchyard_frame::Root<Coalesce>;

#[path = "../../../coalesce/tests/streams/across.rs"]
mod across;
#[path = "../../../coalesce/tests/streams/bodies.rs"]
mod bodies;
#[path = "../../../coalesce/tests/streams/degraded.rs"]
mod degraded;
#[path = "../../../coalesce/tests/streams/followers.rs"]
mod followers;
#[path = "../../../coalesce/tests/streams/kept.rs"]
mod kept;
#[path = "../../../coalesce/tests/streams/metrics.rs"]
mod metrics;
#[path = "../../../coalesce/tests/streams/price.rs"]
mod price;
#[path = "../../../coalesce/tests/streams/reload.rs"]
mod reload;
#[path = "../../../coalesce/tests/streams/shadow.rs"]
mod shadow;
#[path = "../../../coalesce/tests/streams/stray.rs"]
mod stray;
#[path = "../../../coalesce/tests/streams/waking.rs"]
mod waking;
#[path = "../../../coalesce/tests/streams/who_asks.rs"]
mod who_asks;
#[path = "../../../coalesce/tests/streams/worker/mod.rs"]
mod worker;
