//! Policies that go round: `round_robin` and `smooth_weighted_round_robin`.
//!
//! Trade-off: every worker goes round by itself, and begins anew, somewhere drawn at random, with every
//! configuration; over W workers the order that an endpoint sees is the overlay of W rounds.

use super::Candidates;
use super::ask::Ask;
use super::random::Random;
use crate::health::Admission;
use crate::{EndpointIndex, Endpoints};

/// Each in turn, weights ignored. A ramping endpoint lets the turns pass that are not yet its share.
#[derive(Clone, Debug)]
pub(super) struct RoundRobin {
    endpoints: usize,
    /// Drawn at the first choice, or every worker would begin with the same endpoint.
    next: Option<EndpointIndex>,
}

impl RoundRobin {
    pub(super) fn new(endpoints: usize) -> Self {
        Self { endpoints, next: None }
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        let Ask { rng, admission, .. } = choice;
        let count = self.endpoints;
        if count == 0 {
            return;
        }
        let start = self.next.unwrap_or_else(|| rng.usize(..count));
        let in_turn = |offset: usize| (start + offset) % count;
        let mut takes_turn = |index: &EndpointIndex| match admission.factor(*index) {
            factor if factor >= 1.0 => true,
            factor => factor > 0.0 && rng.f64() < factor,
        };
        let first = (0..count).map(in_turn).find(&mut takes_turn);
        let Some(first) = first.or_else(|| (0..count).map(in_turn).find(|index| admission.admits(*index)))
        else {
            return;
        };
        self.next = Some((first + 1) % count);
        let rest = (0..count).map(|offset| (first + offset) % count).filter(|index| admission.admits(*index));
        for index in rest {
            if candidates.is_full() {
                break;
            }
            candidates.push(index);
        }
    }
}

/// nginx's smooth weighted round robin: each gains its weight, the greatest is chosen and pays the sum.
/// (nginx, `ngx_http_upstream_round_robin.c`, 2012; 5/1/1 gives a a b a c a a.)
#[derive(Clone, Debug)]
pub(super) struct SmoothWeighted {
    weights: Vec<f64>,
    current: Vec<f64>,
    /// Retries are drawn by weight: in order of gain, ties would make some endpoints everyone's second.
    others: Random,
    started: bool,
}

impl SmoothWeighted {
    pub(super) fn new(endpoints: &Endpoints) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        Self {
            current: vec![0.0; weights.len()],
            others: Random::weighted(endpoints),
            weights,
            started: false,
        }
    }

    /// So many endpoints, all of the same weight.
    pub(super) fn even(endpoints: usize) -> Self {
        Self {
            weights: vec![1.0; endpoints],
            current: vec![0.0; endpoints],
            others: Random::uniform(endpoints),
            started: false,
        }
    }

    /// From now on the endpoints have these weights, whose mean is about 1: what they have gained goes on to count.
    pub(super) fn reweigh(&mut self, weights: &[f64]) {
        self.weights.clear();
        self.weights.extend(weights);
        self.others.reweigh(weights);
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        let Ask { rng, admission, .. } = choice;
        if !self.started && !self.weights.is_empty() {
            self.started = true;
            // Some turns go by unused, as in Envoy, or every worker would begin with the same endpoint.
            for _ in 0..rng.usize(..self.weights.len()) {
                self.turn(&admission);
            }
        }
        let Some(first) = self.turn(&admission) else { return };
        candidates.push(first);
        self.others.choose(Ask { rng, ..choice }, candidates);
    }

    /// Everyone gains; whoever has most is returned and pays.
    fn turn(&mut self, admission: &Admission<'_>) -> Option<EndpointIndex> {
        let mut sum = 0.0;
        let mut best: Option<(f64, EndpointIndex)> = None;
        for (index, (weight, current)) in self.weights.iter().zip(&mut self.current).enumerate() {
            let weight = weight * admission.factor(index);
            if weight > 0.0 {
                sum += weight;
                *current += weight;
                if best.is_none_or(|(most, _)| *current > most) {
                    best = Some((*current, index));
                }
            }
        }
        let (_, first) = best?;
        if let Some(current) = self.current.get_mut(first) {
            *current -= sum;
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Loads;
    use crate::{Endpoint, Timestamp};
    use core::num::NonZeroU32;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn smooth_weighted_spreads_the_heavy_one_as_nginx_does() {
        let endpoint = |weight: u32| Endpoint::new(format!("{weight}"), NonZeroU32::new(weight).unwrap());
        let endpoints = Endpoints::new([5, 1, 1].map(endpoint).to_vec());
        let mut balancer = SmoothWeighted::new(&endpoints);
        let (loads, mut rng) = (Loads::new(3), fastrand::Rng::with_seed(1));
        let mut sequence = Vec::new();
        for _ in 0..7 {
            let mut candidates = Candidates::new(1);
            let now = Timestamp::default();
            let admission = Admission::everyone();
            balancer.choose(
                Ask { hash: None, now, rng: &mut rng, loads: (&loads).into(), admission },
                &mut candidates,
            );
            sequence.extend(candidates.iter());
        }
        let round = [0, 0, 1, 0, 2, 0, 0];
        let begins = |place: usize| (0..7).all(|turn| sequence[turn] == round[(place + turn) % 7]);
        assert!((0..3).any(begins), "{sequence:?} is nginx's round from one of its first turns on");
    }
}
