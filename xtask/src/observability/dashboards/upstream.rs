//! What becomes of the endpoints of an upstream?

use super::grafana::{Dashboard, Panel, choice, graph, table};
use crate::observability::query::{Query, Series, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "upstream",
        title: "Upstream",
        description: "What becomes of the endpoints of an upstream, and why.",
        choices: vec![choice("upstream", &DECISIONS)],
        panels: [rotation(), endpoints(), lists(), connected()].into_iter().flatten().collect(),
    }
}

fn chosen(series: Series) -> Series {
    series.chosen_by("upstream")
}

fn rotation() -> Vec<Panel> {
    vec![
        graph(
            "Decisions by policy",
            "reqps",
            "Requests for the upstream, by the policy that chose among its endpoints and the route that they came by.",
        )
        .line(chosen(shown(&DECISIONS)).rate().sum(&["upstream", "route", "policy"]), "{{route}}: {{policy}}"),
        graph(
            "Ejections by reason",
            "reqps",
            "Endpoints taken out of rotation, by the detector that decided; in shadow mode what would have been. The log has the evidence of each.",
        )
        .line(chosen(shown(&EJECTIONS)).rate().sum(&["upstream", "reason"]), "{{upstream}}: {{reason}}")
        .line(
            chosen(shown(&SHADOW_EJECTIONS)).rate().sum(&["upstream", "reason"]),
            "{{upstream}}: {{reason}} (shadow)",
        ),
        graph(
            "Readmissions and verdicts that were spared",
            "reqps",
            "Endpoints that came back, and bad ones that were not ejected: `overflow`, since as many are out as may be; `not_enforced`, by a percentage.",
        )
        .line(chosen(shown(&READMISSIONS)).rate().sum(&["upstream"]), "{{upstream}}: back")
        .line(
            chosen(shown(&EJECTIONS_SPARED)).rate().sum(&["upstream", "result"]),
            "{{upstream}}: {{result}}",
        ),
        graph(
            "Trials and heartbeats",
            "reqps",
            "Single requests to endpoints whose ejection is over, and heartbeats, by what came of them. Those that go on failing are not yet well.",
        )
        .line(chosen(shown(&PROBES)).rate().sum(&["upstream", "result"]), "{{upstream}}: trials {{result}}")
        .line(
            chosen(shown(&HEARTBEATS)).rate().sum(&["upstream", "result"]),
            "{{upstream}}: heartbeats {{result}}",
        ),
    ]
}

fn by_endpoint(series: Series) -> Query {
    chosen(series).now().max(&["upstream", "endpoint"])
}

const ENDPOINT: &str = "{{upstream}} {{endpoint}}";

fn endpoints() -> Vec<Panel> {
    vec![
        table(
            "State of endpoints",
            "0: in rotation, 1: ejected, 2: tried by single requests. The highest that any of the chosen instances has; for the first 128 endpoints of each.",
        )
        .line(by_endpoint(shown(&ENDPOINT_STATE)), ENDPOINT),
        graph(
            "Failure rate of endpoints",
            "percentunit",
            "Failures by attempts in the last window, of each endpoint. One that stands above the others and is in rotation is worth a look.",
        )
        .line(by_endpoint(shown(&ENDPOINT_FAILURE_RATE)).times("1e-6"), ENDPOINT),
        graph(
            "Attempts at endpoints in a window",
            "none",
            "How many attempts each endpoint had in the last window, and how many of them failed. Shares that should be equal and are not point at the policy.",
        )
        .line(by_endpoint(shown(&ENDPOINT_ATTEMPTS)), ENDPOINT)
        .line(by_endpoint(shown(&ENDPOINT_FAILURES)), "{{upstream}} {{endpoint}} failed"),
        graph(
            "Reliability of endpoints",
            "percentunit",
            "The chance that all attempts of a request succeed at the endpoint. Below 0.9 it spoils requests that retries do not save.",
        )
        .line(by_endpoint(shown(&ENDPOINT_RELIABILITY)).times("1e-6"), ENDPOINT),
        table(
            "How often endpoints were ejected",
            "Ejections of each endpoint lately, which make the next one longer, and until when it is out, as Unix time; 0: it is in rotation.",
        )
        .line(by_endpoint(shown(&ENDPOINT_TIMES_EJECTED)), "times")
        .line(by_endpoint(shown(&ENDPOINT_EJECTED_UNTIL)), "until")
        .line(by_endpoint(shown(&ENDPOINT_EJECTED_REASON)), "reason"),
        graph(
            "Attempts that nobody judges",
            "reqps",
            "Attempts at endpoints that the document lacks, and verdicts that were lost. Endpoints of the first kind are never ejected: list them.",
        )
        .line(chosen(shown(&UNJUDGED)).rate().sum(&["upstream"]), "{{upstream}}: unjudged")
        .line(chosen(shown(&LEDGER_CONTENDED)).rate().sum(&["upstream"]), "{{upstream}}: lost"),
    ]
}

fn lists() -> Vec<Panel> {
    vec![
        graph(
            "Endpoints on the list",
            "none",
            "Endpoints of lists that are not in the document, as their source has them. None healthy, or far fewer than before, is worth an alarm.",
        )
        .line(
            chosen(shown(&ENDPOINTS)).now().max(&["instance", "upstream", "state"]),
            "{{upstream}}: {{state}} on {{instance}}",
        ),
        graph(
            "Age of the list",
            "s",
            "For how long the list could not be read, when it was asked for last; 0 after an answer. While it grows the last list stays in force.",
        )
        .line(
            chosen(shown(&ENDPOINT_LIST_AGE)).now().max(&["instance", "upstream"]),
            "{{upstream}} on {{instance}}",
        ),
        graph(
            "Changes and errors of the list",
            "reqps",
            "How often the list became another one, and answers of its source that were not believed, by reason.",
        )
        .line(chosen(shown(&ENDPOINT_LIST_CHANGES)).rate().sum(&["upstream"]), "{{upstream}}: changes")
        .line(
            chosen(shown(&ENDPOINT_LIST_ERRORS)).rate().sum(&["upstream", "reason"]),
            "{{upstream}}: {{reason}}",
        )
        .line(
            chosen(shown(&ENDPOINT_LIST_SKIPPED)).now().max(&["upstream"]),
            "{{upstream}}: entries that are none",
        ),
    ]
}

/// Whether ejection works at all.
fn connected() -> Vec<Panel> {
    vec![
        table(
            "Ejection that does not work",
            "1: outlier and router do not find each other under this vm_id, and no endpoint is ejected for this filter. docs/outlier.md says what to do.",
        )
        .line(
            shown(&EJECTION_DISCONNECTED).now().max(&["instance", "filter", "upstream"]),
            "{{filter}} {{upstream}}",
        ),
    ]
}
