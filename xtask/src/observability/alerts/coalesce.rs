//! Alerts about requests that wait for another's answer.

use super::Alert;
use super::Severity::{Critical, Warning};
use super::case::Does::{Appears, Grows, Is};
use super::case::case;
use crate::observability::rules::growth;
use switchyard_frame::metrics::catalogue::*;

const SEARCH: [(&str, &str); 1] = [("route", "search")];
const OF: &[&str] = &["instance", "route"];

pub(super) fn alerts() -> Vec<Alert> {
    [waits(), full()].into_iter().flatten().collect()
}

/// Who waits in vain.
fn waits() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardCoalesceTimeouts",
            severity: Warning,
            lasts: "5m",
            query: growth(&COALESCE_EXITS)
                .with("reason", "max_wait|overdue")
                .now()
                .sum(OF)
                .where_it_is("> 0"),
            summary: "requests of {{ $labels.route }} wait for another's answer as long as they may, on {{ $labels.instance }}",
            fires: case(&SEARCH).given(&COALESCE_EXITS, ["search", "max_wait"], Grows(1)),
            silent: case(&[]).given(&COALESCE_EXITS, ["search", "collapsed"], Grows(100)),
        },
        Alert {
            name: "SwitchyardCoalesceWorkerLost",
            severity: Critical,
            lasts: "0m",
            query: growth(&COALESCE_SUCCESSIONS)
                .with("reason", "worker_lost")
                .now()
                .sum(OF)
                .where_it_is("> 0"),
            summary: "a worker was lost with flights of {{ $labels.route }} that others waited for, on {{ $labels.instance }}",
            fires: case(&SEARCH).given(&COALESCE_SUCCESSIONS, ["search", "worker_lost"], Appears(4)),
            silent: case(&[]).given(&COALESCE_SUCCESSIONS, ["search", "gone"], Grows(4)),
        },
    ]
}

/// What there is no room for.
fn full() -> Vec<Alert> {
    vec![Alert {
        name: "SwitchyardCoalesceFull",
        severity: Warning,
        lasts: "5m",
        query: growth(&COALESCE_PASSED)
            .with("reason", "max_followers|max_flights|memory")
            .now()
            .sum(&["instance", "route", "reason"])
            .where_it_is("> 0"),
        summary: "requests of {{ $labels.route }} go by themselves on {{ $labels.instance }}, since a bound is met: {{ $labels.reason }}",
        fires: case(&[("route", "search"), ("reason", "max_flights")]).given(
            &COALESCE_PASSED,
            ["search", "max_flights"],
            Grows(2),
        ),
        silent: case(&[]).given(&COALESCE_PASSED, ["search", "method"], Grows(2)).given(
            &COALESCE_PASSED,
            ["search", "memory"],
            Is(2),
        ),
    }]
}
