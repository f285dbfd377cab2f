//! The filters' counters, in few numbers.

use crate::admin::Metrics;
use std::collections::BTreeMap;
use switchyard_frame::metrics::catalogue::{
    ATTEMPTS, BATCH_DEPARTURES, BATCH_FAILURES, BATCH_REQUESTS, COALESCE_FOLLOWERS, COALESCE_LEADERS,
    CONFIGURATIONS, DECISIONS, EJECTIONS, FALLBACK_ANSWERS, FALLBACKS, HEDGES, HEDGES_WON, PANICS,
    READMISSIONS, RETRIES, RETRIES_DENIED, UNMATCHED,
};

/// A name that is shown, the metric, and the label that it must have, if any.
type Count = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// What is counted.
const COUNTS: &[Count] = &[
    ("decisions", DECISIONS.name, None),
    ("unmatched", UNMATCHED.name, None),
    ("fallbacks", FALLBACKS.name, None),
    ("panics", PANICS.name, None),
    ("attempts", ATTEMPTS.name, None),
    ("retries", RETRIES.name, None),
    ("retries denied", RETRIES_DENIED.name, None),
    ("retries denied by budget", RETRIES_DENIED.name, Some(("reason", "budget"))),
    ("hedges", HEDGES.name, None),
    ("hedges won", HEDGES_WON.name, None),
    ("fallback answers", FALLBACK_ANSWERS.name, None),
    ("ejections", EJECTIONS.name, None),
    ("readmissions", READMISSIONS.name, None),
    ("coalesce leaders", COALESCE_LEADERS.name, None),
    ("coalesce followers", COALESCE_FOLLOWERS.name, None),
    ("batched", BATCH_REQUESTS.name, None),
    ("batch departures", BATCH_DEPARTURES.name, None),
    ("batch failures", BATCH_FAILURES.name, None),
    ("configurations accepted", CONFIGURATIONS.name, Some(("result", "accepted"))),
    ("configurations rejected", CONFIGURATIONS.name, Some(("result", "rejected"))),
];

/// Those that are not 0, over all labels.
pub(super) fn counts(metrics: &Metrics) -> BTreeMap<String, u64> {
    let sum = |(name, metric, label): &Count| {
        let labels: Vec<_> = label.iter().copied().collect();
        ((*name).to_owned(), metrics.sum(metric, &labels))
    };
    COUNTS.iter().map(sum).filter(|(_, count)| *count > 0).collect()
}

/// The same of Envoy's own: updates that it has refused since its start.
pub(super) fn refused(metrics: &Metrics) -> BTreeMap<String, u64> {
    let is_refusal = |name: &str| name.ends_with("update_rejected") || name.ends_with(".config_fail");
    let found = metrics.envoys().filter(|(name, value)| is_refusal(name) && *value > 0);
    found.map(|(name, value)| (name.to_owned(), value)).collect()
}
