//! `peak_ewma`: of two endpoints drawn at random, more likely the one that costs less: the expected time to its first byte,
//! times the requests that would then wait for theirs.
//!
//! The odds of two endpoints are as the squares of what they cost, the other way round, times their weights. Under load that is
//! what requests waiting make of latencies anyway; without load it keeps two equal endpoints, whose estimates always differ
//! a little, from getting all or nothing in turn. Trade-off: without load an endpoint ten times as slow gets a hundredth of
//! the requests, where Finagle's choice gives it a thousandth.
//!
//! Source: Finagle's PeakEwma and linkerd2-proxy's balancer (requests count until the first byte); Mitzenmacher (2001) for
//! the two draws. What an endpoint is expected to take is [`crate::load`]'s matter.

use super::Candidates;
use super::ask::Ask;
use super::pool::{Cheapest, Pool};
use crate::load::LatencyPolicy;
use crate::{EndpointIndex, Endpoints};

#[derive(Clone, Debug)]
pub(super) struct PeakEwma {
    /// In parts of the mean weight.
    weights: Vec<f64>,
    latency: LatencyPolicy,
    pool: Pool,
    cheapest: Cheapest,
}

impl PeakEwma {
    pub(super) fn new(endpoints: &Endpoints, latency: LatencyPolicy) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        Self {
            pool: Pool::new(weights.len()),
            cheapest: Cheapest::default(),
            weights: weights.into_iter().map(|weight| weight / mean).collect(),
            latency,
        }
    }

    pub(super) fn choose(&mut self, choice: Ask<'_>, candidates: &mut Candidates) {
        let Ask { now, rng, loads, admission, .. } = choice;
        let (weights, policy) = (&self.weights, &self.latency);
        // The reciprocal of its odds.
        let against = |index: EndpointIndex| {
            let weight = weights.get(index).copied().unwrap_or(1.0) * admission.factor(index);
            // An estimate that has faded to nothing must not make the requests that wait count for nothing.
            let latency = loads.latency_at(index, now, policy).max(1.0);
            let cost = latency * (f64::from(loads.waiting(index)) / weight + 1.0);
            cost * cost / weight
        };
        let count = self.pool.refresh(&admission);
        if count == 0 {
            return;
        }
        let one = rng.usize(..count);
        // Another one, if there is another one: any of the rest is as likely.
        let two = if count > 1 { (one + 1 + rng.usize(..count - 1)) % count } else { one };
        let (Some(one), Some(two)) = (self.pool.get(one), self.pool.get(two)) else { return };
        let (against_one, against_two) = (against(one), against(two));
        let takes_two = rng.f64() * (against_one + against_two) < against_one;
        candidates.push(if takes_two { two } else { one });
        let admitted = |index| admission.admits(index).then(|| against(index));
        self.cheapest.fill(weights.len(), candidates, rng, admitted);
    }
}
