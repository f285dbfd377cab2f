//! Policies that go round: `round_robin` and `smooth_weighted_round_robin`.
//!
//! Trade-off: every worker goes round by itself, and begins anew with every configuration; over W workers the
//! order that an endpoint sees is the overlay of W rounds.

use super::{Candidates, Choice};
use crate::{EndpointIndex, Endpoints};

/// Each in turn, weights ignored. A ramping endpoint lets the turns pass that are not yet its share.
#[derive(Clone, Debug)]
pub(super) struct RoundRobin {
    endpoints: usize,
    next: EndpointIndex,
}

impl RoundRobin {
    pub(super) fn new(endpoints: usize) -> Self {
        Self { endpoints, next: 0 }
    }

    pub(super) fn choose(&mut self, choice: Choice<'_>, candidates: &mut Candidates) {
        let Choice { rng, admission, .. } = choice;
        let (count, start) = (self.endpoints, self.next);
        let in_turn = |offset: usize| (start + offset) % count.max(1);
        let takes_turn = |index| match admission.factor(index) {
            factor if factor >= 1.0 => true,
            factor => factor > 0.0 && rng.f64() < factor,
        };
        let first = (0..count).map(in_turn).find({
            let mut takes_turn = takes_turn;
            move |index| takes_turn(*index)
        });
        let Some(first) = first.or_else(|| (0..count).map(in_turn).find(|index| admission.admits(*index)))
        else {
            return;
        };
        self.next = (first + 1) % count;
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
    order: Vec<EndpointIndex>,
}

impl SmoothWeighted {
    pub(super) fn new(endpoints: &Endpoints) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        Self { current: vec![0.0; weights.len()], order: Vec::with_capacity(weights.len()), weights }
    }

    pub(super) fn choose(&mut self, choice: &Choice<'_>, candidates: &mut Candidates) {
        let mut sum = 0.0;
        let mut best: Option<(f64, EndpointIndex)> = None;
        for (index, (weight, current)) in self.weights.iter().zip(&mut self.current).enumerate() {
            let weight = weight * choice.admission.factor(index);
            if weight > 0.0 {
                sum += weight;
                *current += weight;
                if best.is_none_or(|(most, _)| *current > most) {
                    best = Some((*current, index));
                }
            }
        }
        let Some((_, first)) = best else { return };
        candidates.push(first);
        self.further(choice, candidates);
        if let Some(current) = self.current.get_mut(first) {
            *current -= sum;
        }
    }

    /// The others by what they have gained: the order in which they would come next.
    fn further(&mut self, choice: &Choice<'_>, candidates: &mut Candidates) {
        if candidates.is_full() {
            return;
        }
        let current = &self.current;
        let gained = |index: &EndpointIndex| current.get(*index).copied().unwrap_or_default();
        self.order.clear();
        self.order.extend((0..current.len()).filter(|index| choice.admission.admits(*index)));
        self.order.sort_by(|left, right| gained(right).total_cmp(&gained(left)));
        for index in &self.order {
            candidates.push(*index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Admission;
    use crate::load::Loads;
    use crate::{Endpoint, Timestamp};
    use core::num::NonZeroU32;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn smooth_weighted_spreads_the_heavy_one_as_nginx_does() {
        let endpoint = |weight| Endpoint {
            address: format!("{weight}").into(),
            weight: NonZeroU32::new(weight).unwrap(),
            hash_key: None,
        };
        let endpoints = Endpoints::new([5, 1, 1].map(endpoint).to_vec());
        let mut balancer = SmoothWeighted::new(&endpoints);
        let (loads, mut rng) = (Loads::new(3), fastrand::Rng::with_seed(1));
        let mut sequence = Vec::new();
        for _ in 0..7 {
            let mut candidates = Candidates::new(1);
            let now = Timestamp::default();
            let admission = Admission::everyone();
            balancer.choose(
                &Choice { hash: None, now, rng: &mut rng, loads: &loads, admission },
                &mut candidates,
            );
            sequence.extend(candidates.iter());
        }
        assert_eq!(sequence, [0, 0, 1, 0, 2, 0, 0]);
    }
}
