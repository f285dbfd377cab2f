//! switchyard.wasm: coalesce, batch, router and retry as one filter, in one context per request.
//!
//! It takes the place of their four modules, in their order: a request costs the callbacks of one, its head is read and written once,
//! its route is found once, and the document is parsed once. outlier.wasm stays a module of its own: calls of retry and batch create
//! attempts inside their own callbacks, and an upstream filter in the same VM would be entered twice.
//!
//! Invariant: nothing is decided here; how filters are stages of a chain is [`switchyard_frame::chain`]. Trade-off: a trap ends the
//! requests of four filters at once, not of one.

use switchyard_batch::Batch;
use switchyard_coalesce::Coalesce;
use switchyard_frame::chain::Chained;
use switchyard_retry::Retry;
use switchyard_router::Router;

/// The four downstream filters, in the order of a request's way.
pub type Switchyard = Chained<(Coalesce, Batch, Router, Retry), 4>;

/// Its root.
pub type Root = switchyard_frame::Root<Switchyard>;

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
switchyard_frame::start!(Switchyard);
