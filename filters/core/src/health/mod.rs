//! Which endpoints may be chosen, and how much of their share they get.
//!
//! [`HealthTable`] is what is known of each endpoint (who says so is not this module's matter: the
//! configuration, or outlier's verdicts); [`Admission`] is what a balancer asks of it for one request.
//!
//! Invariants: with the share of endpoints in rotation below the panic threshold, health is ignored (Envoy's
//! `healthy_panic_threshold`), or nobody is chosen (Envoy's `fail_traffic_on_panic`). What the operator has taken out by hand
//! is never chosen and is no part of that share, whatever becomes of the others. So a balancer is without a candidate when all
//! are out by hand, with a threshold of 0, or when traffic is to fail. With several levels of priority, localities, or endpoints that
//! are degraded, each level has its own share of the traffic, and panics by Envoy's rule for levels ([`crate::priority`]).

mod admission;
mod slow_start;
mod table;

pub use admission::Admission;
pub use slow_start::SlowStart;
pub use table::{HealthPolicy, HealthTable};

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// In rotation.
    #[default]
    Healthy,
    /// Out of rotation.
    Ejected,
    /// Out of rotation but for half-open trials: requests that test it.
    HalfOpen,
    /// Taken out of rotation by hand: never chosen, not even when all others are ejected.
    Withdrawn,
}

impl Health {
    /// Whether it may be chosen when nobody is in rotation.
    pub fn serves_in_panic(self) -> bool {
        self != Self::Withdrawn
    }
}
