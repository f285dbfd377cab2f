//! Identical requests that are under way at the same time share one answer.
//!
//! The first request of a key leads; those that come while it is under way follow: they wait and get a copy of its answer.
//! [`Settings`] is what an operator may say about it.

mod settings;

pub use settings::{KeyPolicy, OnError, Scope, Settings};
