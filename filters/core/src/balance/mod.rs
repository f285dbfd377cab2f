//! Choosing endpoints: one [`Balancer`] per upstream, one file per policy.
//!
//! Invariants: candidates are distinct and admitted ([`Admission`]: in panic health is ignored, but for what the operator has
//! taken out by hand); whenever anyone is admitted there is a candidate. Buffers are kept, so a choice in the steady state allocates nothing. A hash policy without a
//! hash chooses nobody: the caller has a policy for that case.

mod bounded_load;
mod candidates;
mod least_request;
mod load_reported;
mod maglev;
mod peak_ewma;
mod policy;
mod pool;
mod random;
mod ring_hash;
mod rotation;
mod weights;

use crate::health::Admission;
use crate::load::{LatencyPolicy, Loads};
use crate::{Endpoints, Timestamp};
pub use bounded_load::{BoundedLoad, ConsistentHash};
pub use candidates::Candidates;
use fastrand::Rng;
use least_request::LeastRequest;
use load_reported::LoadReported;
pub use maglev::Maglev;
use peak_ewma::PeakEwma;
pub use policy::{HashFunction, Policy, RingSize};
use random::Random;
pub use ring_hash::RingHash;
use rotation::{RoundRobin, SmoothWeighted};

/// What a choice looks at.
pub struct Choice<'a> {
    /// The request's key, for policies that hash.
    pub hash: Option<u64>,
    /// The time now, for policies that learn from latency.
    pub now: Timestamp,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Load of the endpoints.
    pub loads: &'a Loads,
    /// Who may be chosen.
    pub admission: Admission<'a>,
}

/// Chooses endpoints by one policy; holds its tables and its place in them.
///
/// ```
/// use core::num::NonZeroU32;
/// use switchyard_core::balance::{Balancer, Candidates, Choice, Policy};
/// use switchyard_core::health::Admission;
/// use switchyard_core::load::Loads;
/// use switchyard_core::{Endpoint, Endpoints, Timestamp};
///
/// let at = |address: &str| Endpoint { address: address.into(), weight: NonZeroU32::MIN, hash_key: None };
/// let endpoints = Endpoints::new(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"].map(at).into());
/// let policy = Policy::Maglev { table_size: 251, hash_balance_factor: None };
/// let mut balancer = Balancer::new(&policy, &endpoints);
///
/// let mut candidates = Candidates::new(2);
/// let choice = Choice {
///     hash: Some(7),
///     now: Timestamp::from_millis(0),
///     rng: &mut fastrand::Rng::with_seed(1),
///     loads: &Loads::new(endpoints.len()),
///     admission: Admission::everyone(),
/// };
/// balancer.choose(choice, &mut candidates);
/// assert_eq!(candidates.len(), 2, "where the request goes, and where if that fails");
/// ```
#[derive(Clone, Debug)]
pub struct Balancer {
    kind: Kind,
    endpoints: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    RoundRobin(RoundRobin),
    SmoothWeighted(SmoothWeighted),
    Random(Random),
    LeastRequest(LeastRequest),
    PeakEwma(PeakEwma),
    LoadReported(LoadReported),
    RingHash(RingHash, Option<BoundedLoad>),
    Maglev(Maglev, Option<BoundedLoad>),
}

