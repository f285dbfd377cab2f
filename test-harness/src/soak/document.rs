//! The document, in several versions, and Envoy's bootstrap around it: every filter, every feature that needs no server of its own.
//!
//! Invariant: whichever version is in force, the same requests are served, and the same is allowed to become of them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::endpoint::HEALTH;
use super::script::{Broken, Round};
use crate::envoy::{Bootstrap, Modules, pieces};
use crate::listed::{ADMIN, envoys_view};
use crate::steered::endpoint;

/// The cluster of gRPC.
const ECHO: &str = "echo";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
/// Envoy ends a stream that stands still for so long: one that was in a VM which has died.
pub const IDLE_SECONDS: u32 = 5;

/// The version of this number.
#[must_use]
pub fn document(version: usize, broken: Option<Broken>, endpoints: &[SocketAddr], echo: SocketAddr) -> Value {
    let policies = ["peak_ewma", "least_request", "maglev", "weighted_random"];
    let policy = policies.get(version % policies.len()).copied().unwrap_or("random");
    let mut varied = json!({ "policy": policy, "candidates": 3 });
    if policy == "maglev" {
        set(&mut varied, "hash_on", json!([{ "header": "x-user" }, { "source_ip": true }]));
    }
    let ring =
        json!({ "policy": "ring_hash", "hash_on": [{ "header": "x-user" }], "candidates": 2 + version % 3 });
    // The first has its list from Envoy, with heartbeats; the second from the document.
    let listed: Vec<_> = endpoints.iter().map(endpoint).collect();
    let mut outlier = outlier();
    set(&mut outlier, "heartbeat", json!({ "path": HEALTH, "interval": "500ms", "timeout": "400ms" }));
    let mut document = json!({
        "log_decisions": true,
        "explain": version % 2 == 1,
        "default_cluster": "checkout",
        "upstreams": [
            { "name": "checkout", "endpoints": envoys_view("500ms"), "balance": ring, "outlier": outlier },
            { "name": "catalog", "endpoints": listed, "balance": varied, "outlier": self::outlier(),
              "retry_budget": { "ratio": 1, "min_per_second": 100 } },
            { "name": ECHO, "endpoints": [endpoint(&echo)], "balance": { "policy": "round_robin" } },
        ],
        "routes": routes(version),
    });
    let (section, promise) = match broken {
        None => return document,
        Some(Broken::Coalesce) => ("coalesce", "i_know_that_clients_share_answers_across_credentials"),
        Some(Broken::Batch) => ("batch", "i_know_that_batches_mix_principals"),
    };
    let routes = document.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten();
    for section in routes.filter_map(|route| route.get_mut(section)) {
        if let Some(key) = section.get_mut("key") {
            set(key, "headers", json!([]));
        }
        section[promise] = json!(true);
    }
    document
}

fn outlier() -> Value {
    json!({
        "consecutive_5xx": 5,
        "interval": "1s",
        "base_ejection_time": "500ms",
        "max_ejection_time": "2s",
        "max_ejection_percent": 50,
        "latency": { "factor": 4, "floor": "200ms" },
        "stall": { "limit": "2s", "requests": 5 },
    })
}

fn retry() -> Value {
    json!({
        "engine": "filter",
        "retry_on": { "statuses": ["500-599"] },
        "num_retries": 2,
        "back_off": { "base": "5ms", "max": "50ms" },
        "budget": { "ratio": 1, "min_per_second": 200 },
    })
}

/// Envoy's router waits by itself between attempts.
fn routers_retry() -> Value {
    let budget = json!({ "ratio": 1, "min_per_second": 200 });
    json!({ "engine": "router", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2, "budget": budget })
}

