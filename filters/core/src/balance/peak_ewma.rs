//! `peak_ewma`: of two endpoints drawn at random, the one that costs less: expected latency times the requests
//! that would then be in flight, divided by the weight.
//!
//! Source: Finagle's PeakEwma and linkerd2-proxy's balancer; Mitzenmacher (2001) for the two draws. An endpoint
//! that turned slow is left alone at once and tried again as its peak fades.

use super::least_request::further;
use super::{Candidates, Choice};
use crate::{EndpointIndex, Endpoints};
use core::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct PeakEwma {
    weights: Vec<f64>,
    decay: Duration,
    default_latency: Duration,
    order: Vec<EndpointIndex>,
}

impl PeakEwma {
    pub(super) fn new(endpoints: &Endpoints, decay: Duration, default_latency: Duration) -> Self {
        let weights: Vec<f64> = endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get())).collect();
        Self { order: Vec::with_capacity(weights.len()), weights, decay, default_latency }
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
        self.order.clear();
        self.order.extend((0..weights.len()).filter(|index| admission.admits(*index)));
        let count = self.order.len();
        if count == 0 {
            return;
        }
        let one = rng.usize(..count);
        // Another one, if there is another one: any of the rest is as likely.
        let two = if count > 1 { (one + 1 + rng.usize(..count - 1)) % count } else { one };
        let (Some(one), Some(two)) = (self.order.get(one).copied(), self.order.get(two).copied()) else {
            return;
        };
        candidates.push(if cost(two) < cost(one) { two } else { one });
        further(&mut self.order, candidates, rng, cost);
    }
}
