//! coalesce.wasm: identical requests that are under way at the same time share one answer.
//!
//! It is the first downstream HTTP filter. The first request of a key goes on and leads; those that come while it is under way
//! are paused and get a copy of its answer. Workers tell each other through shared data and one queue per worker.
//! All that is decided is decided in `switchyard_core::coalesce`; here are its streams, its queues and its clock.
//!
//! Invariants: other streams are answered and let go only from callbacks of the root; a request that nobody follows costs two host
//! calls on its way (five with `scope: proxy`, of which one on the way back).
//!
//! The logic ([`Coalesce`]) is generic over the host's ports and knows no ABI; the feature `abi` makes the module of it, so that
//! another module can carry this filter beside others.

mod around;
mod board;
mod filter;
mod plan;
mod report;
mod stream;
mod vm;
mod worker;

use switchyard_frame::chain::{ChainStream, Single};
pub use switchyard_host::Flow;
pub use vm::Vm;
pub use worker::Coalesce;

/// The root of its own module: a chain whose only stage it is.
pub type Root = switchyard_frame::Root<Single<Coalesce>>;

/// A request under that root.
pub type Stream = ChainStream<(Coalesce,), 1>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Single<Coalesce>);
