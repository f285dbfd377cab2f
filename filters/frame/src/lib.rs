//! What every filter needs around its logic, once.
//!
//! A filter is a [`Filter`]: one configuration in one worker, made of the [`Document`](switchyard_config::Document) that all filters
//! share, and a [`Stream`] for each request. Its [`Root`] takes configurations or refuses them, hands the host's callbacks on, and is
//! the same for all filters. What a filter says to it, it says through [`Mailbox`] (who wakes it), [`Pacer`] and [`BusyTicks`] (when it is to tick) and
//! [`EffectiveContext`] (in whose name calls are made); requests that wait for their bodies are in [`held_bodies`].
//! [`metrics`] are what is counted, [`identity`] says who asks, and [`shared`] is what workers have in common.
//!
//! Invariant: nothing here knows which filter it is for, and no filter knows that the root, the queue, the tick or what is kept in
//! the thread are its own: a module may hold several, each on a host of its own.

pub mod asker;
mod busy_ticks;
pub mod chain;
mod clusters;
mod counterpart;
mod effective_context;
#[cfg(any(target_arch = "wasm32", clippy))]
pub mod entry;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod filter;
pub mod following;
mod head;
pub mod held_bodies;
pub mod identity;
mod interval;
mod mailbox;
pub mod metrics;
pub mod noise;
mod pacer;
mod presence;
mod reporter;
mod root;
pub mod rotation;
mod serving;
pub mod shared;
mod stored;
mod timer;
mod vm;

pub use busy_ticks::{BusyTicks, QUIET};
pub use clusters::FoundClusters;
pub use counterpart::Counterpart;
pub use effective_context::EffectiveContext;
pub use filter::{Filter, Setup, Stream};
pub use head::{Head, unsteer};
pub use interval::Interval;
pub use mailbox::{Mailbox, prepare};
pub use pacer::{Pacer, SHORTEST_TICK};
pub use reporter::Reporter;
pub use root::Root;
#[doc(hidden)]
pub use switchyard_host;
pub use timer::{Timed, Timer};
pub use vm::Vm;
