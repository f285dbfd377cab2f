//! Distinct requests that an upstream can serve in one call: what of each goes into the call, and whose each part of
//! the answer is.
//!
//! A [`Protocol`] reads a client's request into a [`Part`], joins parts into one request, and splits its answer into
//! one [`Share`] for each. When a batch leaves, and what becomes of one that fails, is not decided here.

pub mod json;
mod part;
mod protocol;
mod share;

pub use part::{Part, Unbatchable, Why};
pub use protocol::{Embeddings, IdForm, IdList, JsonArray, JsonRpc, Protocol, Sends};
pub use share::{Answer, Broken, Joined, Outcome, Share};
