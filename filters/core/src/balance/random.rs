//! `random` and `weighted_random`: drawn at random, endpoint i with probability W_i / sum of W.

use super::Candidates;
use super::ask::Ask;
use crate::{EndpointIndex, Endpoints};
use fastrand::Rng;

/// Draws that may miss before the endpoints that are left are weighed exactly. Misses are rare unless most
/// endpoints are ejected or chosen already.
const DRAWS: usize = 16;

/// Parts into which the mean of weights that are no whole numbers is cut.
const PARTS: f64 = 1e6;

#[derive(Clone, Debug)]
pub(super) struct Random {
    endpoints: usize,
    /// Running sums of the weights; empty if all weigh the same.
    sums: Vec<u64>,
}

impl Random {
    pub(super) fn uniform(endpoints: usize) -> Self {
        Self { endpoints, sums: Vec::new() }
    }

    pub(super) fn weighted(endpoints: &Endpoints) -> Self {
        let sums = endpoints.iter().scan(0, |sum, endpoint| {
            *sum += u64::from(endpoint.weight.get());
            Some(*sum)
        });
        Self { endpoints: endpoints.len(), sums: sums.collect() }
    }

    /// From now on the endpoints have these weights, whose mean is about 1.
    pub(super) fn reweigh(&mut self, weights: &[f64]) {
        self.sums.clear();
        let mut sum = 0_u64;
        self.sums.extend(weights.iter().map(|weight| {
            sum = sum.saturating_add(((weight * PARTS) as u64).max(1));
            sum
        }));
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        if self.endpoints == 0 {
            return;
        }
        let Ask { rng, admission, .. } = choice;
        while !candidates.is_full() {
            let share = |index| if candidates.contains(index) { 0.0 } else { admission.factor(index) };
            let drawn = (0..DRAWS).find_map(|_| {
                let index = self.draw(rng);
                let share = share(index);
                (share >= 1.0 || (share > 0.0 && rng.f64() < share)).then_some(index)
            });
            let Some(index) = drawn.or_else(|| self.exact(rng, share)) else { return };
            candidates.push(index);
        }
    }

    /// Any endpoint, by weight.
    fn draw(&self, rng: &mut Rng) -> EndpointIndex {
        match self.sums.last() {
            None => rng.usize(..self.endpoints),
            Some(sum) => {
                let point = rng.u64(..*sum);
                self.sums.partition_point(|upper| *upper <= point)
            }
        }
    }

    fn weight(&self, index: EndpointIndex) -> f64 {
        let Some(sum) = self.sums.get(index) else { return 1.0 };
        let before =
            index.checked_sub(1).and_then(|before| self.sums.get(before)).copied().unwrap_or_default();
        (sum - before) as f64
    }

    /// One of those whose share is not 0, weighed exactly.
    fn exact(&self, rng: &mut Rng, share: impl Fn(EndpointIndex) -> f64) -> Option<EndpointIndex> {
        let weighed = || (0..self.endpoints).map(|index| (index, self.weight(index) * share(index)));
        let mut point = rng.f64() * weighed().map(|(_, weight)| weight).sum::<f64>();
        let mut last = None;
        for (index, weight) in weighed().filter(|(_, weight)| *weight > 0.0) {
            if point < weight {
                return Some(index);
            }
            point -= weight;
            // Rounding may leave a rest behind the last one.
            last = Some(index);
        }
        last
    }
}
