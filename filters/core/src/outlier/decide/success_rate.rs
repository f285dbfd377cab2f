//! Envoy's success rate detector: an endpoint is ejected if its rate is below `mean - factor · stdev` (population) of
//! those that have enough attempts.

use super::{Figures, Verdict, percent};
use crate::outlier::ledger::EndpointKey;
use crate::outlier::reason::Reason;
use crate::outlier::settings::SuccessRatePolicy;

pub(super) fn outliers(policy: SuccessRatePolicy, figures: &[Figures]) -> Vec<(EndpointKey, Verdict)> {
    let enough =
        |one: &&Figures| one.counts.attempts > 0 && u64::from(one.counts.attempts) >= policy.request_volume;
    let counted: Vec<&Figures> = figures.iter().filter(enough).collect();
    if policy.enforcing == 0 || counted.is_empty() || counted.len() < policy.minimum_hosts {
        return Vec::new();
    }
    let rate = |one: &Figures| 1e6 - one.counts.failure_rate_ppm() as f64;
    let hosts = counted.len() as f64;
    let mean = counted.iter().map(|one| rate(one)).sum::<f64>() / hosts;
    let variance = counted.iter().map(|one| (rate(one) - mean).powi(2)).sum::<f64>() / hosts;
    let threshold = mean - f64::from(policy.stdev_factor) / 1000.0 * variance.sqrt();
    let below = counted.into_iter().filter(|one| rate(one) < threshold);
    below
        .map(|one| {
            let evidence = format!(
                "success rate {} of {} attempts, below {}",
                percent(rate(one) as u64),
                one.counts.attempts,
                percent(threshold.max(0.0) as u64)
            );
            (one.key, Verdict::new(Reason::SuccessRate, evidence))
        })
        .collect()
}
