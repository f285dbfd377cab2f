//! Distinct requests that an upstream can serve in one call: what of each goes into the call, and whose each part of
//! the answer is.
//!
//! A [`Protocol`] reads a client's request into a [`Part`], joins parts into one request, and splits its answer into
//! one [`Share`] for each. When a batch leaves, and what becomes of one that fails, is decided in [`gather`].

mod call;
pub mod gather;
pub mod json;
mod key;
mod pace;
mod part;
mod protocol;
mod settings;
mod share;
mod shares;
mod tolerance;

pub use call::{call_headers, is_readable, relayed};
pub use key::{Bypass, HeadKey, MAX_KEY};
pub use pace::{Crowd, Model, Pace};
pub use part::{Part, Unbatchable, Why};
pub use protocol::{Embeddings, IdForm, IdList, JsonArray, JsonRpc, Protocol, Sends};
pub use settings::{Adaptive, Estimator, KeyPolicy, Leaves, OnFailure, Scope, Settings, Short};
pub use share::{Answer, Broken, Joined, Outcome, Share};
pub use shares::Shares;
pub use tolerance::{Most, Tolerance};
