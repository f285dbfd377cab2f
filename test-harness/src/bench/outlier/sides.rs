//! Those that are compared: Envoy's own outlier_detection, outlier.wasm with router.wasm, and that with retry.wasm.
//!
//! Invariant: same hosts, same timeouts, same thresholds where both have them; and the first two have the same retries, Envoy's own by one
//! policy ([`native_retries`]). The third has as many attempts, by retry.wasm ([`own_retries`]).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::ejecting::{outlier_stat, with_outlier};
use crate::envoy::{Bootstrap, Envoy, Modules, pieces};
use crate::steered::{endpoint, routed};

/// Who ejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Native,
    Ours,
    /// Ours, and retries are retry.wasm's.
    WithRetries,
}

/// Both in Envoy's terms: the window, the first ejection, and the share that may be ejected.
const INTERVAL: &str = "1s";
const BASE: &str = "2s";
const MAX_PERCENT: u32 = 50;
/// A request's whole time, so that a stalled one ends.
const TIMEOUT: &str = "2s";

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ours => "ours",
            Self::WithRetries => "retry_wasm",
        }
    }

    pub(super) fn bootstrap(self, hosts: &[SocketAddr]) -> Bootstrap {
        let bootstrap = match self {
            Self::Native => native(hosts),
            Self::Ours => ours(hosts, None).only(&["router", "outlier"]).retry_policy(&native_retries()),
            Self::WithRetries => ours(hosts, Some(&own_retries())).only(&["router", "retry", "outlier"]),
        };
        bootstrap.concurrency(2)
    }

    /// Which endpoints are ejected now; ours names them in its log only, so while any is, those ever ejected.
    pub(super) async fn ejected(self, envoy: &Envoy) -> anyhow::Result<BTreeSet<String>> {
        match self {
            Self::Native => native_out(envoy).await,
            Self::Ours | Self::WithRetries => {
                let answer = envoy.admin("/stats?filter=checkout.*ejections_active$").await?.text();
                let name = outlier_stat("ejections_active", &[]);
                let value = |line: &str| line.strip_prefix(&format!("{name}: "))?.trim().parse::<u64>().ok();
                let any = answer.lines().find_map(value).unwrap_or(0) > 0;
                Ok(if any { ejected(&envoy.log()).into_iter().collect() } else { BTreeSet::new() })
            }
        }
    }

    /// Ejections of others than `bad`; `seen` by polls, which only Envoy's own detection needs.
    pub(super) fn wrong(self, envoy: &Envoy, bad: SocketAddr, seen: u64) -> u64 {
        let bad = bad.to_string();
        match self {
            Self::Native => seen,
            Self::Ours | Self::WithRetries => {
                ejected(&envoy.log()).iter().filter(|address| **address != bad).count() as u64
            }
        }
    }
}

/// The addresses in our ejections' log lines, in order.
fn ejected(log: &str) -> Vec<String> {
    let address = |line: &str| {
        let rest = line.split_once("switchyard.outlier: ejected ")?.1;
        Some(rest.split_once(" of ")?.0.to_owned())
    };
    log.lines().filter_map(address).collect()
}

/// Envoy's event log is written late, so its list of hosts is asked.
async fn native_out(envoy: &Envoy) -> anyhow::Result<BTreeSet<String>> {
    let all: Value = serde_json::from_slice(&envoy.admin("/clusters?format=json").await?.body)?;
    let hosts = all.pointer("/cluster_statuses/0/host_statuses").and_then(Value::as_array);
    let out = |host: &Value| {
        host.pointer("/health_status/failed_outlier_check")?.as_bool()?.then_some(())?;
        let address = host.pointer("/address/socket_address")?;
        Some(format!("{}:{}", address.get("address")?.as_str()?, address.get("port_value")?))
    };
    Ok(hosts.into_iter().flatten().filter_map(out).collect())
}

/// Envoy's own retries, of both sides that have them.
pub(super) fn native_retries() -> Value {
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
    let route = json!({ "cluster": "checkout", "timeout": TIMEOUT, "retry_policy": native_retries() });
    let route = json!({ "match": { "prefix": "/" }, "route": route });
    Bootstrap::empty().cluster(cluster).listener(pieces::listener("ingress", &[route], &[]))
}

/// Those of retry.wasm: as many, for the same failures, and within no budget but that of one for each request.
pub(super) fn own_retries() -> Value {
    json!({
        "engine": "filter",
        "retry_on": { "statuses": ["500-599"], "grpc_statuses": ["unavailable"] },
        "num_retries": 2,
        "back_off": { "base": "5ms", "max": "50ms" },
        "budget": { "ratio": 1, "min_per_second": 1000 },
        "timeout": TIMEOUT,
    })
}

fn ours(hosts: &[SocketAddr], retry: Option<&Value>) -> Bootstrap {
    let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
    let balance = json!({ "policy": "round_robin", "candidates": 3 });
    let mut document = routed(&json!([{ "name": "checkout", "endpoints": endpoints, "balance": balance }]));
    if let (Some(retry), Some(Value::Object(route))) = (retry, document.pointer_mut("/routes/0")) {
        route.insert("retry".to_owned(), retry.clone());
    }
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
    let bootstrap = Bootstrap::shipped().modules(Modules::Separate);
    bootstrap.endpoints("checkout", hosts).document(&document).edit(timeouts)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may fail by panicking")]

    use super::*;

    /// Every object of this name, wherever it stands.
    fn all<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| all(item, name, found)),
            Value::Object(fields) => {
                found.extend(fields.get(name));
                fields.values().for_each(|field| all(field, name, found));
            }
            _ => {}
        }
    }

    #[test]
    fn those_that_are_compared_have_the_same_retries_and_the_third_has_as_many_of_its_own() {
        let hosts = [SocketAddr::from(([127, 0, 0, 1], 1))];
        let retries = |side: Side| {
            let (ready, mut found) = (side.bootstrap(&hosts).ready().expect("a bootstrap"), Vec::new());
            all(&ready, "retry_policy", &mut found);
            found.into_iter().cloned().collect::<Vec<_>>()
        };
        for side in [Side::Native, Side::Ours] {
            let found = retries(side);
            assert!(
                !found.is_empty() && found.iter().all(|one| *one == native_retries()),
                "{side:?}: {found:?}"
            );
        }
        let of_envoy = retries(Side::WithRetries);
        assert!(of_envoy.iter().all(|one| one.get("retry_on").is_none()), "{of_envoy:?}");
        assert_eq!(own_retries().get("num_retries"), native_retries().get("num_retries"));
    }
}
