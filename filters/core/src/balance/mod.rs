//! Choosing endpoints: one [`Balancer`] per upstream, one file per policy.

mod candidates;
mod policy;

pub use candidates::Candidates;
pub use policy::{HashFunction, Policy};
