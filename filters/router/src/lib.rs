//! router.wasm: names the cluster and the ordered endpoints of every request.
//!
//! It is a downstream HTTP filter. On the request's headers it finds the route, draws or hashes the upstream
//! of a split, asks the upstream's balancer for an ordered list of endpoints, and writes both into headers
//! that Envoy's `cluster_header` route and `override_host` policy follow. Envoy's own retries then walk the
//! list, so a retry goes where the filter wants it, too.
//!
//! Invariants: a client's own steering headers never survive; a request is never paused; in the steady state a
//! request hashed by a header costs at most three host calls.
//!
//! The logic ([`Root`], [`Stream`]) is generic over the host's ports and knows no ABI; the feature `abi`
//! makes the module of them, so that another module can carry this filter beside others.

mod ejection;
#[cfg(any(target_arch = "wasm32", clippy))]
mod entry;
mod explain;
mod heartbeats;
mod plan;
mod root;
mod roster;
mod stream;
mod upstream;

pub use plan::Plan;
pub use root::{Root, RootHost, TICK};
pub use stream::{Stream, StreamHost};
