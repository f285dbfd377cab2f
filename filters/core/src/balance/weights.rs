//! Weights as Envoy's consistent hashing sees them: fractions of their sum.
//!
//! Invariant: the same division, in the same order, as Envoy's `thread_aware_lb_impl.cc`, so that rounding
//! falls the same way and tables come out equal.

use crate::Endpoints;

/// The weight of each endpoint over the sum of all, in order.
pub(super) fn normalized(endpoints: &Endpoints) -> Vec<f64> {
    let sum: u64 = endpoints.iter().map(|endpoint| u64::from(endpoint.weight.get())).sum();
    endpoints.iter().map(|endpoint| f64::from(endpoint.weight.get()) / sum as f64).collect()
}
