//! `least_request`, as Envoy's: with equal weights the best of a few drawn at random; with unequal ones an
//! earliest-deadline-first schedule whose weights shrink with the requests in flight.
//!
//! Source: Envoy's `least_request_lb.cc` and `edf_scheduler.h`; Mitzenmacher, "The power of two choices in
//! randomized load balancing" (2001). Trade-off: the schedule's minimum is looked for linearly; Envoy keeps a
//! heap, which pays from some hundred endpoints with unequal weights on.

use super::Candidates;
use super::ask::Ask;
use super::pool::{Cheapest, Pool};
use crate::load::LoadsWithin;
use crate::{EndpointIndex, Endpoints};
use fastrand::Rng;

#[derive(Clone, Debug)]
pub(super) struct LeastRequest {
    weights: Vec<f64>,
    equal: bool,
    choice_count: u32,
    bias: f64,
    schedule: Schedule,
    pool: Pool,
    cheapest: Cheapest,
}

/// Deadlines of the endpoints in virtual time.
#[derive(Clone, Debug, Default)]
struct Schedule {
    /// When each is due next, and the turn that put it there: equal deadlines go first in, first out.
    entries: Vec<(f64, u64)>,
    now: f64,
    turn: u64,
}

impl LeastRequest {
    pub(super) fn new(endpoints: &Endpoints, choice_count: u32, bias: f64) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        let equal = weights.windows(2).all(|pair| pair.first() == pair.last());
        Self {
            pool: Pool::new(weights.len()),
            cheapest: Cheapest::default(),
            weights,
            equal,
            choice_count,
            bias,
            schedule: Schedule::default(),
        }
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        if self.equal && !choice.admission.is_ramping() {
            self.best_of_drawn(choice, candidates);
        } else {
            self.by_deadline(choice, candidates);
        }
    }

    fn best_of_drawn(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        let Ask { rng, loads, admission, .. } = choice;
        let count = self.pool.refresh(&admission);
        if count == 0 {
            return;
        }
        let mut best: Option<EndpointIndex> = None;
        for _ in 0..self.choice_count {
            let drawn = self.pool.get(rng.usize(..count));
            best = match (best, drawn) {
                // On a tie the earlier draw stays, as in Envoy.
                (Some(best), Some(drawn)) if loads.active(drawn) >= loads.active(best) => Some(best),
                (_, drawn) => drawn,
            };
        }
        let Some(best) = best else { return };
        candidates.push(best);
        let crowd = |index| admission.admits(index).then(|| f64::from(loads.active(index)));
        self.cheapest.fill(self.weights.len(), candidates, rng, crowd);
    }

    fn by_deadline(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        let Ask { rng, loads, admission, .. } = choice;
        let (weights, bias) = (&self.weights, self.bias);
        let step = |index: EndpointIndex| {
            // One that is ejected starts as if it were not, to be due as any other when it comes back.
            let factor = if admission.admits(index) { admission.factor(index) } else { 1.0 };
            let weight = weights.get(index).copied().unwrap_or_default() * factor;
            // Who may be chosen is for health to say, not for a weight that load has shrunk to nothing.
            (1.0 / shrunk(weight, index, loads, bias)).min(LONGEST_STEP)
        };
        if self.schedule.entries.is_empty() {
            self.schedule.start(weights.len(), rng, step);
        }
        let admits = |index: EndpointIndex| admission.admits(index);
        let Some(first) = self.schedule.next(admits, step) else { return };
        candidates.push(first);
        let entries = &self.schedule.entries;
        let due = |index| admits(index).then(|| entries.get(index).map(|entry| entry.0)).flatten();
        self.cheapest.fill(weights.len(), candidates, rng, due);
    }
}

/// The longest that an endpoint waits for its next turn, in virtual time; keeps deadlines finite.
const LONGEST_STEP: f64 = 1e12;

/// Virtual time starts again from here, so that it never grows too coarse for the steps of heavy endpoints.
const LATEST: f64 = 1e6;

/// Envoy's weight of a host with requests in flight: weight / (active + 1) ^ bias.
fn shrunk(weight: f64, index: EndpointIndex, loads: LoadsWithin<'_>, bias: f64) -> f64 {
    let crowd = f64::from(loads.active(index)) + 1.0;
    // The usual biases without the price of powf.
    if bias == 1.0 {
        weight / crowd
    } else if bias == 0.0 {
        weight
    } else {
        weight / crowd.powf(bias)
    }
}

impl Schedule {
    /// Everyone is somewhere in their first step, drawn at random, or all workers would begin with the same one.
    fn start(&mut self, endpoints: usize, rng: &mut Rng, step: impl Fn(EndpointIndex) -> f64) {
        for index in 0..endpoints {
            self.turn += 1;
            self.entries.push((rng.f64() * step(index), self.turn));
        }
    }

    /// The admitted one that is due first; it is due again after its step.
    fn next(
        &mut self,
        admits: impl Fn(EndpointIndex) -> bool,
        step: impl Fn(EndpointIndex) -> f64,
    ) -> Option<EndpointIndex> {
        let mut first: Option<(f64, u64, EndpointIndex)> = None;
        for (index, (due, turn)) in self.entries.iter().copied().enumerate() {
            let sooner =
                first.is_none_or(|(best, best_turn, _)| due < best || (due == best && turn < best_turn));
            if sooner && admits(index) {
                first = Some((due, turn, index));
            }
        }
        let (due, _, index) = first?;
        // One that was ejected while time went on must not get all the turns that it missed.
        self.now = self.now.max(due);
        self.turn += 1;
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = (self.now + step(index), self.turn);
        }
        if self.now > LATEST {
            self.entries.iter_mut().for_each(|entry| entry.0 -= self.now);
            self.now = 0.0;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn of_those_due_at_once_the_one_whose_turn_was_set_first_is_next() {
        for (turns, expected) in [([1, 2], 0), ([2, 1], 1)] {
            let entries = turns.map(|turn| (1.0, turn)).to_vec();
            let mut schedule = Schedule { entries, now: 0.0, turn: 2 };
            assert_eq!(schedule.next(|_| true, |_| 1.0), Some(expected));
        }
    }
}
