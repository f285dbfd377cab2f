//!
//! [`Settings`] is what an operator may say about it.

mod key;
mod passes;
mod settings;
mod sharing;

pub use key::{Bypass, MAX_KEY};
pub use passes::{MOST_BYTES, MOST_PASSES, Passes};
pub use settings::{KeyPolicy, OnError, Scope, Settings};
pub use sharing::NotShared;
