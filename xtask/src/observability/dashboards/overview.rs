//! Is all well?

use super::grafana::{Dashboard, graph, number, table};
use crate::observability::query::{envoys, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "overview",
        title: "Overview",
        description: "Whether all is well, and where to look if it is not.",
        choices: Vec::new(),
        panels: [clients(), decisions(), costs(), running()].into_iter().flatten().collect(),
    }
}

type Panels = Vec<super::grafana::Panel>;

fn clients() -> Panels {
    let answers = envoys("envoy_http_downstream_rq_xx", &["envoy_response_code_class"]);
    let failures = answers.clone().with("envoy_response_code_class", "5").rate().sum(&[]);
    vec![
        graph(
            "Answers to clients by class",
            "reqps",
            "Answers that Envoy gave to clients, all listeners together, by the class of their status. The fifth class is what users notice.",
        )
        .line(answers.rate().sum(&["envoy_response_code_class"]), "{{envoy_response_code_class}}xx"),
        number(
            "Part of answers that are 5xx",
            "percentunit",
            "The part of all answers that clients got as 5xx. Retries and fallbacks are there to keep it near 0.",
        )
        .line(failures.over(answers_of_all()), "5xx"),
    ]
}

fn answers_of_all() -> crate::observability::query::Query {
    envoys("envoy_http_downstream_rq_xx", &[]).rate().sum(&[])
}

fn decisions() -> Panels {
    vec![
        graph(
            "Decisions by upstream",
            "reqps",
            "Requests that the router decided on. One that falls to 0 while others go on has lost its traffic, or its route.",
        )
        .line(shown(&DECISIONS).rate().sum(&["upstream"]), "{{upstream}}"),
        graph(
            "Requests that did not go as the policy says",
            "reqps",
            "Fallbacks by reason, and requests that no route matched. `not_in_cluster` and `no_headers` should not be there at all.",
        )
        .line(shown(&FALLBACKS).rate().sum(&["upstream", "reason"]), "{{upstream}}: {{reason}}")
        .line(shown(&UNMATCHED).rate().sum(&[]), "no route"),
        graph(
            "Endpoints that are ejected",
            "none",
            "How many endpoints are out of rotation now, by upstream. Up to what max_ejection_percent allows; beyond that bad ones stay in.",
        )
        .line(shown(&EJECTIONS_ACTIVE).now().max(&["instance", "upstream"]), "{{upstream}} on {{instance}}"),
    ]
}

/// What was made again, saved, or refused.
fn costs() -> Panels {
    vec![
        graph(
            "Retries by route",
            "reqps",
            "Attempts that were made again. More than a fifth of all attempts means that an upstream is carried by retries.",
        )
        .line(shown(&RETRIES).rate().sum(&["route"]), "{{route}}"),
        graph(
            "Requests saved",
            "reqps",
            "Requests of clients that no upstream saw: answered with another's answer, or gone in a batch with others.",
        )
        .line(
            shown(&COALESCE_EXITS).with("reason", "collapsed|stale|shared_error").rate().sum(&[]),
            "by coalescing",
        )
        .line(
            shown(&BATCH_REQUESTS).rate().sum(&[]).less(shown(&BATCH_DEPARTURES).rate().sum(&[])),
            "by batching",
        ),
        graph(
            "Panic, by upstream",
            "reqps",
            "Decisions with health ignored, or refused, since too few endpoints were in rotation. Anything above 0 is an outage of most of an upstream.",
        )
        .line(shown(&PANICS).rate().sum(&["upstream"]), "{{upstream}}"),
    ]
}

fn running() -> Panels {
    vec![
        table(
            "Filters and their versions",
            "Which filter of which version has taken a configuration, on how many instances. A filter that is missing never started; after an update an \
             instance shows both versions until it starts anew.",
        )
        .line(shown(&BUILD_INFO).now().count(&["filter", "version"]), "{{filter}} {{version}}"),
        graph(
            "Configurations that were refused",
            "none",
            "Configurations that filters rejected since Envoy's start, once per worker. The one before stays in force; Envoy's log has every error.",
        )
        .line(
            shown(&CONFIGURATIONS).with("result", "rejected").now().sum(&["instance", "filter"]),
            "{{filter}} on {{instance}}",
        ),
    ]
}
