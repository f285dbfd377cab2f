//! How large are batches, what do they save, and do they fail?

use super::grafana::{Dashboard, Panel, choice, graph};
use crate::observability::query::{Series, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "batching",
        title: "Batching",
        description: "How many requests go as one call, what that saves, and whether the upstream keeps to the protocol.",
        choices: vec![choice("route", &BATCH_DEPARTURES)],
        panels: [savings(), ways(), model(), troubles()].into_iter().flatten().collect(),
    }
}

fn chosen(series: Series) -> Series {
    series.chosen_by("route")
}

fn savings() -> Vec<Panel> {
    let by = &["route"];
    let requests = || chosen(shown(&BATCH_REQUESTS)).rate().sum(by);
    let departures = || chosen(shown(&BATCH_DEPARTURES)).rate().sum(by);
    let size = || chosen(shown(&BATCH_SIZE));
    let waits = || chosen(shown(&BATCH_WAIT)).buckets().rate().sum(&["le", "route"]);
    vec![
        graph("Requests and calls", "reqps", "Requests of clients, and the calls that were made for them. What is between the two lines was saved.")
            .line(requests(), "{{route}}: requests")
            .line(departures(), "{{route}}: calls"),
        graph(
            "Part of calls saved",
            "percentunit",
            "Calls that were not made, by requests. At low load it is 0 by design: nobody waits while nothing is under way.",
        )
        .line(departures().over(requests()).missing_to_one(), "{{route}}"),
        graph(
            "Items of a batch",
            "none",
            "How many items calls have: on average, and all but one in a hundred. Envoy's histograms keep buckets, so it is near and not exact.",
        )
        .line(size().sum_of_values().rate().sum(by).over(size().count_of_values().rate().sum(by)), "{{route}}: mean")
        .line(size().buckets().rate().sum(&["le", "route"]).quantile("0.99"), "{{route}}: 99 %"),
        graph(
            "How long requests waited",
            "s",
            "How long requests waited for company, of those that did: half of them, and all but one in a hundred. Compare with max_delay.",
        )
        .line(waits().quantile("0.5").times("1e-3"), "{{route}}: half")
        .line(waits().quantile("0.99").times("1e-3"), "{{route}}: 99 %"),
    ]
}

/// What became of calls and requests.
fn ways() -> Vec<Panel> {
    vec![
        graph(
            "Why calls left",
            "reqps",
            "What made a call leave: nothing was under way (`idle`), something returned, a bound was met, time was over. `no_batches` that lasts: the upstream \
             does not take them.",
        )
        .line(chosen(shown(&BATCH_DEPARTURES)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "What became of requests",
            "reqps",
            "Requests that were answered out of a batch, alone, or not: `lost` (left out by the upstream), `failed`, `timed_out`, `refused`, `gone`.",
        )
        .line(chosen(shown(&BATCH_REQUESTS)).rate().sum(&["route", "result"]), "{{route}}: {{result}}"),
    ]
}

fn model() -> Vec<Panel> {
    vec![
        graph(
            "What a call and an item take",
            "s",
            "The model that the filter learns: the fixed time of a call, and that of each item. Batches pay where the first is much more than the second.",
        )
        .line(chosen(shown(&BATCH_CALL)).now().max(&["route"]).times("1e-6"), "{{route}}: call")
        .line(chosen(shown(&BATCH_ITEM)).now().max(&["route"]).times("1e-6"), "{{route}}: item"),
        graph(
            "Requests that wait or are under way",
            "none",
            "Requests in the filter now, all workers together, and the most items that the next batch may have.",
        )
        .line(chosen(shown(&BATCH_ACTIVE)).now().sum(&["instance", "route"]), "{{route}} on {{instance}}")
        .line(chosen(shown(&BATCH_LIMIT)).now().max(&["route"]), "{{route}}: most items"),
        graph("Bytes held", "bytes", "What those requests and their batches' answers hold, all workers together. Beyond max_bytes_held requests go by themselves.")
            .line(chosen(shown(&BATCH_BYTES_HELD)).now().sum(&["instance", "route"]), "{{route}} on {{instance}}"),
    ]
}

fn troubles() -> Vec<Panel> {
    vec![
        graph(
            "Requests that went by themselves",
            "reqps",
            "Requests that were not batched, by reason; docs/batch.md has all reasons. `max_requests` and `max_bytes_held`: the upstream does not keep up.",
        )
        .line(chosen(shown(&BATCH_PASSED)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Batches that failed",
            "reqps",
            "Calls that failed as a whole, by reason. `length`, `no_id`, `same_id`, `other_id`: the upstream does not keep to the protocol.",
        )
        .line(chosen(shown(&BATCH_FAILURES)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Batches that were made again",
            "reqps",
            "What was made in place of a batch that failed: `whole`, `half`, `alone`; and `denied`, for which the budget had none left.",
        )
        .line(chosen(shown(&BATCH_REPEATS)).rate().sum(&["route", "result"]), "{{route}}: {{result}}"),
        graph(
            "Stalled, withheld, within a worker",
            "reqps",
            "Batches without an answer; shares for which there was no room; requests that had to be gathered in their own worker; workers without a queue; \
             headers that keep nearly all requests apart.",
        )
        .line(chosen(shown(&BATCH_STALLED)).rate().sum(&["route"]), "{{route}}: stalled")
        .line(chosen(shown(&BATCH_WITHHELD)).rate().sum(&["route"]), "{{route}}: withheld")
        .line(chosen(shown(&BATCH_DEGRADED)).rate().sum(&["route"]), "{{route}}: degraded")
        .line(shown(&BATCH_WITHOUT_QUEUE).now().sum(&["instance"]), "{{instance}}: without a queue")
        .line(chosen(shown(&BATCH_NOISY_HEADERS)).now().max(&["route", "header"]), "{{route}}: {{header}}"),
    ]
}