impl Balancer {
    /// A balancer of `endpoints` by `policy`. Builds the policy's table, if it has one.
    pub fn new(policy: &Policy, endpoints: &Endpoints) -> Self {
        let bounded = |factor: &Option<u32>| factor.map(|factor| BoundedLoad::new(endpoints, factor));
        let kind = match policy {
            Policy::RoundRobin => Kind::RoundRobin(RoundRobin::new(endpoints.len())),
            Policy::SmoothWeightedRoundRobin => Kind::SmoothWeighted(SmoothWeighted::new(endpoints)),
            Policy::Random => Kind::Random(Random::uniform(endpoints.len())),
            Policy::WeightedRandom => Kind::Random(Random::weighted(endpoints)),
            Policy::LeastRequest { choice_count, active_request_bias } => {
                Kind::LeastRequest(LeastRequest::new(endpoints, *choice_count, *active_request_bias))
            }
            Policy::PeakEwma { decay, default_latency } => {
                let latency = LatencyPolicy { decay: *decay, default: *default_latency };
                Kind::PeakEwma(PeakEwma::new(endpoints, latency))
            }
            Policy::LoadReported(reports) => Kind::LoadReported(LoadReported::new(endpoints.len(), reports)),
            Policy::RingHash { hash_function, size, hash_balance_factor } => {
                Kind::RingHash(RingHash::of(endpoints, *hash_function, *size), bounded(hash_balance_factor))
            }
            Policy::Maglev { table_size, hash_balance_factor } => {
                Kind::Maglev(Maglev::new(endpoints, *table_size), bounded(hash_balance_factor))
            }
        };
        Self { kind, endpoints: endpoints.len() }
    }

    /// Takes over what endpoints have reported by `now`, if the policy looks at it and it is time to; called on ticks and with each
    /// report, so that a choice needs no clock for it.
    pub fn refresh(&mut self, now: Timestamp, loads: &Loads) {
        if let Kind::LoadReported(balancer) = &mut self.kind {
            balancer.refresh(now, loads);
        }
    }

    /// Adds the endpoints of one request to `candidates`, best first, until they are full or nobody is left.
    pub fn choose(&mut self, choice: Choice<'_>, candidates: &mut Candidates) {
        match &mut self.kind {
            Kind::RoundRobin(balancer) => balancer.choose(choice, candidates),
            Kind::SmoothWeighted(balancer) => balancer.choose(choice, candidates),
            Kind::Random(balancer) => balancer.choose(choice, candidates),
            Kind::LeastRequest(balancer) => balancer.choose(choice, candidates),
            Kind::PeakEwma(balancer) => balancer.choose(choice, candidates),
            Kind::LoadReported(balancer) => balancer.choose(choice, candidates),
            Kind::RingHash(table, bounded) => {
                hashed(table, bounded.as_ref(), &choice, candidates);
                without_a_place(self.endpoints, &choice, candidates);
            }
            Kind::Maglev(table, bounded) => hashed(table, bounded.as_ref(), &choice, candidates),
        }
    }
}

fn hashed(
    table: &impl ConsistentHash,
    bounded: Option<&BoundedLoad>,
    choice: &Choice<'_>,
    candidates: &mut Candidates,
) {
    let Some(hash) = choice.hash else { return };
    match bounded {
        None => {
            table.candidates(hash, |index| choice.admission.admits_key(index, hash), candidates);
            // While everybody ramps up, a key may have nobody yet; then a part of a share is better than none.
            if candidates.is_empty() {
                table.candidates(hash, |index| choice.admission.admits(index), candidates);
            }
        }
        Some(bounded) => {
            let key = |index| choice.admission.admits_key(index, hash);
            bounded.choose(table, hash, choice.loads, key, candidates);
            if candidates.is_empty() {
                let any = |index| choice.admission.admits(index);
                bounded.choose(table, hash, choice.loads, any, candidates);
            }
        }
    }
}

/// A ring cut short by its maximum may have no point of anyone admitted; then the key goes to one of them all the
/// same, found by going round the list from where its hash falls.
fn without_a_place(endpoints: usize, choice: &Choice<'_>, candidates: &mut Candidates) {
    let Some(hash) = choice.hash.filter(|_| candidates.is_empty() && endpoints > 0) else { return };
    let start = (hash % endpoints as u64) as usize;
    let round = (start..endpoints).chain(0..start).filter(|index| choice.admission.admits(*index));
    for index in round.take(candidates.limit()) {
        candidates.push(index);
    }
}
