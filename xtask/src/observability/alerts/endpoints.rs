//! Alerts about endpoints: ejection, panic, and lists.

use super::Alert;
use super::Severity::{Critical, Warning};
use super::case::Does::{Appears, Grows, Is};
use super::case::case;
use crate::observability::query::all;
use crate::observability::rules::{ejected, growth};
use switchyard_frame::metrics::catalogue::*;

const WEB: [(&str, &str); 1] = [("upstream", "web")];
const AT: &[&str] = &["instance", "upstream"];

pub(super) fn alerts() -> Vec<Alert> {
    [judged(), found(), rotation(), staying(), healthy(), lists()].into_iter().flatten().collect()
}

/// Whether endpoints are judged at all.
fn judged() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardEjectionDisconnected",
            severity: Critical,
            lasts: "5m",
            query: all(&EJECTION_DISCONNECTED)
                .now()
                .max(&["instance", "filter", "upstream"])
                .where_it_is("== 1"),
            summary: "{{ $labels.filter }} on {{ $labels.instance }} does not find the other side of ejection: no endpoint is ejected",
            fires: case(&[("filter", "router"), ("upstream", "web")]).given(
                &EJECTION_DISCONNECTED,
                ["router", "web"],
                Is(1),
            ),
            silent: case(&[]).given(&EJECTION_DISCONNECTED, ["router", "web"], Is(0)),
        },
        Alert {
            name: "SwitchyardAttemptsUnjudged",
            severity: Warning,
            lasts: "5m",
            query: growth(&UNJUDGED).now().sum(AT).where_it_is("> 0"),
            summary: "{{ $labels.upstream }} on {{ $labels.instance }} has an endpoint that nobody judges",
            fires: case(&WEB).given(&UNJUDGED, ["web", "not_in_document"], Grows(1)),
            silent: case(&[]).given(&UNJUDGED, ["web", "not_in_document"], Is(7)),
        },
    ]
}

/// Whether what is found out counts.
fn found() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardVerdictsLost",
            severity: Warning,
            lasts: "5m",
            query: growth(&LEDGER_CONTENDED).now().sum(AT).where_it_is("> 0"),
            summary: "verdicts about endpoints of {{ $labels.upstream }} on {{ $labels.instance }} are lost",
            fires: case(&WEB).given(&LEDGER_CONTENDED, ["web"], Grows(1)),
            silent: case(&[]).given(&LEDGER_CONTENDED, ["web"], Is(3)),
        },
        Alert {
            name: "SwitchyardHeartbeatsFail",
            severity: Warning,
            lasts: "5m",
            query: all(&HEARTBEATS)
                .with("result", "failed")
                .rate_over("5m")
                .sum(AT)
                .over(all(&HEARTBEATS).rate_over("5m").sum(AT))
                .where_it_is("> 0.5"),
            summary: "most heartbeats to {{ $labels.upstream }} fail on {{ $labels.instance }}",
            fires: case(&WEB).given(&HEARTBEATS, ["web", "failed"], Grows(9)).given(
                &HEARTBEATS,
                ["web", "succeeded"],
                Grows(3),
            ),
            silent: case(&[]).given(&HEARTBEATS, ["web", "failed"], Grows(1)).given(
                &HEARTBEATS,
                ["web", "succeeded"],
                Grows(9),
            ),
        },
    ]
}

/// Who is in rotation.
fn rotation() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardPanic",
            severity: Critical,
            lasts: "1m",
            query: growth(&PANICS).now().sum(AT).where_it_is("> 0"),
            summary: "so few endpoints of {{ $labels.upstream }} are in rotation on {{ $labels.instance }} that health is ignored, or requests are refused",
            fires: case(&WEB).given(&PANICS, ["web"], Appears(5)),
            silent: case(&[]).given(&PANICS, ["web"], Is(5)),
        },
        Alert {
            name: "SwitchyardTooManyEjected",
            severity: Warning,
            lasts: "5m",
            query: ejected().now().max(AT).where_it_is("> 0.3"),
            summary: "more than 30 % of the endpoints of {{ $labels.upstream }} are ejected on {{ $labels.instance }}",
            fires: case(&WEB).given(&EJECTIONS_ACTIVE, ["web"], Is(2)).given(
                &ENDPOINTS,
                ["web", "healthy"],
                Is(5),
            ),
            silent: case(&[])
                .given(&EJECTIONS_ACTIVE, ["web"], Is(1))
                .given(&ENDPOINT_STATE, ["web", "10.0.0.1:80"], Is(1))
                .given(&ENDPOINT_STATE, ["web", "10.0.0.2:80"], Is(0))
                .given(&ENDPOINT_STATE, ["web", "10.0.0.3:80"], Is(0))
                .given(&ENDPOINT_STATE, ["web", "10.0.0.4:80"], Is(0)),
        },
    ]
}

