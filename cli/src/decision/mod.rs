//! What the filters decide for a request, by their own code: the router runs here natively, on the host that its tests run on.
//!
//! Invariant: where a request goes is not computed here but read from what the router says of itself, the header `x-switchyard-explain`;
//! whether it shares an answer or a call is what the core's keys say, asked in the order in which the filters ask.
//! Trade-off: what only a running Envoy knows (which endpoints a cluster has, who is ejected, how loaded they are, who asks by a token or a
//! certificate) is not known here; what is drawn at random is one draw, of a seed.

mod condition;
mod decider;
mod document;
mod explanation;
mod hashed;
mod passed_over;
mod request;
mod retries;
mod sharing;

pub use condition::{Failed, describe};
pub use decider::{Decider, Outcome};
pub use document::{GivenEndpoints, Prepared};
pub use explanation::Explanation;
pub use hashed::{Drawn, Hashed, Part};
pub use passed_over::{Passed, PassedOver};
pub use request::Request;
pub use retries::{Repeats, Retrying};
pub use sharing::{Alone, Batched, Coalesced};

#[cfg(test)]
mod tests;
