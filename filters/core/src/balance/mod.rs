//! Choosing endpoints: one [`Balancer`] per upstream, one file per policy.

mod policy;

pub use policy::{HashFunction, Policy};
