//! Envoy with its own policies, and Envoy with switchyard.wasm and outlier.wasm before the shipped cluster.
//!
//! Invariant: same listener, same waits between attempts (1 ms; nginx and HAProxy have none), same ring, same thresholds; success rates, which nginx and
//! HAProxy do not look at, eject nobody. Ours always has a budget of retries, here 30 % of the requests and 10 a second; Envoy's own is off, as it is by
//! default, since the other two have none. Trade-off: detectors that only ours has (`latency`, `stall`) are off, so what it does better elsewhere does
//! not show here.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use super::job::{CONNECT, FAILURES, HOSTS, Job, KEY, OUT, PER_TRY, POINTS, RETRIES};
use crate::bench::chain::module;
use crate::bench::variants::shipped_cluster;
use crate::envoy::{Bootstrap, pieces};
use crate::steered::{endpoint, routed};

/// The name of the listener.
pub(super) const LISTENER: &str = "ingress";
const CLUSTER: &str = "checkout";
const RETRIED: &str = "5xx,reset,connect-failure,refused-stream";

fn seconds(time: std::time::Duration) -> String {
    format!("{}s", time.as_secs_f64())
}

fn waits() -> Value {
    json!({ "base_interval": "0.001s", "max_interval": "0.001s" })
}

/// What both have in their own words: `consecutive_5xx` and so on mean the same.
fn thresholds() -> Map<String, Value> {
    let all = json!({
        "consecutive_5xx": FAILURES,
        "interval": "1s",
        "base_ejection_time": seconds(OUT),
        "max_ejection_time": seconds(OUT),
        "max_ejection_percent": 50,
        "enforcing_success_rate": 0,
    });
    all.as_object().cloned().unwrap_or_default()
}

fn ring_size() -> u32 {
    POINTS * u32::try_from(HOSTS).unwrap_or(u32::MAX)
}

fn started(cluster: Value, route: Value, filters: &[Value]) -> Bootstrap {
    let route = json!({ "match": { "prefix": "/" }, "route": route });
    let listener = pieces::listener(LISTENER, &[route], filters);
    let bootstrap = Bootstrap::empty().cluster(cluster).listener(listener);
    bootstrap.concurrency(1).component_log_level("wasm:warn")
}

/// Envoy's own ring_hash, outlier_detection and retry_policy.
pub(super) fn native(job: Job, hosts: &[SocketAddr]) -> Bootstrap {
    let mut cluster = pieces::cluster(CLUSTER, hosts);
    let mut add =
        |key: &str, value: Value| cluster.as_object_mut().map(|all| all.insert(key.to_owned(), value));
    add("connect_timeout", json!(seconds(CONNECT)));
    // As many as there are requests: nobody's retries are to be denied here.
    add("circuit_breakers", json!({ "thresholds": [{ "max_retries": 1024 }] }));
    if job.ejects() {
        add("outlier_detection", Value::Object(thresholds()));
    }
    if job.hashes() {
        add("lb_policy", json!("RING_HASH"));
        add("ring_hash_lb_config", json!({ "minimum_ring_size": ring_size() }));
    }
    let policy = json!({
        "retry_on": RETRIED,
        "num_retries": RETRIES,
        "per_try_timeout": seconds(PER_TRY),
        "retry_back_off": waits(),
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    });
    let mut route = json!({ "cluster": CLUSTER, "retry_policy": policy });
    if let (true, Some(route)) = (job.hashes(), route.as_object_mut()) {
        route.insert("hash_policy".to_owned(), json!([{ "header": { "header_name": KEY } }]));
    }
    started(cluster, route, &[])
}

/// switchyard.wasm, whose retries Envoy's router makes, and outlier.wasm.
///
/// # Errors
/// If the shipped bootstrap cannot be read.
pub(super) fn ours(job: Job, hosts: &[SocketAddr]) -> anyhow::Result<Bootstrap> {
    let cluster = shipped_cluster(CLUSTER, hosts, Bootstrap::shipped())?;
    let route = json!({ "cluster": CLUSTER, "retry_policy": { "retry_back_off": waits() } });
    Ok(started(cluster, route, &[module("switchyard", "switchyard", &document(job, hosts))]))
}

fn document(job: Job, hosts: &[SocketAddr]) -> Value {
    let balance = if job.hashes() {
        let hash_on = json!([{ "header": KEY }]);
        json!({ "policy": "ring_hash", "hash_on": hash_on, "minimum_ring_size": ring_size(), "candidates": 3 })
    } else {
        json!({ "policy": "round_robin", "candidates": 3 })
    };
    let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
    let mut upstream = json!({ "name": CLUSTER, "endpoints": endpoints, "balance": balance });
    if let (true, Some(upstream)) = (job.ejects(), upstream.as_object_mut()) {
        upstream.insert("outlier".to_owned(), Value::Object(thresholds()));
    }
    let mut document = routed(&json!([upstream]));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        let retry = json!({
            "engine": "router",
            "retry_on": { "statuses": ["500-599"], "reset": true, "connect_failure": true, "refused_stream": true },
            "num_retries": RETRIES,
            "per_try_timeout": seconds(PER_TRY),
            "budget": { "ratio": 0.3, "min_per_second": 10 },
        });
        route.insert("retry".to_owned(), retry);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_the_same_thresholds_and_as_many_retries() {
        let hosts = [SocketAddr::from(([127, 0, 0, 1], 1))];
        let native = native(Job::Hashing, &hosts).ready().unwrap();
        let document = document(Job::Hashing, &hosts);
        let detection = native.pointer("/static_resources/clusters/0/outlier_detection").unwrap();
        assert_eq!(document.pointer("/upstreams/0/outlier"), Some(detection));
        let text = native.to_string();
        for setting in ["\"num_retries\":2", "\"per_try_timeout\":\"0.3s\"", "\"minimum_ring_size\":800"] {
            assert!(text.contains(setting) && document.to_string().contains(setting), "{setting}");
        }
    }

    #[test]
    fn nobody_is_ejected_where_retries_are_compared() {
        let hosts = [SocketAddr::from(([127, 0, 0, 1], 1))];
        assert_eq!(document(Job::Retries, &hosts).pointer("/upstreams/0/outlier"), None);
        let native = native(Job::Retries, &hosts).ready().unwrap().to_string();
        assert!(!native.contains("outlier_detection") && !native.contains("RING_HASH"), "{native}");
    }
}
