//! Alerts about what all filters have: configurations, the document, VMs and metrics themselves.

use super::Alert;
use super::Severity::{Critical, Warning};
use super::case::Does::{Appears, Grows, Is};
use super::case::case;
use crate::observability::query::{Query, RELOADS, all, family};
use crate::observability::rules::growth;
use switchyard_frame::metrics::catalogue::*;

const OF: &[&str] = &["instance", "filter"];
const ROUTER: [(&str, &str); 1] = [("filter", "router")];

pub(super) fn alerts() -> Vec<Alert> {
    [configured(), wrong(), running()].into_iter().flatten().collect()
}

/// What is in force.
fn configured() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardConfigurationRejected",
            severity: Critical,
            lasts: "0m",
            query: growth(&CONFIGURATIONS).with("result", "rejected").now().sum(OF).where_it_is("> 0"),
            summary: "{{ $labels.filter }} on {{ $labels.instance }} has refused a configuration: the one before stays in force",
            fires: case(&ROUTER).given(&CONFIGURATIONS, ["router", "rejected"], Appears(3)),
            silent: case(&[]).given(&CONFIGURATIONS, ["router", "rejected"], Is(3)).given(
                &CONFIGURATIONS,
                ["router", "accepted"],
                Grows(1),
            ),
        },
        Alert {
            name: "SwitchyardDocumentStale",
            severity: Warning,
            lasts: "5m",
            query: all(&DOCUMENT_AGE).now().max(OF).where_it_is("> 60"),
            summary: "{{ $labels.filter }} on {{ $labels.instance }} has not heard the store of its document for more than a minute",
            fires: case(&ROUTER).given(&DOCUMENT_AGE, ["router"], Grows(60)),
            silent: case(&[]).given(&DOCUMENT_AGE, ["router"], Is(30)),
        },
    ]
}

/// What is in force, and does not work.
fn wrong() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardDocumentInvalid",
            severity: Critical,
            lasts: "0m",
            query: growth(&DOCUMENT_ERRORS).with("reason", "invalid").now().sum(OF).where_it_is("> 0"),
            summary: "what is in the store is no document that {{ $labels.filter }} on {{ $labels.instance }} takes",
            fires: case(&ROUTER).given(&DOCUMENT_ERRORS, ["router", "invalid"], Appears(1)),
            silent: case(&[]).given(&DOCUMENT_ERRORS, ["router", "unreachable"], Grows(1)),
        },
        Alert {
            name: "SwitchyardBodiesNotGiven",
            severity: Critical,
            lasts: "2m",
            query: bodies().where_it_is("> 0"),
            summary: "bodies of {{ $labels.route }} are not given to a filter that needs them, on {{ $labels.instance }}",
            fires: case(&[("route", "rpc")]).given(&BATCH_PASSED, ["rpc", "no_body"], Grows(1)),
            silent: case(&[]).given(&BATCH_PASSED, ["rpc", "body"], Grows(1)).given(
                &RETRIES_DENIED,
                ["rpc", "deadline"],
                Grows(1),
            ),
        },
    ]
}

/// Requests and answers that could not be read for want of Envoy's option.
fn bodies() -> Query {
    let of = &["instance", "route"];
    let batch = growth(&BATCH_PASSED).with("reason", "no_body").now().sum(of);
    let coalesce = growth(&COALESCE_PASSED).with("reason", "no_body").now().sum(of);
    let retry = growth(&RETRIES_DENIED).with("reason", "answer").now().sum(of);
    batch.or(coalesce).or(retry)
}

/// Whether VMs, queues and metrics are there.
fn running() -> Vec<Alert> {
    let reloads = family(RELOADS).now().sum(&["instance"]);
    let before = family(RELOADS).ago("5m").sum(&["instance"]);
    let queues = growth(&COALESCE_WITHOUT_QUEUE).now().sum(&["instance"]);
    vec![
        Alert {
            name: "SwitchyardVmDied",
            severity: Critical,
            lasts: "0m",
            query: reloads.less(before).where_it_is("> 0"),
            summary: "a VM of Switchyard died on {{ $labels.instance }} and was made again: its requests have ended",
            fires: case(&[]).given_other("envoy_wasm_switchyard_vm_reload", &[], Grows(1)).given_other(
                "envoy_wasm_switchyard_outlier_vm_reload",
                &[],
                Is(0),
            ),
            silent: case(&[]).given_other("envoy_wasm_switchyard_vm_reload", &[], Is(4)),
        },
        Alert {
            name: "SwitchyardWithoutQueue",
            severity: Warning,
            lasts: "0m",
            query: queues.or(growth(&BATCH_WITHOUT_QUEUE).now().sum(&["instance"])).where_it_is("> 0"),
            summary: "a worker has no queue on {{ $labels.instance }}: what it shares stays within it, or comes late",
            fires: case(&[]).given(&BATCH_WITHOUT_QUEUE, [], Appears(1)),
            silent: case(&[]).given(&COALESCE_WITHOUT_QUEUE, [], Is(1)),
        },
        Alert {
            name: "SwitchyardMetricsDropped",
            severity: Warning,
            lasts: "0m",
            query: growth(&METRICS_DROPPED).now().sum(&["instance"]).where_it_is("> 0"),
            summary: "there are more series on {{ $labels.instance }} than a VM may have, and some are not shown",
            fires: case(&[]).given(&METRICS_DROPPED, [], Appears(9)),
            silent: case(&[]).given(&METRICS_DROPPED, [], Is(9)),
        },
    ]
}
