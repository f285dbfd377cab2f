//! Who may be drawn, and the cheapest few of them: what policies that compare costs share.
//!
//! Invariant: after the first choice nothing allocates, however long the list. Trade-off: the few are kept by
//! insertion, which beats sorting everybody while the limit of candidates is a handful.

use super::Candidates;
use crate::EndpointIndex;
use crate::health::Admission;
use fastrand::Rng;

/// The admitted endpoints by place, for drawing one at random.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    endpoints: usize,
    /// Left empty while everyone is admitted: then a place is an endpoint.
    admitted: Vec<EndpointIndex>,
    everyone: bool,
}

impl Pool {
    pub(super) fn new(endpoints: usize) -> Self {
        Self { endpoints, admitted: Vec::with_capacity(endpoints), everyone: true }
    }

    /// Takes in who is admitted now; returns how many.
    pub(super) fn refresh(&mut self, admission: &Admission<'_>) -> usize {
        self.everyone = admission.admits_everyone();
        if self.everyone {
            return self.endpoints;
        }
        self.admitted.clear();
        self.admitted.extend((0..self.endpoints).filter(|index| admission.admits(*index)));
        self.admitted.len()
    }

    /// The endpoint at `place`, below what `refresh` returned.
    pub(super) fn get(&self, place: usize) -> Option<EndpointIndex> {
        if self.everyone { Some(place) } else { self.admitted.get(place).copied() }
    }
}

/// Finds the cheapest endpoints; those that cost the same in an order drawn at random, or the first of the list
/// would take every retry.
#[derive(Clone, Debug, Default)]
pub(super) struct Cheapest {
    /// Cost, tie-break and endpoint, cheapest first.
    kept: Vec<(f64, u32, EndpointIndex)>,
}

impl Cheapest {
    /// Fills `candidates` with the cheapest of `endpoints` endpoints, cheapest first. `cost` is asked once about
    /// each; `None`: not admitted.
    pub(super) fn fill(
        &mut self,
        endpoints: usize,
        candidates: &mut Candidates,
        rng: &mut Rng,
        cost: impl Fn(EndpointIndex) -> Option<f64>,
    ) {
        let room = candidates.limit() - candidates.len();
        if room == 0 {
            return;
        }
        self.kept.clear();
        for index in 0..endpoints {
            let Some(cost) = cost(index).filter(|_| !candidates.contains(index)) else { continue };
            let full = self.kept.len() >= room;
            if full && self.kept.last().is_some_and(|worst| cost > worst.0) {
                continue;
            }
            let tie = rng.u32(..);
            let place =
                self.kept.partition_point(|kept| kept.0.total_cmp(&cost).then(kept.1.cmp(&tie)).is_lt());
            if full {
                if place == room {
                    continue;
                }
                self.kept.pop();
            }
            self.kept.insert(place, (cost, tie, index));
        }
        for (_, _, index) in &self.kept {
            candidates.push(*index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn cheapest(costs: &[Option<f64>], limit: usize, seed: u64) -> Vec<EndpointIndex> {
        let mut candidates = Candidates::new(limit);
        let mut rng = Rng::with_seed(seed);
        Cheapest::default().fill(costs.len(), &mut candidates, &mut rng, |index| costs[index]);
        candidates.iter().collect()
    }

    #[test]
    fn the_cheapest_come_first_and_those_without_a_cost_never() {
        let costs = [Some(5.0), Some(1.0), None, Some(4.0), Some(2.0), Some(3.0)];
        for seed in 0..10 {
            assert_eq!(cheapest(&costs, 3, seed), [1, 4, 5]);
            assert_eq!(cheapest(&costs, 9, seed), [1, 4, 5, 3, 0]);
            assert!(cheapest(&costs, 0, seed).is_empty());
        }
    }

    #[test]
    fn ties_fall_to_anyone() {
        let costs = [Some(1.0); 4];
        let mut first = [0; 4];
        (0..400).for_each(|seed| first[cheapest(&costs, 2, seed)[0]] += 1);
        assert!(first.iter().all(|count| (60..=140).contains(count)), "{first:?}");
    }

    #[test]
    fn where_there_is_no_room_nobody_is_asked_what_it_costs() {
        let mut candidates = Candidates::new(1);
        candidates.push(0);
        let mut rng = Rng::with_seed(1);
        let asked = core::cell::Cell::new(0);
        let cost = |_| {
            asked.set(asked.get() + 1);
            Some(1.0)
        };
        Cheapest::default().fill(3, &mut candidates, &mut rng, cost);
        assert_eq!((candidates.iter().collect::<Vec<_>>(), asked.get()), (vec![0], 0));
    }

    #[test]
    fn one_that_is_a_candidate_already_stays_where_it_is() {
        let mut candidates = Candidates::new(2);
        candidates.push(2);
        let mut rng = Rng::with_seed(1);
        Cheapest::default().fill(3, &mut candidates, &mut rng, |index| Some(3.0 - index as f64));
        assert_eq!(candidates.iter().collect::<Vec<_>>(), [2, 1]);
    }
}
