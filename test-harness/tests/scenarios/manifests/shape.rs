//! Bootstraps of the shape that platforms give Envoy, before anything of ours is in them.

use serde_json::{Value, json};
use std::net::SocketAddr;
use switchyard_test_harness::prelude::*;

/// A cluster's HttpProtocolOptions.
pub(super) const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// HttpProtocolOptions with these fields.
pub(super) fn options(fields: &Value) -> Value {
    let mut options = fields.clone();
    options["@type"] = json!(format!("type.googleapis.com/{OPTIONS}"));
    json!({ OPTIONS: options })
}

/// A cluster as Istio makes it for a service; `http2`: its port is called grpc or http2.
pub(super) fn istio_cluster(name: &str, endpoints: &[SocketAddr], http2: bool) -> Value {
    let mut cluster = pieces::cluster(name, endpoints);
    let most = u32::MAX;
    let host = name.rsplit('|').next().expect("a host");
    cluster["lb_policy"] = json!("LEAST_REQUEST");
    cluster["common_lb_config"] = json!({ "healthy_panic_threshold": {} });
    cluster["circuit_breakers"] = json!({ "thresholds": [{
        "max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most, "track_remaining": true,
    }] });
    cluster["metadata"] =
        json!({ "filter_metadata": { "istio": { "services": [{ "host": host, "namespace": "shop" }] } } });
    let common = json!({ "idle_timeout": "3600s" });
    cluster["typed_extension_protocol_options"] = options(&if http2 {
        json!({ "common_http_protocol_options": common, "explicit_http_config": { "http2_protocol_options": { "max_concurrent_streams": 1024 } } })
    } else {
        json!({ "common_http_protocol_options": common, "explicit_http_config": { "http_protocol_options": {} } })
    });
    cluster
}

/// A cluster as Envoy Gateway makes it for a rule of an HTTPRoute; `http2`: its service's port has that appProtocol.
pub(super) fn gateway_cluster(name: &str, endpoints: &[SocketAddr], http2: bool) -> Value {
    let mut cluster = pieces::cluster(name, endpoints);
    cluster["circuit_breakers"] = json!({ "thresholds": [{ "max_retries": 1024 }] });
    cluster["common_lb_config"] = json!({});
    cluster["dns_lookup_family"] = json!("V4_PREFERRED");
    cluster["per_connection_buffer_limit_bytes"] = json!(32768);
    if http2 {
        let config = json!({ "explicit_http_config": { "http2_protocol_options": { "initial_connection_window_size": 1_048_576 } } });
        cluster["typed_extension_protocol_options"] = options(&config);
    }
    cluster
}

/// A connection manager's filters and routes: `/` to the first cluster, `/catalogue` and what is below it to the second.
pub(super) fn listener(name: &str, clusters: [&str; 2], filters: &[Value], router: &Value) -> Value {
    let to = |prefix: &str, cluster: &str| json!({ "match": { "prefix": prefix }, "route": { "cluster": cluster, "timeout": "0s" }, "name": prefix });
    let mut listener =
        pieces::listener("ingress", &[to("/catalogue", clusters[1]), to("/", clusters[0])], filters);
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    manager["route_config"]["virtual_hosts"][0]["include_request_attempt_count"] = json!(true);
    manager["route_config"]["name"] = json!(name);
    manager["use_remote_address"] = json!(true);
    manager["normalize_path"] = json!(true);
    let last = manager["http_filters"].as_array_mut().expect("filters").last_mut().expect("the router");
    last["typed_config"] = router.clone();
    listener
}

/// What Istio makes of the annotation for the labels of metrics, in the bootstrap (its `pkg/bootstrap/config.go`).
pub(super) fn stats_tags(pods: &Value) -> Value {
    let annotations = &pods["spec"]["template"]["metadata"]["annotations"];
    let names = annotations["sidecar.istio.io/extraStatTags"].as_str().expect("names of labels");
    let tag = |name: &str| json!({ "tag_name": name, "regex": format!(r"({name}=\.=(.*?);\.;)") });
    json!({ "use_all_default_tags": false, "stats_tags": names.split(',').map(tag).collect::<Vec<_>>() })
}

/// A bootstrap with these, and with what both platforms' have: the cluster that reaches the admin. Labels of metrics are what an
/// annotation adds ([`stats_tags`]).
pub(super) fn bootstrap(listener: Value, clusters: [Value; 2]) -> anyhow::Result<Bootstrap> {
    let names = clusters.each_ref().map(|cluster| cluster["name"].as_str().expect("a name").to_owned());
    let [one, two] = clusters;
    let value = json!({
        "node": { "id": "router~10.0.0.1~gateway.shop~shop.svc.cluster.local", "cluster": "gateway.shop", "metadata": { "NAMESPACE": "shop" } },
        "static_resources": {
            "listeners": [listener],
            "clusters": [one, two, pieces::cluster("prometheus_stats", &[])],
        },
    });
    let bootstrap =
        Bootstrap::from_yaml(&value.to_string())?.concurrency(2).admin_cluster("prometheus_stats");
    Ok(names.iter().fold(bootstrap, |bootstrap, name| bootstrap.live_endpoints(name)))
}
