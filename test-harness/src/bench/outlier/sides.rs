//! The two that are compared: Envoy's own outlier_detection, and outlier.wasm with router.wasm.
//!
//! Invariant: same hosts, same retries (two, to another host), same timeouts, same thresholds where both have them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::ejecting::{outlier_stat, with_outlier};
use crate::envoy::{Bootstrap, Envoy, pieces};
use crate::steered::{endpoint, routed};

/// Who ejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Native,
    Ours,
}

/// Both in Envoy's terms: the window, the first ejection, and the share that may be out.
const INTERVAL: &str = "1s";
const BASE: &str = "2s";
const MAX_PERCENT: u32 = 40;
/// A request's whole time, so that a stalled one ends.
const TIMEOUT: &str = "2s";

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ours => "ours",
        }
    }

    pub(super) fn bootstrap(self, hosts: &[SocketAddr]) -> Bootstrap {
        let bootstrap = match self {
            Self::Native => native(hosts),
            Self::Ours => ours(hosts),
        };
        bootstrap.concurrency(2)
    }

    /// How many endpoints are out now.
    pub(super) async fn out(self, envoy: &Envoy) -> anyhow::Result<u64> {
        let name = match self {
            Self::Native => "cluster.checkout.outlier_detection.ejections_active".to_owned(),
            Self::Ours => outlier_stat("ejections_active", &[]),
        };
        let filter = match self {
            Self::Native => "outlier_detection.ejections_active",
            Self::Ours => "ejections_active$",
        };
        let answer = envoy.admin(&format!("/stats?filter={filter}")).await?.text();
        let value =
            answer.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))?.trim().parse().ok());
        Ok(value.unwrap_or(0))
    }

    /// Endpoints other than `bad` that were ever ejected, so often.
    pub(super) async fn wrong(self, envoy: &Envoy, bad: SocketAddr) -> anyhow::Result<u64> {
        let log = envoy.log();
        let ejected: Vec<&str> = match self {
            Self::Ours => log.lines().filter(|line| line.contains("switchyard.outlier: ejected ")).collect(),
            Self::Native => log.lines().filter(|line| line.contains("\"action\":\"EJECT\"")).collect(),
        };
        Ok(ejected.iter().filter(|line| !line.contains(&bad.to_string())).count() as u64)
    }
}

fn retry_policy() -> Value {
    json!({
        "retry_on": "connect-failure,refused-stream,reset,5xx",
        "num_retries": 2,
        "retry_back_off": { "base_interval": "0.005s", "max_interval": "0.05s" },
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    })
}

fn native(hosts: &[SocketAddr]) -> Bootstrap {
    let mut cluster = pieces::cluster("checkout", hosts);
    let detection = json!({
        "consecutive_5xx": 5,
        "interval": INTERVAL,
        "base_ejection_time": BASE,
        "max_ejection_percent": MAX_PERCENT,
    });
    if let Some(cluster) = cluster.as_object_mut() {
        cluster.insert("outlier_detection".to_owned(), detection);
        cluster.insert("circuit_breakers".to_owned(), json!({ "thresholds": [{ "max_retries": 1024 }] }));
    }
    let route = json!({ "cluster": "checkout", "timeout": TIMEOUT, "retry_policy": retry_policy() });
    let route = json!({ "match": { "prefix": "/" }, "route": route });
    Bootstrap::empty().cluster(cluster).listener(pieces::listener("ingress", &[route], &[])).edit(|value| {
        if let Some(root) = value.as_object_mut() {
            let log = json!({ "outlier_detection": { "event_log_path": "/dev/stderr" } });
            root.insert("cluster_manager".to_owned(), log);
        }
    })
}

fn ours(hosts: &[SocketAddr]) -> Bootstrap {
    let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
    let balance = json!({ "policy": "round_robin", "candidates": 3 });
    let document = routed(&json!([{ "name": "checkout", "endpoints": endpoints, "balance": balance }]));
    let document = with_outlier(
        document,
        &json!({
            "consecutive_5xx": 5,
            "interval": INTERVAL,
            "base_ejection_time": BASE,
            "max_ejection_time": "300s",
            "max_ejection_percent": MAX_PERCENT,
            "enforcing_success_rate": 100,
            // What Envoy does not have.
            "latency": { "floor": "50ms", "request_volume": 10 },
            "stall": { "limit": "300ms", "requests": 2 },
        }),
    );
    let timeouts = |value: &mut Value| set_timeouts(value);
    Bootstrap::shipped().endpoints("checkout", hosts).document(&document).edit(timeouts)
}

/// Gives every route the same timeout as the native side's.
fn set_timeouts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(set_timeouts),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.get_mut("timeout") {
                    Some(timeout) if name == "route" => *timeout = json!(TIMEOUT),
                    _ => set_timeouts(field),
                }
            }
        }
        _ => {}
    }
}
