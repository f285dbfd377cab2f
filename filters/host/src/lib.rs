//! The only crate of Switchyard that touches the proxy-wasm ABI.
//!
//! Filters see the host through narrow ports, one per need ([`RequestHeaders`], [`Clock`], [`MetricSink`], …).
//! In a VM they are `Hostcalls`; in native tests they are the recording `fake::FakeHost`.
//!
//! Invariant: no status that a host may return traps the VM. The SDK's own helpers panic on a status they did
//! not expect (`proxy_get_header_map_pairs` in the wrong phase, say), and a trap fails every stream of the
//! worker; so the host functions are declared here once more and every status becomes a [`HostError`]. From
//! the SDK come only the dispatcher (contexts and callbacks, see `entry`) and the logger.

#[cfg(any(target_arch = "wasm32", clippy))]
mod abi;
#[cfg(any(target_arch = "wasm32", clippy))]
pub mod entry;
mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod header_map;
mod ports;

#[cfg(any(target_arch = "wasm32", clippy))]
pub use abi::Hostcalls;
pub use error::{HostError, Status};
pub use header_map::HeaderMap;
pub use ports::{
    Bodies, Call, CallAnswers, Clock, Contexts, Decisions, Host, HttpCalls, MetricId, MetricSink,
    PluginConfiguration, Properties, Queues, Replies, RequestHeaders, ResponseHeaders, Shared, SharedData,
    Ticks,
};
#[doc(hidden)]
pub use proxy_wasm;
pub use switchyard_core::Flow;
