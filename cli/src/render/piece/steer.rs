//! How a cluster goes to the endpoints that the filter names, and how a request gets to a cluster that it names.

use serde_json::{Value, json};

/// The header that names endpoints, best first; and the field of metadata that Istio's InferencePools read.
pub(in super::super) const DESTINATION: &str = "x-gateway-destination-endpoint";

/// The header that names the cluster.
const CLUSTER: &str = "x-switchyard-cluster";

/// The policy override_host, which falls back to round robin.
pub(in super::super) fn override_host() -> Value {
    let fallback = json!({
        "name": "envoy.load_balancing_policies.round_robin",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
        },
    });
    let policy = json!({
        "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
        "override_host_sources": [{ "header": DESTINATION }],
        "fallback_policy": { "policies": [{ "typed_extension_config": fallback }] },
    });
    let policy = json!({ "name": "envoy.load_balancing_policies.override_host", "typed_config": policy });
    json!({ "policies": [{ "typed_extension_config": policy }] })
}

/// The route that leads to the cluster that the filter names. Without the header a request never gets there.
pub(in super::super) fn steered_route() -> Value {
    json!({
        "name": "switchyard.steered",
        "match": { "prefix": "/", "headers": [{ "name": CLUSTER, "present_match": true }] },
        "route": { "cluster_header": CLUSTER, "timeout": "15s" },
    })
}

/// The filter that moves the endpoints from the header to the metadata that an InferencePool's cluster reads.
pub(in super::super) fn to_metadata() -> Value {
    let rule = json!({
        "header": DESTINATION,
        "on_header_present": { "metadata_namespace": "envoy.lb", "key": DESTINATION, "type": "STRING" },
        "remove": true,
    });
    json!({
        "name": "switchyard.to_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
            "request_rules": [rule],
        },
    })
}
