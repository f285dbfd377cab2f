//! Ring hash (Karger et al. 1997, in libketama's form): each endpoint owns points on a circle of 64 bit hashes;
//! a request goes to the first point at or after its own hash.
//!
//! Invariant: of a size in all the same ring, and the same first choice, as Envoy's `ring_hash_lb.cc` for the same endpoints.
//! An endpoint that is not admitted is passed over in the walk, so only its own keys move. Envoy rebuilds the
//! ring from the healthy hosts instead; with equal weights the points of the others hardly differ. They differ by as many as there are
//! to share out anew; on a ring of so many points per endpoint, in libketama's way, nobody's points depend on who else is there.
//! Trade-off: sixteen to twenty bytes a point: hashes and owners in two arrays, so that the search touches
//! hashes only, and a coarse index by the hash's top bits, so that it need not halve its way through all.

use super::{Candidates, HashFunction, RingSize, weights};
use crate::hash::{murmur_hash_2, xxh64};
use crate::{EndpointIndex, Endpoints};
use std::fmt::Write as _;

/// The most points a ring has, Envoy's bound.
pub(super) const MAXIMUM_POINTS: u64 = 8_388_608;

/// A ring over the endpoints of one upstream.
#[derive(Clone, Debug, Default)]
pub struct RingHash {
    hashes: Box<[u64]>,
    owners: Box<[u32]>,
    /// By the top bits of a hash: the first point that is not below that stretch of the circle.
    starts: Box<[u32]>,
    /// How far a hash is shifted down to leave those bits.
    shift: u32,
    /// Endpoints of the upstream; a ring cut short by its maximum may leave some of them without a point.
    endpoints: usize,
    /// Endpoints with a point.
    placed: usize,
}

impl RingHash {
    /// The ring of `endpoints`, with about `minimum_ring_size` points or more, and no more than
    /// `maximum_ring_size` (at most 8,388,608), or one more where the parts of all weights, each of them rounded, come to more than the whole: so does
    /// Envoy, whose ring this is.
    pub fn new(
        endpoints: &Endpoints,
        hash_function: HashFunction,
        minimum_ring_size: u64,
        maximum_ring_size: u64,
    ) -> Self {
        let weights = weights::normalized(endpoints);
        let maximum = maximum_ring_size.clamp(1, MAXIMUM_POINTS);
        let scale = scale(&weights, minimum_ring_size.clamp(1, maximum), maximum);
        let (mut current, mut target) = (0.0, 0.0);
        let counts = weights.iter().map(|weight| {
            target += scale * weight;
            let mut count = 0;
            while current < target {
                count += 1;
                current += 1.0;
            }
            count
        });
        Self::with_counts(endpoints, hash_function, counts, scale as usize + 1)
    }

    /// The ring of `endpoints` with so many points for each of them and unit of its weight, whoever else is there; so that one who
    /// comes or goes moves its own keys and no others. At most 8,388,608 in all: those behind get none.
    pub fn per_endpoint(endpoints: &Endpoints, hash_function: HashFunction, points: u32) -> Self {
        let mut left = MAXIMUM_POINTS;
        let counts: Vec<u64> = endpoints
            .iter()
            .map(|endpoint| {
                let count = (u64::from(points) * u64::from(endpoint.weight.get())).min(left);
                left -= count;
                count
            })
            .collect();
        let room = (MAXIMUM_POINTS - left) as usize;
        Self::with_counts(endpoints, hash_function, counts.into_iter(), room)
    }

    /// The ring of `endpoints` of this size.
    pub fn of(endpoints: &Endpoints, hash_function: HashFunction, size: RingSize) -> Self {
        match size {
            RingSize::Total { minimum, maximum } => Self::new(endpoints, hash_function, minimum, maximum),
            RingSize::PerEndpoint(points) => Self::per_endpoint(endpoints, hash_function, points),
        }
    }

    /// A ring on which each endpoint has as many points as `counts` says; about `room` in all.
    fn with_counts(
        endpoints: &Endpoints,
        hash_function: HashFunction,
        counts: impl Iterator<Item = u64>,
        room: usize,
    ) -> Self {
        let mut points: Vec<(u64, u32)> = Vec::with_capacity(room);
        let mut key = String::new();
        let mut placed = 0;
        for (owner, (endpoint, count)) in (0_u32..).zip(endpoints.iter().zip(counts)) {
            key.clear();
            key.push_str(endpoint.hash_key());
            key.push('_');
            let stem = key.len();
            for replica in 0..count {
                key.truncate(stem);
                // Writing to a String cannot fail.
                let _ = write!(key, "{replica}");
                points.push((point(hash_function, key.as_bytes()), owner));
            }
            placed += usize::from(count > 0);
        }
        points.sort_by_key(|point| point.0);
        let (hashes, owners): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        let (starts, shift) = starts(&hashes);
        let (hashes, owners) = (hashes.into(), owners.into());
        Self { hashes, owners, starts, shift, endpoints: endpoints.len(), placed }
    }

