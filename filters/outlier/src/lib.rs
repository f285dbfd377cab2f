//! outlier.wasm: judges every attempt at an endpoint, and says which endpoints are out.
//!
//! It is an UPSTREAM HTTP filter: Envoy runs one stream of it per attempt, so retries and hedges that clients never
//! see are judged too. It changes no request; what it learns goes into shared data, where router.wasm, in every
//! worker, acts on it.
//!
//! Invariants: a successful attempt at an endpoint that nobody has anything against costs at most three host calls (four
//! with gRPC trailers) and writes no shared data; nothing is ever paused; whatever a host call answers, the
//! attempt goes on.
//!
//! The logic ([`Root`], [`Stream`]) is generic over the host's ports and knows no ABI; the ABI entry is the feature
//! `abi`. It must be a module of its own: the router's heartbeats create attempts inside the router's own callback, and
//! a VM must not be entered twice.

#[cfg(any(target_arch = "wasm32", clippy))]
mod entry;
mod plan;
mod report;
mod root;
mod stream;
mod upstream;

pub use root::{Root, RootHost, TICK};
pub use stream::{Stream, StreamHost};
