//! Why an endpoint is ejected.
//!
//! Invariant: a reason keeps its number, which is in shared data, and its name, which is in metrics.

use super::settings::Settings;

/// Why an endpoint is ejected; the label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Consecutive failures.
    Consecutive5xx = 1,
    /// Consecutive 502, 503, 504.
    ConsecutiveGatewayFailure = 2,
    /// Consecutive attempts without an answer.
    ConsecutiveLocalOriginFailure = 3,
    /// Fewer successes than the others.
    SuccessRate = 4,
    /// Too great a share of failures.
    FailurePercentage = 5,
    /// Slower than the others.
    Latency = 6,
    /// Answers nothing.
    Stall = 7,
    /// It said so itself.
    Signal = 8,
    /// The router's heartbeats failed.
    Heartbeat = 9,
    /// A half-open trial failed.
    Trial = 10,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Consecutive5xx,
        Self::ConsecutiveGatewayFailure,
        Self::ConsecutiveLocalOriginFailure,
        Self::SuccessRate,
        Self::FailurePercentage,
        Self::Latency,
        Self::Stall,
        Self::Signal,
        Self::Heartbeat,
        Self::Trial,
    ];

    /// Its name, Envoy's where Envoy has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive_5xx",
            Self::ConsecutiveGatewayFailure => "consecutive_gateway_failure",
            Self::ConsecutiveLocalOriginFailure => "consecutive_local_origin_failure",
            Self::SuccessRate => "success_rate",
            Self::FailurePercentage => "failure_percentage",
            Self::Latency => "latency",
            Self::Stall => "stall",
            Self::Signal => "signal",
            Self::Heartbeat => "heartbeat",
            Self::Trial => "probe",
        }
    }

    /// The reason of this number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == number)
    }

    /// The percentage of the verdicts for this reason that are carried out.
    pub fn enforcing(self, settings: &Settings) -> u8 {
        match self {
            Self::Consecutive5xx => settings.consecutive.any_5xx.enforcing,
            Self::ConsecutiveGatewayFailure => settings.consecutive.gateway_failure.enforcing,
            Self::ConsecutiveLocalOriginFailure => settings.consecutive.local_origin_failure.enforcing,
            Self::SuccessRate => settings.success_rate.enforcing,
            Self::FailurePercentage => settings.failure_percentage.enforcing,
            Self::Latency => settings.latency.map_or(0, |policy| policy.enforcing),
            Self::Stall => settings.stall.map_or(0, |policy| policy.enforcing),
            Self::Signal | Self::Heartbeat | Self::Trial => 100,
        }
    }
}
