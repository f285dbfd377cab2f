//! Choosing endpoints: one [`Balancer`] per upstream, one file per policy.

mod bounded_load;
mod candidates;
mod maglev;
mod policy;
mod ring_hash;
mod weights;

pub use bounded_load::{BoundedLoad, ConsistentHash};
pub use candidates::Candidates;
pub use maglev::Maglev;
pub use policy::{HashFunction, Policy};
pub use ring_hash::RingHash;
