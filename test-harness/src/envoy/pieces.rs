//! Pieces of an Envoy configuration, as JSON: enough for scenarios, no more.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// The name of Envoy's own router filter.
pub const ROUTER: &str = "envoy.filters.http.router";

/// An HTTP listener on a free port; `http_filters` without the router filter, which is added.
#[must_use]
pub fn listener(name: &str, routes: &[Value], http_filters: &[Value]) -> Value {
    let mut filters = http_filters.to_vec();
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    filters.push(json!({ "name": ROUTER, "typed_config": { "@type": router } }));
    let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let config = json!({
        "@type": manager,
        "stat_prefix": name,
        "route_config": {
            "name": name,
            "virtual_hosts": [{ "name": name, "domains": ["*"], "routes": routes }],
        },
        "http_filters": filters,
    });
    let network = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": config });
    json!({
        "name": name,
        "address": socket_address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "filter_chains": [{ "filters": [network] }],
    })
}

/// A route of every request to a cluster.
#[must_use]
pub fn route_to(cluster: &str) -> Value {
    json!({ "match": { "prefix": "/" }, "route": { "cluster": cluster } })
}

/// A route that Envoy answers itself.
#[must_use]
pub fn direct_response(status: u16) -> Value {
    json!({ "match": { "prefix": "/" }, "direct_response": { "status": status } })
}

/// A static cluster, round robin unless `edit`ed, with a connect timeout of 250 ms.
#[must_use]
pub fn cluster(name: &str, addresses: &[SocketAddr]) -> Value {
    let endpoints: Vec<_> = addresses.iter().map(|address| (*address, 1)).collect();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": load_assignment(name, &endpoints),
    })
}

/// The load_assignment of a cluster with weights.
#[must_use]
pub fn load_assignment(cluster: &str, endpoints: &[(SocketAddr, u32)]) -> Value {
    json!({ "cluster_name": cluster, "endpoints": localities(endpoints) })
}

/// One locality with these endpoints and weights, in a list.
#[must_use]
pub fn localities(endpoints: &[(SocketAddr, u32)]) -> Value {
    let endpoint = |(address, weight): &(SocketAddr, u32)| json!({ "endpoint": { "address": socket_address(*address) }, "load_balancing_weight": weight });
    let endpoints: Vec<_> = endpoints.iter().map(endpoint).collect();
    json!([{ "lb_endpoints": endpoints }])
}

/// A wasm filter from `<name>.wasm` with this configuration text; empty: none.
#[must_use]
pub fn wasm_filter(name: &str, configuration: &str) -> Value {
    let mut plugin = json!({
        "name": name,
        "root_id": name,
        "failure_policy": "FAIL_RELOAD",
        "reload_config": { "backoff": { "base_interval": "0.05s" } },
        "vm_config": {
            "vm_id": "switchyard",
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": format!("{name}.wasm") } },
        },
    });
    if let (Some(plugin), false) = (plugin.as_object_mut(), configuration.is_empty()) {
        plugin.insert("configuration".to_owned(), super::bootstrap::string_value(configuration));
    }
    let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    json!({ "name": name, "typed_config": { "@type": wasm, "config": plugin } })
}

/// Envoy's form of an address.
#[must_use]
pub fn socket_address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// The cluster with these upstream HTTP filters before Envoy's codec: one stream of each per attempt.
#[must_use]
pub fn with_upstream_filters(mut cluster: Value, filters: &[Value], http2: bool) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";
    let mut filters = filters.to_vec();
    filters.push(json!({ "name": "envoy.filters.http.upstream_codec", "typed_config": { "@type": kind } }));
    let protocol = if http2 { "http2_protocol_options" } else { "http_protocol_options" };
    let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { protocol: {} },
        "http_filters": filters,
    } });
    if let Some(cluster) = cluster.as_object_mut() {
        cluster.insert("typed_extension_protocol_options".to_owned(), options);
    }
    cluster
}
