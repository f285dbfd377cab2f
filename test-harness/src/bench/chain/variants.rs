//! One Envoy with a listener for each way of serving a request, all in front of the same endpoints.
//!
//! Invariant: all modules of ours get the same document but for the section that gives a variant its name, and stand before the shipped
//! cluster `checkout`, with outlier.wasm, override_host and header stripping; no-op filters stand before a plain cluster, so that what steering costs is
//! in the ratios to them, too. What of that is Envoy's own work shows beside `SteeredNoops`, where no filter decides anything.

use std::net::SocketAddr;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::bench::variants::{hashed_route, lua, shipped_cluster};
use crate::envoy::{Bootstrap, pieces};
use crate::steered::{endpoint, routed};

const NOOP: &str = "noop";
const STEERED_NOOPS: &str = "steered_noops";
/// In the order of a request's way.
const SEPARATE: [&str; 4] = ["coalesce", "batch", "router", "retry"];

/// A way of serving a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    /// Envoy alone, round robin.
    NoFilter,
    /// Envoy's own ring_hash, outlier_detection and retry_policy.
    Native,
    /// A wasm filter that does nothing.
    Noop,
    /// Four of them, and one for each attempt.
    Noops,
    /// The same before the shipped cluster: Envoy's own header_mutation names the same endpoints for every request, and Envoy retries.
    SteeredNoops,
    /// A module for each filter, and outlier.wasm.
    Separate,
    /// switchyard.wasm and outlier.wasm; Envoy's router retries.
    Chain,
    /// The same; the filter retries.
    ChainFilter,
    /// As `Chain`, with `coalesce: {}` on the route.
    ChainCoalesce,
    /// As `Chain`, with `log_decisions: true`; no log reads them.
    ChainLogDecisions,
    /// A Lua filter with a hash ring.
    Lua,
}

impl Variant {
    /// All of them, in the order of the report.
    pub(super) const ALL: [Self; 11] = [
        Self::NoFilter,
        Self::Native,
        Self::Noop,
        Self::Noops,
        Self::SteeredNoops,
        Self::Separate,
        Self::Chain,
        Self::ChainFilter,
        Self::ChainCoalesce,
        Self::ChainLogDecisions,
        Self::Lua,
    ];
    /// Those that must choose as Envoy's own policy does.
    pub(super) const HASHING: [Self; 5] =
        [Self::Separate, Self::Chain, Self::ChainFilter, Self::ChainCoalesce, Self::ChainLogDecisions];

    /// Its name: of the listener and in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoFilter => "no_filter",
            Self::Native => "native",
            Self::Noop => "noop",
            Self::Noops => "noops",
            Self::SteeredNoops => STEERED_NOOPS,
            Self::Separate => "separate",
            Self::Chain => "chain",
            Self::ChainFilter => "chain_engine_filter",
            Self::ChainCoalesce => "chain_coalesce",
            Self::ChainLogDecisions => "chain_log_decisions",
            Self::Lua => "lua",
        }
    }

    fn listener(self, hosts: &[SocketAddr]) -> Value {
        let noops = |count| vec![pieces::wasm_filter(NOOP, ""); count];
        let steered = pieces::route_to("checkout");
        let (route, filters) = match self {
            Self::NoFilter => (pieces::route_to("plain"), vec![]),
            Self::Native => (retried(hashed_route()), vec![]),
            Self::Noop => (pieces::route_to("plain"), noops(1)),
            Self::Noops => (pieces::route_to(NOOP), noops(4)),
            Self::SteeredNoops => {
                (retried(pieces::route_to(STEERED_NOOPS)), [vec![naming(hosts)], noops(4)].concat())
            }
            Self::Separate => {
                let document = document(hosts, "router", false);
                (steered, SEPARATE.map(|name| module(name, name, &document)).into())
            }
            Self::Chain => (steered, self.chain(&document(hosts, "router", false))),
            Self::ChainFilter => (steered, self.chain(&document(hosts, "filter", false))),
            Self::ChainCoalesce => (steered, self.chain(&document(hosts, "router", true))),
            Self::ChainLogDecisions => {
                let mut document = document(hosts, "router", false);
                if let Some(document) = document.as_object_mut() {
                    document.insert("log_decisions".to_owned(), json!(true));
                }
                (steered, self.chain(&document))
            }
            Self::Lua => (steered, vec![lua(hosts)]),
        };
        pieces::listener(self.name(), &[route], &filters)
    }

    fn chain(self, document: &Value) -> Vec<Value> {
        vec![module("switchyard", self.name(), document)]
    }
}

