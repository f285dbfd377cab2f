//! Counters that count what should not happen.

use super::check::{Check, Group, Trouble, checked};
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use std::collections::BTreeMap;
use switchyard_frame::metrics::catalogue::{
    BATCH_PASSED, BATCH_REPEATS, BATCH_REQUESTS, BATCH_STALLED, BATCH_WITHHELD, BATCH_WITHOUT_QUEUE,
    COALESCE_EXITS, COALESCE_SUCCESSIONS, COALESCE_WITHOUT_QUEUE, DOCUMENT_ERRORS, FALLBACKS,
    METRICS_DROPPED, RETRIES_DENIED, RETRY_WATCHDOG, UNJUDGED,
};

pub(super) const ZERO: Code = Code {
    id: "SY0745",
    title: "counters that should be 0",
    severity: Severity::Warning,
    page: "Each of these counts something that should not happen, or a bound that was met. They count since Envoy's start, so what they \
           tell of may be over.\n\nThe line says what it means. docs/metrics.md has every metric.",
};

/// A metric, the label that must have this value (if any), what it tells of, and what to do.
type Counter = (&'static str, Option<(&'static str, &'static str)>, &'static str, &'static str);

const COUNTERS: &[Counter] = &[
    (
        METRICS_DROPPED.name,
        None,
        "there are more series than a VM may have (4,096), and some are not shown",
        "have fewer routes or upstreams in a document, or go by those that are shown",
    ),
    (
        RETRY_WATCHDOG.name,
        None,
        "a request that waited for another attempt was ended by the watchdog",
        "please report it, with Envoy's log",
    ),
    (
        RETRIES_DENIED.name,
        Some(("reason", "answer")),
        "an answer could not be judged by its body or trailers",
        "set allow_on_headers_stop_iteration: true in the plugin's configuration",
    ),
    (
        COALESCE_WITHOUT_QUEUE.name,
        None,
        "a worker has no queue: its flights stay within it",
        "Envoy's log says why",
    ),
    (
        BATCH_WITHOUT_QUEUE.name,
        None,
        "a worker has no queue: its batches leave later",
        "Envoy's log says why",
    ),
    (
        COALESCE_SUCCESSIONS.name,
        Some(("reason", "worker_lost")),
        "a worker was lost with flights that others waited for",
        "look for a trap in Envoy's log",
    ),
    (
        COALESCE_EXITS.name,
        Some(("reason", "max_wait")),
        "requests waited for an answer as long as they may",
        "the upstream is slower than max_wait: raise it, or mend the upstream",
    ),
    (
        COALESCE_EXITS.name,
        Some(("reason", "overdue")),
        "requests waited for an answer longer than they should",
        "the upstream is slower than max_wait: raise it, or mend the upstream",
    ),
    (BATCH_STALLED.name, None, "batches got no answer", "look at the upstream that takes the batches"),
    (
        BATCH_PASSED.name,
        Some(("reason", "no_body")),
        "requests were not batched since their body was not given",
        "set allow_on_headers_stop_iteration: true in the plugin's configuration",
    ),
    (
        BATCH_REQUESTS.name,
        Some(("result", "lost")),
        "the upstream left requests of a batch out of its answer",
        "the upstream does not keep to the protocol: mend it, or do not batch there",
    ),
    (
        BATCH_REPEATS.name,
        Some(("result", "denied")),
        "batches that failed were not made again, for want of budget",
        "find out why batches fail: switchyard_batch_failures_total, by reason",
    ),
    (
        BATCH_WITHHELD.name,
        None,
        "there was no room for requests' shares of an answer",
        "have smaller batches",
    ),
    (
        FALLBACKS.name,
        Some(("reason", "not_in_cluster")),
        "the endpoint that was named first is not in Envoy's cluster",
        "compare the lists: the log names the endpoint, once",
    ),
    (FALLBACKS.name, Some(("reason", "no_headers")), "Envoy gave the filter no headers", "please report it"),
    (
        UNJUDGED.name,
        Some(("reason", "not_in_document")),
        "attempts went to endpoints that the document lacks, and are not judged",
        "list them; the log names the endpoint, once",
    ),
    (
        DOCUMENT_ERRORS.name,
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
