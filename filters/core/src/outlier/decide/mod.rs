//! The detectors: each looks at figures and names the endpoints that stand out. None ejects; see `enforce`.
//!
//! Consecutive failures are decided where they are counted, in the ledger's record.

mod failure_percentage;
mod latency;
mod stall;
mod success_rate;

use super::ledger::EndpointKey;
use super::reason::Reason;
use super::settings::Settings;
use super::window::Counts;
use core::time::Duration;
pub use stall::{InFlight, Ticket};

/// A detector's word about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which detector.
    pub reason: Reason,
    /// What it saw, for the log: `5 consecutive 5xx`.
    pub evidence: String,
    /// The latency above which an endpoint is ejected, if that is why.
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