    /// How much of the circle each of so many endpoints owns; `None`: it has no points.
    pub(super) fn parts(&self, endpoints: usize) -> Option<Vec<u64>> {
        let (first, last) = (self.hashes.first()?, self.hashes.last()?);
        let mut parts = vec![0_u64; endpoints];
        // What lies behind the last point is the first one's.
        let before = core::iter::once(last).chain(&self.hashes);
        let arcs = self.hashes.iter().zip(before).map(|(hash, before)| hash.wrapping_sub(*before));
        for (owner, arc) in self.owners.iter().zip(arcs) {
            if let Some(part) = parts.get_mut(*owner as usize) {
                // A thousandth of a millionth is exact enough, and no sum of them overflows.
                *part = part.saturating_add(if first == last { 1 } else { arc >> 24 });
            }
        }
        Some(parts)
    }

    /// Position of the first point at or after `hash`; the number of points if all lie before it.
    fn position(&self, hash: u64) -> usize {
        let stretch = hash.checked_shr(self.shift).unwrap_or_default() as usize;
        let start = self.starts.get(stretch).map_or(0, |start| *start as usize);
        let rest = self.hashes.get(start..).unwrap_or_default();
        // About one point lies in a stretch, so the next few decide.
        start + rest.iter().take_while(|point| **point < hash).count()
    }

    /// Adds to `candidates` the admitted endpoints in the order in which a walk from `hash` meets them, until
    /// they are full or every endpoint was met. `admit` is asked once per endpoint at most.
    pub fn choose(&self, hash: u64, admit: impl FnMut(EndpointIndex) -> bool, candidates: &mut Candidates) {
        let start = self.position(hash);
        let (before, after) = self.owners.split_at_checked(start).unwrap_or_default();
        candidates.walk(self.endpoints, self.placed, after.iter().chain(before), admit);
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

/// For each of as many equal stretches of the circle as there are points, or up to twice as many: the first
/// point in or behind it. With it, the shift that turns a hash into the number of its stretch.
fn starts(hashes: &[u64]) -> (Box<[u32]>, u32) {
    let bits = hashes.len().next_power_of_two().trailing_zeros();
    let shift = u64::BITS - bits;
    let mut next = 0;
    let starts = (0..1_u64 << bits).map(|stretch| {
        let from = stretch.checked_shl(shift).unwrap_or_default();
        while hashes.get(next).is_some_and(|point| *point < from) {
            next += 1;
        }
        u32::try_from(next).unwrap_or(u32::MAX)
    });
    (starts.collect(), shift)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;
    use core::num::NonZeroU32;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_index_finds_the_same_point_as_a_search() {
        for (hosts, minimum) in [(0, 1), (1, 1), (1, 1024), (3, 3), (7, 100), (50, 4096)] {
            let endpoint = |host: u32| Endpoint::new(format!("10.0.0.{host}:80"), NonZeroU32::MIN);
            let endpoints = Endpoints::new((0..hosts).map(endpoint).collect());
            let ring = RingHash::new(&endpoints, HashFunction::XxHash, minimum, MAXIMUM_POINTS);
            let on_and_around =
                ring.hashes.iter().flat_map(|hash| [hash.wrapping_sub(1), *hash, hash.wrapping_add(1)]);
            let spread = (0..1000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for hash in on_and_around.chain(spread).chain([0, 1, u64::MAX - 1, u64::MAX]) {
                let searched = ring.hashes.partition_point(|point| *point < hash);
                assert_eq!(ring.position(hash), searched, "{hosts} hosts, {minimum} points, {hash:x}");
            }
        }
    }

    #[test]
    fn a_point_where_a_stretch_begins_is_the_first_of_that_stretch() {
        let (starts, shift) = starts(&[0, 1 << 62, 2 << 62, 3 << 62]);
        assert_eq!((&*starts, shift), (&[0, 1, 2, 3][..], 62));
    }
}
