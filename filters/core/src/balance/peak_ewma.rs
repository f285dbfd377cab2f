//! `peak_ewma`: of two endpoints drawn at random, the one that costs less: expected latency times the requests
//! that would then be in flight, divided by the weight.
//!
//! Source: Finagle's PeakEwma and linkerd2-proxy's balancer; Mitzenmacher (2001) for the two draws. An endpoint
//! that turned slow is left alone at once and tried again as its peak fades.

use super::pool::{Cheapest, Pool};
use super::{Candidates, Choice};
use crate::{EndpointIndex, Endpoints};
use core::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct PeakEwma {
    weights: Vec<f64>,
    decay: Duration,
    default_latency: Duration,
    pool: Pool,
    cheapest: Cheapest,
}

impl PeakEwma {
    pub(super) fn new(endpoints: &Endpoints, decay: Duration, default_latency: Duration) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        Self {
            pool: Pool::new(weights.len()),
            cheapest: Cheapest::default(),
            weights,
            decay,
            default_latency,
        }
    }

    pub(super) fn choose(&mut self, choice: Choice<'_>, candidates: &mut Candidates) {
        let Choice { now, rng, loads, admission, .. } = choice;
        let (weights, decay, default_latency) = (&self.weights, self.decay, self.default_latency);
        let cost = |index: EndpointIndex| {
            let latency = loads.latency_at(index, now, decay, default_latency);
            let weight = weights.get(index).copied().unwrap_or(1.0) * admission.factor(index);
            // An average that has faded to nothing must not make the requests in flight count for nothing.
            latency.max(1.0) * (f64::from(loads.active(index)) + 1.0) / weight
        };
        let count = self.pool.refresh(&admission);
        if count == 0 {
            return;
        }
        let one = rng.usize(..count);
        // Another one, if there is another one: any of the rest is as likely.
        let two = if count > 1 { (one + 1 + rng.usize(..count - 1)) % count } else { one };
        let (Some(one), Some(two)) = (self.pool.get(one), self.pool.get(two)) else { return };
        candidates.push(if cost(two) < cost(one) { two } else { one });
        let admitted = |index| admission.admits(index).then(|| cost(index));
        self.cheapest.fill(weights.len(), candidates, rng, admitted);
    }
}
