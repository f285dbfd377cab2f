//! Ring hash (Karger et al. 1997, in libketama's form): each endpoint owns points on a circle of 64 bit hashes;
//! a request goes to the first point at or after its own hash.
//!
//! Invariant: the same ring, and the same first choice, as Envoy's `ring_hash_lb.cc` for the same endpoints.
//! An endpoint that is not admitted is passed over in the walk, so only its own keys move. Envoy rebuilds the
//! ring from the healthy hosts instead; with equal weights the points of the others hardly differ.
//! Trade-off: twelve bytes a point, kept in two arrays so that the search touches hashes only.

use super::{Candidates, HashFunction, weights};
use crate::hash::{murmur_hash_2, xxh64};
use crate::{EndpointIndex, Endpoints};
use std::fmt::Write as _;

/// The most points a ring has, Envoy's bound.
const MAXIMUM_POINTS: u64 = 8_388_608;

/// A ring over the endpoints of one upstream.
#[derive(Clone, Debug, Default)]
pub struct RingHash {
    hashes: Box<[u64]>,
    owners: Box<[u32]>,
    /// Endpoints of the upstream; a ring cut short by its maximum may leave some of them without a point.
    endpoints: usize,
    /// Endpoints with a point.
    placed: usize,
}

impl RingHash {
    /// The ring of `endpoints`, with about `minimum_ring_size` points or more, and no more than
    /// `maximum_ring_size` (at most 8,388,608).
    pub fn new(
        endpoints: &Endpoints,
        hash_function: HashFunction,
        minimum_ring_size: u64,
        maximum_ring_size: u64,
    ) -> Self {
        let weights = weights::normalized(endpoints);
        let maximum = maximum_ring_size.clamp(1, MAXIMUM_POINTS);
        let scale = scale(&weights, minimum_ring_size.clamp(1, maximum), maximum);
        let mut points: Vec<(u64, u32)> = Vec::with_capacity(scale as usize + 1);
        let mut key = String::new();
        let (mut current, mut target, mut placed) = (0.0, 0.0, 0);
        for (owner, (endpoint, weight)) in (0_u32..).zip(endpoints.iter().zip(&weights)) {
            key.clear();
            key.push_str(endpoint.hash_key());
            key.push('_');
            let stem = key.len();
            target += scale * weight;
            let mut replica = 0_u64;
            while current < target {
                key.truncate(stem);
                // Writing to a String cannot fail.
                let _ = write!(key, "{replica}");
                points.push((point(hash_function, key.as_bytes()), owner));
                replica += 1;
                current += 1.0;
            }
            placed += usize::from(replica > 0);
        }
        points.sort_by_key(|point| point.0);
        let (hashes, owners): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        Self { hashes: hashes.into(), owners: owners.into(), endpoints: endpoints.len(), placed }
    }

    /// Adds to `candidates` the admitted endpoints in the order in which a walk from `hash` meets them, until
    /// they are full or every endpoint was met. `admit` is asked once per endpoint at most.
    pub fn choose(
        &self,
        hash: u64,
        mut admit: impl FnMut(EndpointIndex) -> bool,
        candidates: &mut Candidates,
    ) {
        let start = self.hashes.partition_point(|point| *point < hash);
        let (before, after) = self.owners.split_at_checked(start).unwrap_or_default();
        candidates.start_walk(self.endpoints);
        let mut left = self.placed;
        for owner in after.iter().chain(before) {
            if left == 0 || candidates.is_full() {
                return;
            }
            let owner = *owner as EndpointIndex;
            if candidates.first_visit(owner) {
                left -= 1;
                if admit(owner) {
                    candidates.push(owner);
                }
            }
        }
    }

    /// How many points the ring has.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether the ring has no point, because there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The points in order: hash and owner.
    pub fn points(&self) -> impl Iterator<Item = (u64, EndpointIndex)> + '_ {
        self.hashes.iter().copied().zip(self.owners.iter().map(|owner| *owner as EndpointIndex))
    }
}

/// Points on the whole ring, such that the lightest endpoint gets a whole number of them.
fn scale(weights: &[f64], minimum: u64, maximum: u64) -> f64 {
    let lightest = weights.iter().copied().fold(1.0, f64::min);
    ((lightest * minimum as f64).ceil() / lightest).min(maximum as f64)
}

fn point(hash_function: HashFunction, key: &[u8]) -> u64 {
    match hash_function {
        HashFunction::XxHash => xxh64(key, 0),
        HashFunction::MurmurHash2 => murmur_hash_2(key),
    }
}
