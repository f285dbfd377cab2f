//! Counters that count what should not happen.

use super::check::{Check, Group, Trouble, checked};
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use std::collections::BTreeMap;

pub(super) const ZERO: Code = Code {
    id: "SY0745",
    title: "counters that should be 0",
    severity: Severity::Warning,
    page: "Each of these counts something that should not happen, or a bound that was met. They count since Envoy's start, so what they \
           tell of may be over.\n\nThe line says what it means. docs/retry.md, docs/coalesce.md, docs/batch.md and docs/endpoints.md have a \
           section \"Watching it\".",
};

/// A metric, the label that must have this value (if any), what it tells of, and what to do.
type Counter = (&'static str, Option<(&'static str, &'static str)>, &'static str, &'static str);

const COUNTERS: &[Counter] = &[
    (
        "metrics_dropped",
        None,
        "there are more series than a VM may have (4,096), and some are not shown",
        "have fewer routes or upstreams in a document, or go by those that are shown",
    ),
    (
        "retry_watchdog",
        None,
        "a request that waited for another attempt was ended by the watchdog",
        "please report it, with Envoy's log",
    ),
    (
        "retries_denied",
        Some(("reason", "answer")),
        "an answer could not be judged by its body or trailers",
        "set allow_on_headers_stop_iteration: true in the plugin's configuration",
    ),
    (
        "coalesce_without_queue",
        None,
        "a worker has no queue: its flights stay within it",
        "Envoy's log says why",
    ),
    ("batch_without_queue", None, "a worker has no queue: its batches leave later", "Envoy's log says why"),
    (
        "coalesce_successions",
        Some(("reason", "worker_lost")),
        "a worker was lost with flights that others waited for",
        "look for a trap in Envoy's log",
    ),
    (
        "coalesce_exits",
        Some(("reason", "max_wait")),
        "requests waited for an answer as long as they may",
        "the upstream is slower than max_wait: raise it, or mend the upstream",
    ),
    (
        "coalesce_exits",
        Some(("reason", "overdue")),
        "requests waited for an answer longer than they should",
        "the upstream is slower than max_wait: raise it, or mend the upstream",
    ),
    ("batch_stalled", None, "batches got no answer", "look at the upstream that takes the batches"),
    (
        "batch_passed",
        Some(("reason", "no_body")),
        "requests were not batched since their body was not given",
        "set allow_on_headers_stop_iteration: true in the plugin's configuration",
    ),
    (
        "batch_requests",
        Some(("result", "lost")),
        "the upstream left requests of a batch out of its answer",
        "the upstream does not keep to the protocol: mend it, or do not batch there",
    ),
    (
        "batch_repeats",
        Some(("result", "denied")),
        "batches that failed were not made again, for want of budget",
        "find out why batches fail: switchyard_batch_failures, by reason",
    ),
    ("batch_withheld", None, "there was no room for requests' shares of an answer", "have smaller batches"),
    (
        "fallbacks",
        Some(("reason", "not_in_cluster")),
        "the endpoint that was named first is not in Envoy's cluster",
        "compare the lists: the log names the endpoint, once",
    ),
    ("fallbacks", Some(("reason", "no_headers")), "Envoy gave the filter no headers", "please report it"),
    (
        "unjudged",
        Some(("reason", "not_in_document")),
        "attempts went to endpoints that the document lacks, and are not judged",
        "list them; the log names the endpoint, once",
    ),
    (
        "document_errors",
        None,
        "the store of the document could not be read, or what it has is wrong",
        "Envoy's log says why; the document before stays in force",
    ),
];

/// A line for each of them that is not 0, all its routes and upstreams together.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let mut troubles = Vec::new();
    for (metric, label, means, next) in COUNTERS {
        let is_it = |series: &&crate::admin::Series| {
            series.value > 0 && label.is_none_or(|(name, value)| series.label(name) == value)
        };
        let mut of: BTreeMap<String, u64> = BTreeMap::new();
        for series in picture.metrics.named(metric).filter(is_it) {
            let name = ["route", "upstream", "filter"]
                .iter()
                .map(|name| series.label(name))
                .find(|name| !name.is_empty());
            *of.entry(name.unwrap_or("all").to_owned()).or_default() += series.value;
        }
        if !of.is_empty() {
            let label = label.map(|(name, value)| format!("{{{name}={value:?}}}")).unwrap_or_default();
            let values = of.iter().map(|(name, value)| format!("{name} {value}"));
            let said = format!("switchyard_{metric}{label}: {means}; {}", super::check::list(values));
            troubles.push(Trouble::warning(said, *next));
        }
    }
    checked(Group::Health, &ZERO, "counters that should be 0 are 0", troubles)
}
