//! retry.wasm: which requests are tried again, when, where, and within which budget.
//!
//! It is a downstream HTTP filter behind router.wasm, so it sees the answer first. A route has one of two engines. With
//! `engine: router` it tells Envoy's own router the policy in `x-envoy-*` headers; nothing is copied. With `engine: filter`
//! it decides when a failure is there: it holds the answer back, waits, sends the request again to the next endpoint as
//! a call of its own, and answers with what comes back.
//!
//! Invariants: a request waits for nothing but its own body, for `body_timeout`, and only where this filter may send it again; every
//! answer that is held back ends by the deadline; a client's own retry headers never count; without a failure a request costs two host
//! calls (filter) or three (router).
//!
//! The logic ([`Retry`], [`Stream`]) is generic over the host's ports and knows no ABI; the feature `abi` makes the module of it, so
//! that another module can carry this filter beside others.

mod answering;
mod plan;
mod replay;
mod report;
mod root;
mod stream;
mod worker;
mod world;

pub use root::{Retry, Vm};
pub use switchyard_core::retry::exchanges::{MOST_KEPT, NEWS_TICK, TICK};
use switchyard_frame::chain::{ChainStream, Single};
pub use switchyard_host::Flow;

/// The root of its own module: a chain whose only stage it is.
pub type Root = switchyard_frame::Root<Single<Retry>>;

/// A request under that root.
pub type Stream = ChainStream<(Retry,), 1>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Single<Retry>);
