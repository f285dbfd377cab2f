//! `load_reported`: in turn by the weights that endpoints report, Envoy's `client_side_weighted_round_robin`.
//!
//! Invariants: one whose reports do not count (none, too young, too old) has the median of those whose do, and if there are none all
//! weigh the same. No weight is further from the median than the policy's ratio, so an endpoint that lies draws a bounded share and
//! moves no other's weight but by the median, of which it is one voice.
//! Trade-off: each worker knows of the answers that it passed on alone, where Envoy's workers share; weights are of endpoints and not of workers, so they
//! come to the same. Of an even number of weights the lower of the two in the middle is the median: one of two that says too much
//! of itself does not draw the median with it.
//! Source: Envoy's `orca_weight_manager.cc` (`updateWeightsOnHosts`); gRFC A58. The order of turns is nginx's and not the earliest
//! deadline first of Envoy: as even, and the weights may change in mid-round.

use super::Candidates;
use super::ask::Ask;
use super::rotation::SmoothWeighted;
use crate::load::LoadsWithin;
use crate::orca::ReportPolicy;
use crate::{Timestamp, sort};

#[derive(Clone, Debug)]
pub(super) struct LoadReported {
    policy: ReportPolicy,
    turns: SmoothWeighted,
    /// What is reported; 0: nothing that counts.
    weights: Vec<f64>,
    /// Those that count, to find the median. As bits, whose order is that of numbers of 0 or more.
    counting: Vec<u64>,
    /// When weights were taken over last.
    updated: Option<Timestamp>,
}

impl LoadReported {
    pub(super) fn new(endpoints: usize, policy: &ReportPolicy) -> Self {
        Self {
            policy: policy.clone(),
            turns: SmoothWeighted::even(endpoints),
            weights: vec![1.0; endpoints],
            counting: Vec::with_capacity(endpoints),
            updated: None,
        }
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        self.turns.choose(choice, candidates);
    }

    /// Takes over what is reported by `now`, if that was done long enough ago.
    pub(super) fn refresh(&mut self, now: Timestamp, loads: LoadsWithin<'_>) {
        if self.updated.is_some_and(|updated| !now.is_due(updated, self.policy.weight_update_period)) {
            return;
        }
        self.updated = Some(now);
        for (index, weight) in self.weights.iter_mut().enumerate() {
            *weight = loads.reported(index, now, &self.policy).unwrap_or_default();
        }
        let median = self.median().unwrap_or(1.0);
        let ratio = self.policy.maximum_weight_ratio.max(1.0);
        for weight in &mut self.weights {
            // In parts of the median, so that what is reported in thousands is no more than what is reported in thousandths.
            *weight = if *weight > 0.0 { (*weight / median).clamp(1.0 / ratio, ratio) } else { 1.0 };
        }
        let mean = self.weights.iter().sum::<f64>() / self.weights.len().max(1) as f64;
        self.weights.iter_mut().for_each(|weight| *weight /= mean);
        self.turns.reweigh(&self.weights);
    }

    /// The median of the weights that count.
    fn median(&mut self) -> Option<f64> {
        self.counting.clear();
        self.counting
            .extend(self.weights.iter().filter(|weight| **weight > 0.0).map(|weight| weight.to_bits()));
        sort::sort(&mut self.counting);
        let middle = self.counting.len().checked_sub(1)? / 2;
        self.counting.get(middle).map(|bits| f64::from_bits(*bits))
    }
}
