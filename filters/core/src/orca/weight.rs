//! The weight of an endpoint, of what it reports: how many requests per second it takes for each unit of how busy that makes it.
//!
//! Invariants: a weight is a finite number above 0. It counts once its endpoint has been reporting for the blackout period, and no
//! longer than the expiration period after its last report; a clock that steps back ends neither early, and puts neither off beyond
//! one period after the next report.
//! Trade-off: the last report counts alone. Neither Envoy nor gRPC smooths weights: endpoints report averages already.
//! Source: gRFC A58, "Weight calculation"; Envoy's `calculateWeightFromOrcaReport` and `getWeightIfValid`. Of how busy an endpoint
//! is a metric that the operator names says most, then `application_utilization`, then `cpu_utilization`: Envoy's order since
//! `orca_weight_manager_use_named_metrics_first`.

use super::{MetricName, Report};
use crate::Timestamp;
use core::time::Duration;

/// How weights are made of reports, and how long they count. The names of Envoy's `client_side_weighted_round_robin`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportPolicy {
    /// How long an endpoint must have been reporting before its weight counts.
    pub blackout_period: Duration,
    /// How long after its last report an endpoint's weight counts.
    pub weight_expiration_period: Duration,
    /// How often weights are taken over into choices.
    pub weight_update_period: Duration,
    /// How much busier an endpoint is taken to be for its part of errors; 0 or more.
    pub error_utilization_penalty: f64,
    /// The metrics that say how busy an endpoint is, if it reports any of them; the greatest counts.
    pub metric_names: Vec<MetricName>,
    /// How many times the median of all a weight may be, and what part of it; 1 or more.
    pub maximum_weight_ratio: f64,
    /// Whether reports are taken off the answers.
    pub strip: bool,
}

impl Default for ReportPolicy {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            blackout_period: Duration::from_secs(10),
            weight_expiration_period: Duration::from_secs(180),
            weight_update_period: Duration::from_secs(1),
            error_utilization_penalty: 1.0,
            metric_names: Vec::new(),
            maximum_weight_ratio: 10.0,
            strip: true,
        }
    }
}

impl ReportPolicy {
    /// The weight of an endpoint that reports this; `None`: it says too little, or nothing that a weight can be made of.
    pub fn weight(&self, report: &Report) -> Option<f64> {
        let by_order = [report.named, report.application_utilization, report.cpu_utilization];
        let busy = by_order.into_iter().find(|utilization| *utilization > 0.0).unwrap_or_default();
        let busy = busy + self.error_utilization_penalty * (report.eps / report.rps_fractional);
        let weight = report.rps_fractional / busy;
        // Neither 0 by 0 nor what has no end.
        (weight.is_finite() && weight > 0.0).then_some(weight)
    }
}

/// What one endpoint's reports say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportedWeight {
    weight: f64,
    /// When it began to report, without a pause.
    since: Timestamp,
    /// When it reported last.
    at: Timestamp,
}

impl ReportedWeight {
    /// What is known once an endpoint of which `before` was known has reported this weight.
    pub fn after(before: Option<Self>, weight: f64, now: Timestamp, policy: &ReportPolicy) -> Self {
        let goes_on =
            |before: &Self| now >= before.since && now.since(before.at) < policy.weight_expiration_period;
        let since = before.filter(goes_on).map_or(now, |before| before.since);
        Self { weight, since, at: now }
    }

    /// The weight, if it counts at `now`.
    pub fn usable(&self, now: Timestamp, policy: &ReportPolicy) -> Option<f64> {
        let counts = now.since(self.since) >= policy.blackout_period
            && now.since(self.at) < policy.weight_expiration_period;
        counts.then_some(self.weight)
    }
}