/// Who stays though it is bad, and who does not stay.
fn staying() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardMoreAreBadThanMayGo",
            severity: Warning,
            lasts: "1m",
            query: growth(&EJECTIONS_SPARED).with("result", "overflow").now().sum(AT).where_it_is("> 0"),
            summary: "an endpoint of {{ $labels.upstream }} fails on {{ $labels.instance }} and stays, since as many are ejected as may be",
            fires: case(&WEB).given(&EJECTIONS_SPARED, ["web", "consecutive_5xx", "overflow"], Appears(2)),
            silent: case(&[]).given(&EJECTIONS_SPARED, ["web", "success_rate", "not_enforced"], Grows(4)),
        },
        Alert {
            name: "SwitchyardFlapping",
            severity: Warning,
            lasts: "0m",
            query: all(&READMISSIONS).growth("1h").sum(AT).where_it_is("> 10"),
            summary: "endpoints of {{ $labels.upstream }} are ejected and come back, again and again, on {{ $labels.instance }}",
            fires: case(&WEB).given(&READMISSIONS, ["web"], Grows(1)),
            silent: case(&[]).given(&READMISSIONS, ["web"], Is(40)),
        },
    ]
}

/// Who is well, as others say.
fn healthy() -> Vec<Alert> {
    vec![Alert {
        name: "SwitchyardNobodyHealthy",
        severity: Critical,
        lasts: "1m",
        query: all(&ENDPOINTS).with("state", "healthy").now().max(AT).where_it_is("== 0"),
        summary: "no endpoint on the list of {{ $labels.upstream }} is healthy, says its source, on {{ $labels.instance }}",
        fires: case(&WEB).given(&ENDPOINTS, ["web", "healthy"], Is(0)).given(
            &ENDPOINTS,
            ["web", "unhealthy"],
            Is(3),
        ),
        silent: case(&[]).given(&ENDPOINTS, ["web", "healthy"], Is(1)).given(
            &ENDPOINTS,
            ["web", "draining"],
            Is(0),
        ),
    }]
}

/// Which endpoints there are.
fn lists() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardEndpointListStale",
            severity: Warning,
            lasts: "5m",
            query: all(&ENDPOINT_LIST_AGE).now().max(AT).where_it_is("> 60"),
            summary: "the list of endpoints of {{ $labels.upstream }} has not been read for more than a minute on {{ $labels.instance }}",
            fires: case(&WEB).given(&ENDPOINT_LIST_AGE, ["web"], Grows(60)),
            silent: case(&[]).given(&ENDPOINT_LIST_AGE, ["web"], Is(59)),
        },
        Alert {
            name: "SwitchyardEndpointNotInCluster",
            severity: Warning,
            lasts: "5m",
            query: growth(&FALLBACKS).with("reason", "not_in_cluster").now().sum(AT).where_it_is("> 0"),
            summary: "{{ $labels.upstream }} names an endpoint that Envoy's cluster does not have, on {{ $labels.instance }}",
            fires: case(&WEB).given(&FALLBACKS, ["web", "not_in_cluster"], Grows(2)),
            silent: case(&[]).given(&FALLBACKS, ["web", "no_hash"], Grows(2)),
        },
        Alert {
            name: "SwitchyardNobodyNamed",
            severity: Critical,
            lasts: "2m",
            query: growth(&FALLBACKS)
                .with("reason", "no_endpoint|no_list|no_headers|fail_traffic_on_panic")
                .now()
                .sum(&["instance", "upstream", "reason"])
                .where_it_is("> 0"),
            summary: "the router names no endpoint of {{ $labels.upstream }} on {{ $labels.instance }}: {{ $labels.reason }}",
            fires: case(&[("upstream", "web"), ("reason", "no_list")]).given(
                &FALLBACKS,
                ["web", "no_list"],
                Grows(2),
            ),
            silent: case(&[]).given(&FALLBACKS, ["web", "no_list"], Is(9)),
        },
    ]
}
