//! The latency detector, which Envoy lacks (its issue 288): an endpoint is ejected if its quantile is both `factor`
//! times the median of all endpoints' quantiles and above an absolute floor.
//!
//! The median is of the others' quantiles too, so one slow endpoint does not move it, and the floor keeps a
//! cluster of fast endpoints from ejecting one that is merely less fast. Streaming answers are left out before they get here.

use super::{Figures, Verdict};
use crate::outlier::ledger::EndpointKey;
use crate::outlier::reason::Reason;
use crate::outlier::settings::LatencyPolicy;
use core::time::Duration;

pub(super) fn outliers(policy: LatencyPolicy, figures: &[Figures]) -> Vec<(EndpointKey, Verdict)> {
    let counted: Vec<(EndpointKey, u64, Duration)> = figures
        .iter()
        .map(|one| (one.key, one.counts.latency.volume(), one.counts.latency.quantile(policy.quantile)))
        .filter(|(_, volume, _)| *volume > 0 && *volume >= policy.request_volume)
        .collect();
    if policy.enforcing == 0 || counted.len() < policy.minimum_hosts {
        return Vec::new();
    }
    let median = lower_median(counted.iter().map(|(_, _, quantile)| *quantile).collect());
    let limit = median.mul_f64(policy.factor).max(policy.floor);
    let slow = counted.into_iter().filter(|(_, _, quantile)| *quantile > limit);
    slow.map(|(key, volume, quantile)| {
        let evidence = format!(
            "p{} of {volume} answers is {} ms, median of the cluster {} ms",
            policy.quantile,
            quantile.as_millis(),
            median.as_millis()
        );
        (key, Verdict { limit: Some(limit), ..Verdict::new(Reason::Latency, evidence) })
    })
    .collect()
}

/// Of two middle values the lower: in a cluster of two the slow one must not be its own yardstick.
fn lower_median(mut values: Vec<Duration>) -> Duration {
    crate::sort::sort(&mut values);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