/// A module of ours as it is shipped, under a root_id of its own: documents that differ must not share one.
pub(in crate::bench) fn module(name: &str, root_id: &str, document: &Value) -> Value {
    let mut filter = pieces::wasm_filter(name, &document.to_string());
    if let Some(plugin) = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut) {
        plugin.insert("root_id".to_owned(), json!(root_id));
        if name != "router" {
            plugin.insert("allow_on_headers_stop_iteration".to_owned(), json!(true));
        }
    }
    filter
}

/// The shipped upstream `checkout` and its retries; its ring is as large as Envoy's by default, so that both choose alike.
fn document(hosts: &[SocketAddr], engine: &str, coalesces: bool) -> Value {
    let mut document = routed(&json!([{
        "name": "checkout",
        "endpoints": hosts.iter().map(endpoint).collect::<Vec<_>>(),
        "balance": {
            "policy": "ring_hash", "hash_on": [{ "header": "x-user" }], "minimum_ring_size": 1024, "candidates": 3,
        },
        "outlier": {
            "consecutive_5xx": 3,
            "base_ejection_time": "5s",
            "max_ejection_percent": 34,
            "latency": { "factor": 4, "floor": "200ms" },
            "stall": { "limit": "2s", "requests": 3 },
        },
    }]));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        let retry = json!({
            "engine": engine,
            "retry_on": { "statuses": ["500-599"] },
            "num_retries": 2,
            "budget": { "ratio": 0.2, "min_per_second": 10 },
        });
        route.insert("retry".to_owned(), retry);
        if coalesces {
            route.insert("coalesce".to_owned(), json!({}));
        }
    }
    document
}

/// Envoy's own filter, which names these hosts in this order.
fn naming(hosts: &[SocketAddr]) -> Value {
    let list: Vec<_> = hosts.iter().map(SocketAddr::to_string).collect();
    let header = json!({ "key": "x-gateway-destination-endpoint", "value": list.join(",") });
    let append = json!({ "header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" });
    json!({
        "name": "naming",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": [{ "append": append }] },
        },
    })
}

/// The route with Envoy's own retries.
fn retried(mut route: Value) -> Value {
    if let Some(action) = route.get_mut("route").and_then(Value::as_object_mut) {
        let policy = json!({ "retry_on": "5xx,reset,connect-failure", "num_retries": 2 });
        action.insert("retry_policy".to_owned(), policy);
    }
    route
}

/// The plain cluster with Envoy's own ring and ejection.
fn native(hosts: &[SocketAddr]) -> Value {
    let mut cluster = pieces::cluster("native", hosts);
    if let Some(cluster) = cluster.as_object_mut() {
        cluster.insert("lb_policy".to_owned(), json!("RING_HASH"));
        cluster.insert("outlier_detection".to_owned(), json!({ "consecutive_5xx": 3, "interval": "1s" }));
    }
    cluster
}

/// The shipped cluster with a filter that does nothing in the place of outlier.wasm.
fn steered_noops(mut cluster: Value) -> Value {
    const FILTERS: &str = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0";
    if let Some(first) = cluster.pointer_mut(FILTERS) {
        *first = pieces::wasm_filter(NOOP, "");
    }
    for name in ["/name", "/load_assignment/cluster_name"] {
        if let Some(name) = cluster.pointer_mut(name) {
            *name = json!(STEERED_NOOPS);
        }
    }
    cluster
}

/// A bootstrap with these listeners and the clusters behind them.
///
/// # Errors
/// If the shipped bootstrap cannot be read.
pub(super) fn bootstrap(variants: &[Variant], hosts: &[SocketAddr]) -> anyhow::Result<Bootstrap> {
    let noop =
        pieces::with_upstream_filters(pieces::cluster(NOOP, hosts), &[pieces::wasm_filter(NOOP, "")], false);
    let shipped = shipped_cluster("checkout", hosts, Bootstrap::shipped()).context("cluster checkout")?;
    let clusters = Bootstrap::empty()
        .cluster(pieces::cluster("plain", hosts))
        .cluster(native(hosts))
        .cluster(noop)
        .cluster(steered_noops(shipped.clone()))
        .cluster(shipped);
    Ok(variants.iter().fold(clusters, |bootstrap, variant| bootstrap.listener(variant.listener(hosts))))
}
