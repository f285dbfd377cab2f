//! batch.wasm: distinct requests that an upstream can serve together go as one call.
//!
//! It is a downstream HTTP filter behind coalesce.wasm and in front of router.wasm. A request that finds nothing of its key under way
//! goes on as its client wrote it; those that come meanwhile are paused, leave as one call of the root's, and get their shares of its
//! answer. All that is decided is decided in `switchyard_core::batch`; here are its streams, its calls, its queue and its clock.
//!
//! Invariants: other streams are answered and let go, and calls are made, only from callbacks of the root; each root gathers
//! for its own streams, so requests end under the configuration that they began with. It is a module of its own: a call creates
//! its upstream stream at once, and an upstream filter in the same VM would be entered twice.
//!
//! The logic ([`Batch`]) is generic over the host's ports and knows no ABI; the feature `abi` makes the module of it, so that
//! another module can carry this filter beside others.

mod around;
mod filter;
mod plan;
mod report;
mod site;
mod slots;
mod stream;
mod worker;

pub use site::Vm;
use switchyard_frame::chain::{ChainStream, Single};
pub use switchyard_host::Flow;
pub use worker::Batch;

/// The root of its own module: a chain whose only stage it is.
pub type Root = switchyard_frame::Root<Single<Batch>>;

/// A request under that root.
pub type Stream = ChainStream<(Batch,), 1>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Single<Batch>);
