//! Alerts about retries.

use super::Alert;
use super::Severity::{Critical, Warning};
use super::case::Does::{Appears, Grows, Is};
use super::case::case;
use crate::observability::query::all;
use crate::observability::rules::{growth, retried};
use switchyard_frame::metrics::catalogue::*;

const API: [(&str, &str); 1] = [("route", "api")];
const OF: &[&str] = &["instance", "route"];

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        Alert {
            name: "SwitchyardRetryBudgetExhausted",
            severity: Critical,
            lasts: "2m",
            query: growth(&RETRIES_DENIED).with("reason", "budget").now().sum(OF).where_it_is("> 0"),
            summary: "requests of {{ $labels.route }} get no retry on {{ $labels.instance }}, since the budget is used up: clients see failures",
            fires: case(&API).given(&RETRIES_DENIED, ["api", "budget"], Grows(3)),
            silent: case(&[]).given(&RETRIES_DENIED, ["api", "not_idempotent"], Grows(3)),
        },
        Alert {
            name: "SwitchyardRetryStorm",
            severity: Warning,
            lasts: "5m",
            query: retried()
                .now()
                .max(OF)
                .where_it_is("> 0.3")
                .and(all(&ATTEMPTS).rate_over("5m").sum(OF).where_it_is("> 0.5")),
            summary: "more than 30 % of the attempts of {{ $labels.route }} on {{ $labels.instance }} are retries",
            fires: case(&API).given(&ATTEMPTS, ["api"], Grows(600)).given(
                &RETRIES,
                ["api", "status"],
                Grows(240),
            ),
            silent: case(&[]).given(&ATTEMPTS, ["api"], Grows(600)).given(
                &RETRIES,
                ["api", "status"],
                Grows(60),
            ),
        },
        Alert {
            name: "SwitchyardRetryWatchdog",
            severity: Warning,
            lasts: "0m",
            query: growth(&RETRY_WATCHDOG).now().sum(OF).where_it_is("> 0"),
            summary: "a request of {{ $labels.route }} that waited for another attempt was ended by the watchdog on {{ $labels.instance }}",
            fires: case(&API).given(&RETRY_WATCHDOG, ["api"], Appears(1)),
            silent: case(&[]).given(&RETRY_WATCHDOG, ["api"], Is(1)),
        },
    ]
}
