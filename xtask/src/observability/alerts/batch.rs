//! Alerts about batches.

use super::Alert;
use super::Severity::{Critical, Warning};
use super::case::Does::{Appears, Grows, Is};
use super::case::case;
use crate::observability::rules::growth;
use switchyard_frame::metrics::catalogue::*;

const RPC: [(&str, &str); 1] = [("route", "rpc")];
const OF: &[&str] = &["instance", "route"];

pub(super) fn alerts() -> Vec<Alert> {
    [failures(), full(), unanswered()].into_iter().flatten().collect()
}

/// What goes wrong.
fn failures() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardBatchFailures",
            severity: Warning,
            lasts: "5m",
            query: growth(&BATCH_FAILURES).now().sum(OF).where_it_is("> 10"),
            summary: "batches of {{ $labels.route }} fail as a whole, more than two a minute, on {{ $labels.instance }}",
            fires: case(&RPC).given(&BATCH_FAILURES, ["rpc", "status"], Grows(2)).given(
                &BATCH_FAILURES,
                ["rpc", "reset"],
                Grows(2),
            ),
            silent: case(&[]).given(&BATCH_FAILURES, ["rpc", "status"], Grows(1)),
        },
        Alert {
            name: "SwitchyardBatchProtocol",
            severity: Critical,
            lasts: "0m",
            query: growth(&BATCH_REQUESTS)
                .with("result", "lost")
                .now()
                .sum(OF)
                .or(growth(&BATCH_FAILURES).with("reason", "length|no_id|same_id|other_id").now().sum(OF))
                .where_it_is("> 0"),
            summary: "the upstream of {{ $labels.route }} does not answer batches as its protocol says, on {{ $labels.instance }}",
            fires: case(&RPC).given(&BATCH_FAILURES, ["rpc", "same_id"], Appears(1)),
            silent: case(&[]).given(&BATCH_FAILURES, ["rpc", "status"], Grows(5)).given(
                &BATCH_REQUESTS,
                ["rpc", "answered"],
                Grows(5),
            ),
        },
    ]
}

/// What there is no room or time for.
fn full() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardBatchQueueFull",
            severity: Warning,
            lasts: "2m",
            query: growth(&BATCH_PASSED)
                .with("reason", "max_requests|max_bytes_held")
                .now()
                .sum(OF)
                .where_it_is("> 0"),
            summary: "more requests of {{ $labels.route }} wait on {{ $labels.instance }} than may: others go by themselves",
            fires: case(&RPC).given(&BATCH_PASSED, ["rpc", "max_requests"], Grows(1)),
            silent: case(&[]).given(&BATCH_PASSED, ["rpc", "method"], Grows(1)),
        },
        Alert {
            name: "SwitchyardBatchRepeatsDenied",
            severity: Warning,
            lasts: "0m",
            query: growth(&BATCH_REPEATS).with("result", "denied").now().sum(OF).where_it_is("> 0"),
            summary: "batches of {{ $labels.route }} failed and were not made again on {{ $labels.instance }}, for want of budget",
            fires: case(&RPC).given(&BATCH_REPEATS, ["rpc", "denied"], Appears(1)),
            silent: case(&[]).given(&BATCH_REPEATS, ["rpc", "half"], Grows(1)),
        },
    ]
}

/// What gets no answer, or too large a one.
fn unanswered() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardBatchStalled",
            severity: Warning,
            lasts: "2m",
            query: growth(&BATCH_STALLED).now().sum(OF).where_it_is("> 0"),
            summary: "batches of {{ $labels.route }} get no answer on {{ $labels.instance }}",
            fires: case(&RPC).given(&BATCH_STALLED, ["rpc"], Grows(1)),
            silent: case(&[]).given(&BATCH_STALLED, ["rpc"], Is(12)),
        },
        Alert {
            name: "SwitchyardBatchNoRoom",
            severity: Warning,
            lasts: "0m",
            query: growth(&BATCH_WITHHELD)
                .now()
                .sum(OF)
                .or(growth(&BATCH_FAILURES).with("reason", "memory").now().sum(OF))
                .where_it_is("> 0"),
            summary: "answers to batches of {{ $labels.route }} are too large to be shared out on {{ $labels.instance }}",
            fires: case(&RPC).given(&BATCH_WITHHELD, ["rpc"], Appears(3)),
            silent: case(&[]).given(&BATCH_WITHHELD, ["rpc"], Is(3)),
        },
    ]
}
