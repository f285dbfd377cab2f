//! `least_request`, as Envoy's: with equal weights the best of a few drawn at random; with unequal ones an
//! earliest-deadline-first schedule whose weights shrink with the requests in flight.
//!
//! Source: Envoy's `least_request_lb.cc` and `edf_scheduler.h`; Mitzenmacher, "The power of two choices in
//! randomized load balancing" (2001). Trade-off: the schedule's minimum is looked for linearly; Envoy keeps a
//! heap, which pays from some hundred endpoints with unequal weights on.

use super::{Candidates, Choice};
use crate::load::Loads;
use crate::{EndpointIndex, Endpoints};

#[derive(Clone, Debug)]
pub(super) struct LeastRequest {
    weights: Vec<f64>,
    equal: bool,
    choice_count: u32,
    bias: f64,
    schedule: Schedule,
    order: Vec<EndpointIndex>,
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
            order: Vec::with_capacity(weights.len()),
            weights,
            equal,
            choice_count,
            bias,
            schedule: Schedule::default(),
        }
    }

    pub(super) fn choose(&mut self, choice: Choice<'_>, candidates: &mut Candidates) {
        if self.equal && !choice.admission.is_ramping() {
            self.best_of_drawn(choice, candidates);
        } else {
            self.by_deadline(&choice, candidates);
        }
    }

    fn best_of_drawn(&mut self, choice: Choice<'_>, candidates: &mut Candidates) {
        let Choice { rng, loads, admission, .. } = choice;
        let admitted = |index: &EndpointIndex| admission.admits(*index);
        self.order.clear();
        self.order.extend((0..self.weights.len()).filter(admitted));
        let mut best: Option<EndpointIndex> = None;
        for _ in 0..self.choice_count {
            // Nobody is admitted: nobody is chosen.
            let drawn = if self.order.is_empty() {
                None
            } else {
                self.order.get(rng.usize(..self.order.len())).copied()
            };
            best = match (best, drawn) {
                // On a tie the earlier draw stays, as in Envoy.
                (Some(best), Some(drawn)) if loads.active(drawn) >= loads.active(best) => Some(best),
                (_, drawn) => drawn,
            };
        }
        let Some(best) = best else { return };
        candidates.push(best);
        further(&mut self.order, candidates, rng, |index| f64::from(loads.active(index)));
    }

    fn by_deadline(&mut self, choice: &Choice<'_>, candidates: &mut Candidates) {
        let (weights, bias) = (&self.weights, self.bias);
        let weight = |index: EndpointIndex| {
            let weight = weights.get(index).copied().unwrap_or_default();
            shrunk(weight * choice.admission.factor(index), index, choice.loads, bias)
        };
        if self.schedule.entries.is_empty() {
            self.schedule.start(weights.len(), weight);
        }
        let Some(first) = self.schedule.next(weight) else { return };
        candidates.push(first);
        if !candidates.is_full() {
            self.order.clear();
            self.order.extend((0..weights.len()).filter(|index| choice.admission.admits(*index)));
            let due = |index: &EndpointIndex| self.schedule.entries.get(*index).copied().unwrap_or_default();
            self.order.sort_by(|left, right| {
                let (left, right) = (due(left), due(right));
                left.0.total_cmp(&right.0).then(left.1.cmp(&right.1))
            });
            for index in &self.order {
                candidates.push(*index);
            }
        }
    }
}

/// Envoy's weight of a host with requests in flight: weight / (active + 1) ^ bias.
fn shrunk(weight: f64, index: EndpointIndex, loads: &Loads, bias: f64) -> f64 {
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

/// Adds the others by increasing cost; those that cost the same in an order drawn by chance, or the first of
/// the list would take every retry.
pub(super) fn further(
    order: &mut [EndpointIndex],
    candidates: &mut Candidates,
    rng: &mut fastrand::Rng,
    cost: impl Fn(EndpointIndex) -> f64,
) {
    if candidates.is_full() {
        return;
    }
    rng.shuffle(order);
    order.sort_by(|left, right| cost(*left).total_cmp(&cost(*right)));
    for index in order {
        candidates.push(*index);
    }
}

impl Schedule {
    fn start(&mut self, endpoints: usize, weight: impl Fn(EndpointIndex) -> f64) {
        for index in 0..endpoints {
            let due = 1.0 / weight(index);
            self.turn += 1;
            // One that is out has no weight; it is due whenever it comes back.
            self.entries.push((if due.is_finite() { due } else { 0.0 }, self.turn));
        }
    }

    /// The one that is due first among those with a weight; it is due again after 1 / weight.
    fn next(&mut self, weight: impl Fn(EndpointIndex) -> f64) -> Option<EndpointIndex> {
        let mut first: Option<(f64, u64, EndpointIndex)> = None;
        for (index, (due, turn)) in self.entries.iter().copied().enumerate() {
            let sooner =
                first.is_none_or(|(best, best_turn, _)| due < best || (due == best && turn < best_turn));
            if sooner && weight(index) > 0.0 {
                first = Some((due, turn, index));
            }
        }
        let (due, _, index) = first?;
        // One that was out while time went on must not get all the turns that it missed.
        self.now = self.now.max(due);
        self.turn += 1;
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = (self.now + 1.0 / weight(index), self.turn);
        }
        Some(index)
    }
}
