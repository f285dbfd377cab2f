//! router.wasm: names the cluster and the ordered endpoints of every request.
//!
//! It is a downstream HTTP filter. On the request's headers it finds the route, draws or hashes the upstream
//! of a split, asks the upstream's balancer for an ordered list of endpoints, and writes both into headers
//! that Envoy's `cluster_header` route and `override_host` policy follow. Envoy's own retries then walk the
//! list, so a retry goes where the filter wants it, too.
//!
//! Invariants: a client's own steering headers never survive; a request is paused only when it has been answered; in the steady state a
//! request hashed by a header costs at most three host calls.
//!
//! The logic ([`Router`]) is generic over the host's ports and knows no ABI; the feature `abi` makes the module of it, so that
//! another module can carry this filter beside others.

mod arrivals;
mod ejection;
mod explain;
mod filter;
mod first_byte;
mod heartbeats;
mod lists;
mod load_report;
mod membership;
mod owners;
mod plan;
mod said;
mod stream;
mod upstream;
mod worker;

use switchyard_frame::chain::{ChainStream, Single};
pub use worker::{Router, TICK, Vm};

/// The root of its own module: a chain whose only stage it is.
pub type Root = switchyard_frame::Root<Single<Router>>;

/// A request under that root.
pub type Stream = ChainStream<(Router,), 1>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Single<Router>);
