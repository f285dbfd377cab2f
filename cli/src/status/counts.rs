//! The filters' counters, in few numbers.

use crate::admin::Metrics;
use std::collections::BTreeMap;

/// A name that is shown, the metric, and the label that it must have, if any.
type Count = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// What is counted.
const COUNTS: &[Count] = &[
    ("decisions", "decisions", None),
    ("unmatched", "unmatched", None),
    ("fallbacks", "fallbacks", None),
    ("panics", "panics", None),
    ("attempts", "attempts", None),
    ("retries", "retries", None),
    ("retries denied", "retries_denied", None),
    ("retries denied by budget", "retries_denied", Some(("reason", "budget"))),
    ("hedges", "hedges", None),
    ("hedges won", "hedges_won", None),
    ("fallback answers", "fallback_answers", None),
    ("ejections", "ejections", None),
    ("readmissions", "readmissions", None),
    ("coalesce leaders", "coalesce_leaders", None),
    ("coalesce followers", "coalesce_followers", None),
    ("batched", "batch_requests", None),
    ("batch departures", "batch_departures", None),
    ("batch failures", "batch_failures", None),
    ("configurations accepted", "configurations", Some(("result", "accepted"))),
    ("configurations rejected", "configurations", Some(("result", "rejected"))),
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
