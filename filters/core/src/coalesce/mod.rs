//! Identical requests that are under way at the same time share one answer.
//!
//! The first request of a key leads; those that come while it is under way follow: they wait and get a copy of its answer.
//! [`Settings`] is what an operator may say about it.

mod answer;
mod board;
mod cache;
mod flights;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod head;
mod key;
mod message;
mod passes;
mod settings;
mod sharing;

pub use crate::Address;
pub use answer::{Answer, Served, Varied};
pub use board::{BUCKETS, Board, FlightId};
pub use cache::Cache;
pub use flights::{
    Arrival, Begun, Event, Exit, Flights, Pass, Policy, QUICK_TICK, SLOW_TICK, StreamId, UnderWay, Why, World,
};
pub use key::{Bypass, MAX_KEY};
pub use passes::{MOST_BYTES, MOST_PASSES, Passes};
pub use settings::{KeyPolicy, OnError, Scope, Settings};
pub use sharing::NotShared;
