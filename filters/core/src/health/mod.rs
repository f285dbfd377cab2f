//! Which endpoints may be chosen, and how much of their share they get.
//!
//! [`HealthTable`] is what is known of each endpoint (who says so is not this module's matter: the
//! configuration, or outlier's verdicts); [`Admission`] is what a balancer asks of it for one request.
//!
//! Invariant: with the share of endpoints in rotation below the panic threshold, health is ignored
//! (Envoy's `healthy_panic_threshold`). Only a threshold of 0 can leave a balancer without a candidate.

mod slow_start;
mod table;

pub use slow_start::SlowStart;
pub use table::{Admission, HealthPolicy, HealthTable};

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
}
