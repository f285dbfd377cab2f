//! outlier.wasm: judges every attempt at an endpoint, and says which endpoints are ejected.
//!
//! It is an UPSTREAM HTTP filter: Envoy runs one stream of it per attempt, so retries and hedges that clients never
//! see are judged too. It changes no request; what it learns goes into shared data, where router.wasm, in every
//! worker, acts on it.
//!
//! Invariants: a successful attempt at an endpoint that nobody has anything against costs at most three host calls (four
//! with gRPC trailers) and writes no shared data; nothing is ever paused; whatever a host call answers, the
//! attempt goes on.
//!
//! The logic ([`Outlier`]) is generic over the host's ports and knows no ABI; the feature `abi` makes the module of it. It must be a
//! module of its own: the router's heartbeats create attempts inside the router's own callback, and a VM must not be entered twice.

mod filter;
mod plan;
mod report;
mod strangers;
mod stream;
mod upstream;
mod vm;
mod worker;

pub use stream::Stream;
pub use vm::Vm;
pub use worker::{Outlier, TICK};

/// Its root.
pub type Root = switchyard_frame::Root<Outlier>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Outlier);
