//! One policy over one list of endpoints, which it knows by their places in that list.

use super::ask::Ask;
use super::least_request::LeastRequest;
use super::load_reported::LoadReported;
use super::peak_ewma::PeakEwma;
use super::random::Random;
use super::rotation::{RoundRobin, SmoothWeighted};
use super::{BoundedLoad, Candidates, ConsistentHash, Maglev, Policy, RingHash};
use crate::load::{LatencyPolicy, LoadsWithin};
use crate::{Endpoints, Timestamp};

/// Points of a ring, or slots of a table, that are looked through to say who owns how much: of more, weights are as good.
const MOST_COUNTED: usize = 1 << 17;

/// The policy's tables and its place in them.
#[derive(Clone, Debug)]
pub(super) struct Table {
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

impl Table {
    /// The table of `endpoints`.
    pub(super) fn new(policy: &Policy, endpoints: &Endpoints) -> Self {
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

    /// How many steps it takes to say who has how much of it: none, if keys do not fall into it or it is too large for that.
    pub(super) fn steps(&self) -> usize {
        let steps = match &self.kind {
            Kind::RingHash(ring, _) => ring.len(),
            Kind::Maglev(table, _) => table.len(),
            _ => 0,
        };
        if steps <= MOST_COUNTED { steps } else { 0 }
    }

    /// How much of it each endpoint has; `None`: it takes no steps to say so, but what weights say.
    pub(super) fn parts(&self) -> Option<Vec<u64>> {
        if self.steps() == 0 {
            return None;
        }
        match &self.kind {
            Kind::RingHash(ring, _) => ring.parts(self.endpoints),
            Kind::Maglev(table, _) => {
                let mut parts = vec![0_u64; self.endpoints];
                for owner in table.slots() {
                    if let Some(part) = parts.get_mut(owner) {
                        *part = part.saturating_add(1);
                    }
                }
                Some(parts)
            }
            _ => None,
        }
    }

    /// Takes over what endpoints have reported by `now`.
    pub(super) fn refresh(&mut self, now: Timestamp, loads: LoadsWithin<'_>) {
        if let Kind::LoadReported(balancer) = &mut self.kind {
            balancer.refresh(now, loads);
        }
    }

    /// Adds the endpoints of one request to `candidates`, best first, until they are full or nobody is left.
    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
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
    choice: &Ask<'_>,
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
fn without_a_place(endpoints: usize, choice: &Ask<'_>, candidates: &mut Candidates) {
    let Some(hash) = choice.hash.filter(|_| candidates.is_empty() && endpoints > 0) else { return };
    let start = (hash % endpoints as u64) as usize;
    let round = (start..endpoints).chain(0..start).filter(|index| choice.admission.admits(*index));
    for index in round.take(candidates.limit()) {
        candidates.push(index);
    }
}
