//! Envoy's failure percentage detector: an endpoint is ejected if at least so many of its attempts failed.

use super::{Figures, Verdict, percent};
use crate::outlier::ledger::EndpointKey;
use crate::outlier::reason::Reason;
use crate::outlier::settings::FailurePercentagePolicy;

pub(super) fn outliers(policy: FailurePercentagePolicy, figures: &[Figures]) -> Vec<(EndpointKey, Verdict)> {
    let enough =
        |one: &&Figures| one.counts.attempts > 0 && u64::from(one.counts.attempts) >= policy.request_volume;
    let counted: Vec<&Figures> = figures.iter().filter(enough).collect();
    if policy.enforcing == 0 || counted.len() < policy.minimum_hosts {
        return Vec::new();
    }
    let threshold = u64::from(policy.threshold) * 10_000;
    let above = counted.into_iter().filter(|one| one.counts.failure_rate_ppm() >= threshold);
    above
        .map(|one| {
            let rate = percent(one.counts.failure_rate_ppm());
            let evidence = format!("{rate} of {} attempts failed", one.counts.attempts);
            (one.key, Verdict::new(Reason::FailurePercentage, evidence))
        })
        .collect()
}
