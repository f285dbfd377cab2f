//! What do retries do, and what do they cost?

use super::grafana::{Dashboard, Panel, choice, graph, number};
use crate::observability::query::{Series, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "retries",
        title: "Retries",
        description: "What retries do for clients, and what they cost the upstreams.",
        choices: vec![choice("route", &ATTEMPTS)],
        panels: [attempts(), limits(), others()].into_iter().flatten().collect(),
    }
}

fn chosen(series: Series) -> Series {
    series.chosen_by("route")
}

fn attempts() -> Vec<Panel> {
    let retries = || chosen(shown(&RETRIES)).rate().sum(&["route"]);
    let attempts = || chosen(shown(&ATTEMPTS)).rate().sum(&["route"]);
    vec![
        graph("Attempts and retries", "reqps", "All attempts of requests under a retry policy, and those of them that are not the first.")
            .line(attempts(), "{{route}}: attempts")
            .line(retries(), "{{route}}: retries"),
        graph(
            "Part of attempts that are retries",
            "percentunit",
            "Retries by attempts. A budget keeps it within its ratio; above 0.2 for minutes an upstream is carried by retries.",
        )
        .line(retries().over(attempts()), "{{route}}"),
        graph(
            "Retries by reason",
            "reqps",
            "Why attempts were made again; `envoy` are those of the router's engine, which does not say why. In shadow mode: what would have been.",
        )
        .line(chosen(shown(&RETRIES)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}")
        .line(chosen(shown(&SHADOW_RETRIES)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}} (shadow)"),
        graph(
            "Retries that were denied",
            "reqps",
            "Requests that got no further attempt, by reason. Their clients saw the failure. `answer` should not be there: the plugin lacks an option.",
        )
        .line(chosen(shown(&RETRIES_DENIED)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
    ]
}

fn limits() -> Vec<Panel> {
    vec![
        graph(
            "Retries that are left",
            "none",
            "The balance of each budget, of a route or of an upstream, the lowest of the chosen instances. At 0 nothing is tried again.",
        )
        .line(shown(&RETRY_BUDGET_BALANCE).now().min(&["route", "upstream"]), "{{route}}{{upstream}}"),
        graph(
            "Back-off",
            "s",
            "How long a retry was told to wait, on average. It grows when upstreams ask for it with Retry-After.",
        )
        .line(
            chosen(shown(&RETRY_BACK_OFF)).rate().sum(&["route"]).over(retries_with_a_reason()).times("1e-3"),
            "{{route}}",
        ),
    ]
}

/// Those of the filter's engine, the only one that waits itself.
fn retries_with_a_reason() -> crate::observability::query::Query {
    let reasons = "status|grpc_status|connect_failure|refused_stream|reset|timeout|header|body";
    chosen(shown(&RETRIES)).with("reason", reasons).rate().sum(&["route"])
}

fn others() -> Vec<Panel> {
    let hedges = || chosen(shown(&HEDGES)).rate().sum(&["route"]);
    let won = || chosen(shown(&HEDGES_WON)).rate().sum(&["route"]);
    vec![
        graph("Hedges", "reqps", "Second attempts beside a first that was slow, and those of them that were quicker.")
            .line(hedges(), "{{route}}: hedges")
            .line(won(), "{{route}}: quicker"),
        number(
            "Part of hedges that were quicker",
            "percentunit",
            "Hedges that won by all hedges. Near 0 they cost the upstream and help nobody; near 1 the first attempts hang.",
        )
        .line(won().over(hedges()), "{{route}}"),
        graph(
            "Substitutes for failures",
            "reqps",
            "Answers that clients got in place of failures: of another upstream, an old one, or a fixed one. They hide an outage: find its reason.",
        )
        .line(chosen(shown(&FALLBACK_ANSWERS)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Requests that ran out of time",
            "reqps",
            "Requests that the filter ended for want of time, and waits that its watchdog ended; of the latter there should be none.",
        )
        .line(chosen(shown(&DEADLINES_EXCEEDED)).rate().sum(&["route"]), "{{route}}: deadline")
        .line(chosen(shown(&RETRY_WATCHDOG)).rate().sum(&["route"]), "{{route}}: watchdog"),
    ]
}