fn routes(version: usize) -> Value {
    let route = |name: &str, upstream: &str| json!({ "name": name, "match": { "path_prefix": format!("/{name}") }, "upstream": upstream });
    let with = |mut route: Value, name: &str, section: Value| {
        set(&mut route, name, section);
        route
    };
    // Nobody waits for another for as long as Envoy lets a stream stand still.
    let shared = json!({
        "key": { "headers": ["authorization"] },
        "max_followers": 500 + version,
        "max_leader_age": "800ms",
        "max_wait": "1500ms",
        "pass_ttl": "2s",
    });
    let kept = with(with(shared.clone(), "hold", json!("100ms")), "stale_if_error", json!("1s"));
    let search = with(shared.clone(), "key", json!({ "headers": ["authorization"], "body": true }));
    let hedged = with(retry(), "hedge", json!({ "min_delay": "20ms", "initial_delay": "50ms" }));
    let asked = json!({ "statuses": ["500-599"], "body": [{ "pointer": "/error", "exists": true }] });
    let old = json!({ "stale_if_error": { "max_age": "60s", "key": { "headers": ["authorization"] } } });
    let stale = with(with(retry(), "retry_on", asked), "fallback", old);
    let grpc = with(retry(), "retry_on", json!({ "grpc_statuses": ["unavailable"] }));
    let split =
        json!([{ "upstream": "checkout", "weight": 50 + version }, { "upstream": "catalog", "weight": 50 }]);
    let plain = json!({ "name": "plain", "match": { "path_prefix": "/plain" }, "split": split, "split_on": [{ "header": "x-user" }] });
    let say = json!({ "name": "say", "match": { "path_prefix": "/soak.Echo" }, "upstream": ECHO });
    json!([
        plain,
        with(route("router", "checkout"), "retry", routers_retry()),
        with(route("filter", "catalog"), "retry", hedged),
        with(route("crowd", "checkout"), "coalesce", shared),
        with(with(route("kept", "catalog"), "coalesce", kept), "retry", retry()),
        with(route("search", "catalog"), "coalesce", search),
        with(route("stale", "checkout"), "retry", stale),
        with(
            route("rpc", "catalog"),
            "batch",
            json!({ "protocol": { "json_rpc": { "repeatable": ["get_*"] } }, "max_in_flight": 1 })
        ),
        with(
            route("items", "checkout"),
            "batch",
            json!({ "protocol": { "id_list": { "path": "/items", "parameter": "ids", "single": true } }, "scope": "proxy", "max_in_flight": 2 })
        ),
        with(
            route("v1", "catalog"),
            "batch",
            json!({ "protocol": { "embeddings": {} }, "leaves": "adaptive", "adaptive": { "target": "500ms" } })
        ),
        with(say, "retry", grpc),
    ])
}

/// A document that Envoy must refuse.
#[must_use]
pub fn bad_document(version: usize, good: &Value) -> String {
    let mut document = good.clone();
    let (place, wrong) = match version {
        0 => ("/routes/0/split", json!([{ "upstream": "nobody", "weight": 1 }])),
        1 => ("/upstreams/0/balance/policy", json!("the best")),
        _ => return good.to_string().chars().take(500).collect(),
    };
    if let Some(part) = document.pointer_mut(place) {
        *part = wrong;
    }
    document.to_string()
}

pub(super) fn set(value: &mut Value, name: &str, part: Value) {
    value[name] = part;
}

/// Files by which Envoy is told of pressure and of the time.
pub(super) struct Levers<'a> {
    pub(super) pressure: &'a Path,
    pub(super) clock: Option<(&'a Path, &'a Path)>,
}

/// The shipped bootstrap for this round.
pub(super) fn bootstrap(
    round: &Round,
    document: &Value,
    (endpoints, echo): (&[SocketAddr], SocketAddr),
    levers: &Levers<'_>,
) -> anyhow::Result<Bootstrap> {
    let mut bootstrap = Bootstrap::shipped()
        .modules(Modules::Chain)
        .concurrency(round.workers)
        .drain_seconds(2)
        .endpoints("checkout", endpoints)
        .endpoints("catalog", endpoints);
    let mut cluster = bootstrap.cluster_named("checkout")?;
    set(&mut cluster, "name", json!(ECHO));
    set(&mut cluster, "load_assignment", pieces::load_assignment(ECHO, &[(echo, 1)]));
    let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let options = cluster.pointer_mut(options).context("the shipped cluster has no HttpProtocolOptions")?;
    set(options, "explicit_http_config", json!({ "http2_protocol_options": {} }));
    bootstrap = bootstrap
        .cluster(cluster)
        .document(document)
        .edit(|value| tuned(value, levers.pressure))
        .live_listeners()
        .live_clusters()
        .live_endpoints("checkout")
        .admin_cluster(ADMIN);
    if round.traps {
        bootstrap = bootstrap.trapping("router");
    }
    Ok(match levers.clock {
        Some((library, file)) => bootstrap.environment("LD_PRELOAD", library).environment("SOAK_CLOCK", file),
        None => bootstrap,
    })
}

/// What a soak needs otherwise than users do: a machine that is busy with other things must not look like a fault, and one that is made busy must.
fn tuned(value: &mut Value, pressure: &Path) {
    for cluster in
        value.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut).into_iter().flatten()
    {
        cluster["connect_timeout"] = json!("5s");
    }
    if let Some(manager) = value.pointer_mut(MANAGER) {
        manager["stream_idle_timeout"] = json!(format!("{IDLE_SECONDS}s"));
    }
    let resource =
        "type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig";
    let monitor = "envoy.resource_monitors.injected_resource";
    let at = |threshold: f64| json!([{ "name": monitor, "threshold": { "value": threshold } }]);
    value["overload_manager"] = json!({
        "refresh_interval": "0.05s",
        "resource_monitors": [{ "name": monitor, "typed_config": { "@type": resource, "filename": pressure } }],
        "actions": [
            { "name": "envoy.overload_actions.disable_http_keepalive", "triggers": at(0.5) },
            { "name": "envoy.overload_actions.shrink_heap", "triggers": at(0.7) },
            { "name": "envoy.overload_actions.stop_accepting_requests", "triggers": at(0.9) },
        ],
    });
}
