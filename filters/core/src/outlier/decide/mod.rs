//! The detectors: each looks at figures and names the endpoints that stand out. None ejects; see `enforce`.
//!
//! Failures in a row are decided where the row is kept, in the ledger's record.

mod failure_percentage;
mod latency;
mod stall;
mod success_rate;

use super::ledger::EndpointKey;
use super::settings::Settings;
use super::window::Counts;
use core::time::Duration;
pub use stall::{InFlight, Ticket};

/// Why an endpoint is out; the label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Failures in a row.
    Consecutive5xx = 1,
    /// 502, 503, 504 in a row.
    ConsecutiveGatewayFailure = 2,
    /// No answer, several times in a row.
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
    /// The router's probes failed.
    Heartbeat = 9,
    /// It failed while it was tried out.
    Probe = 10,
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
        Self::Probe,
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
            Self::Probe => "probe",
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
            Self::Signal | Self::Heartbeat | Self::Probe => 100,
        }
    }
}

/// A detector's word about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which detector.
    pub reason: Reason,
    /// What it saw, for the log: `5 consecutive 5xx`.
    pub evidence: String,
    /// The latency above which an endpoint is out, if that is why.
    pub limit: Option<Duration>,
}

impl Verdict {
    /// A verdict for another reason than latency.
    pub fn new(reason: Reason, evidence: String) -> Self {
        Self { reason, evidence, limit: None }
    }
}

/// What the statistical detectors know of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Which endpoint.
    pub key: EndpointKey,
    /// What it did within the window.
    pub counts: Counts,
}

/// What the statistical detectors say about the endpoints in rotation; at most one verdict for each.
pub fn evaluate(settings: &Settings, figures: &[Figures]) -> Vec<(EndpointKey, Verdict)> {
    let mut verdicts: Vec<(EndpointKey, Verdict)> = Vec::new();
    let found = success_rate::outliers(settings.success_rate, figures)
        .into_iter()
        .chain(failure_percentage::outliers(settings.failure_percentage, figures))
        .chain(settings.latency.map(|policy| latency::outliers(policy, figures)).unwrap_or_default());
    for (key, verdict) in found {
        if verdicts.iter().all(|(known, _)| *known != key) {
            verdicts.push((key, verdict));
        }
    }
    verdicts
}

/// `123456` parts per million as `12.3 %`.
fn percent(ppm: u64) -> String {
    let tenths = (ppm + 500) / 1000;
    format!("{}.{} %", tenths / 10, tenths % 10)
}
