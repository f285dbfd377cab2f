//! Consistent hashing with bounded loads: no endpoint gets more than `hash_balance_factor` percent of the mean.
//!
//! The bound is Mirrokni, Thorup and Zadimoghaddam's (arXiv 1608.01350); where the hashed endpoint is over it,
//! the others are probed in an order drawn from the hash (arXiv 1908.08762), so that its overflow spreads.
//!
//! Invariant: for the same loads, Envoy's choice (`thread_aware_lb_impl.cc`). Trade-off: a probe is O(endpoints)
//! and allocates, but only for requests whose endpoint is overloaded.

use super::{Candidates, Maglev, RingHash};
use crate::load::LoadsWithin;
use crate::{EndpointIndex, Endpoints};
use rand_mt::Mt;

/// A table that turns a hash into an order of endpoints.
pub trait ConsistentHash {
    /// Adds the admitted endpoints to `candidates` in the order that `hash` gives, until they are full.
    fn candidates(&self, hash: u64, admit: impl FnMut(EndpointIndex) -> bool, candidates: &mut Candidates);
}

impl ConsistentHash for RingHash {
    fn candidates(&self, hash: u64, admit: impl FnMut(EndpointIndex) -> bool, candidates: &mut Candidates) {
        self.choose(hash, admit, candidates);
    }
}

impl ConsistentHash for Maglev {
    fn candidates(&self, hash: u64, admit: impl FnMut(EndpointIndex) -> bool, candidates: &mut Candidates) {
        self.choose(hash, admit, candidates);
    }
}

/// The bound on the load of each endpoint of one upstream.
#[derive(Clone, Debug)]
pub struct BoundedLoad {
    weights: Box<[u32]>,
    sum: u64,
    hash_balance_factor: u32,
}

impl BoundedLoad {
    /// No endpoint of `endpoints` takes more than `hash_balance_factor` percent of its share (100 or more).
    pub fn new(endpoints: &Endpoints, hash_balance_factor: u32) -> Self {
        let weights: Box<[u32]> = endpoints.iter().map(|endpoint| endpoint.weight.get()).collect();
        let sum = sum(weights.iter().copied());
        Self { weights, sum, hash_balance_factor }
    }

    /// As the table's own choice, but with the first candidate moved where the bound allows; the rest keep the
    /// table's order. `admit` may be asked twice about an endpoint.
    pub fn choose<'a>(
        &self,
        table: &impl ConsistentHash,
        hash: u64,
        loads: impl Into<LoadsWithin<'a>>,
        mut admit: impl FnMut(EndpointIndex) -> bool,
        candidates: &mut Candidates,
    ) {
        table.candidates(hash, &mut admit, candidates);
        if let Some(first) = candidates.first() {
            candidates.promote(self.pick(hash, first, loads, admit));
        }
    }

    /// `first` if its load is within its bound, else the first admitted endpoint of the probe that is within
    /// its own, else the one that is over it by the least.
    pub fn pick<'a>(
        &self,
        hash: u64,
        first: EndpointIndex,
        loads: impl Into<LoadsWithin<'a>>,
        mut admit: impl FnMut(EndpointIndex) -> bool,
    ) -> EndpointIndex {
        let loads = loads.into();
        let slots = self.slots(loads.total_active());
        let overload = |index, sum| self.overload(index, sum, slots, loads);
        // A share of all endpoints is never more than one of the admitted: within it is within the real bound.
        if overload(first, self.sum) <= 1.0 {
            return first;
        }
        let mut admitted: Vec<EndpointIndex> =
            (0..self.weights.len()).filter(|index| *index == first || admit(*index)).collect();
        let sum = sum(admitted.iter().map(|index| self.weight(*index)));
        let mut best = (first, overload(first, sum));
        if best.1 <= 1.0 {
            return first;
        }
        // Envoy seeds a std::mt19937, which takes the low 32 bits.
        let mut random = Mt::new(hash as u32);
        for place in 0..admitted.len() {
            let left = (admitted.len() - place) as u32;
            admitted.swap(place, place + uniform(&mut random, left) as usize);
            let Some(index) = admitted.get(place).copied().filter(|index| *index != first) else { continue };
            let over = overload(index, sum);
            if over <= 1.0 {
                return index;
            }
            if over < best.1 {
                best = (index, over);
            }
        }
        best.0
    }

    fn weight(&self, index: EndpointIndex) -> u32 {
        self.weights.get(index).copied().unwrap_or_default()
    }

    /// What all endpoints together may take while so many requests are in flight.
    fn slots(&self, total_active: u32) -> u64 {
        let slots = (u64::from(total_active) + 1).saturating_mul(u64::from(self.hash_balance_factor));
        slots.saturating_add(99) / 100
    }

    /// Requests in flight over those of the slots that the endpoint's share of `sum` gives it.
    fn overload(&self, index: EndpointIndex, sum: u64, slots: u64, loads: LoadsWithin<'_>) -> f64 {
        let weight = f64::from(self.weight(index)) / sum as f64;
        f64::from(loads.active(index)) / (slots as f64 * weight).ceil().max(1.0)
    }
}

fn sum(weights: impl Iterator<Item = u32>) -> u64 {
    weights.map(u64::from).sum()
}

/// A number below `bound`, drawn as Envoy draws it: by division, rejecting what falls into the last, short part.
fn uniform(random: &mut Mt, bound: u32) -> u32 {
    let part = (1_u64 << 32) / u64::from(bound.max(1));
    loop {
        let drawn = u64::from(random.next_u32()) / part;
        if drawn < u64::from(bound.max(1)) {
            return drawn as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_number_is_below_its_bound_though_the_last_part_is_short() {
        // 65,280 parts for each of 65,792 numbers, and 65,536 draws behind them.
        let mut random = Mt::new(1);
        assert!((0..400_000).all(|_| uniform(&mut random, 65_792) < 65_792));
    }
}
