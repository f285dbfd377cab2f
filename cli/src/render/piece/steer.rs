//! How a cluster goes to the endpoints that the filter names, and how a request gets to a cluster that it names.

use serde_json::{Value, json};
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER};

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
        "override_host_sources": [{ "header": CANDIDATES_HEADER }],
        "fallback_policy": { "policies": [{ "typed_extension_config": fallback }] },
    });
    let policy = json!({ "name": "envoy.load_balancing_policies.override_host", "typed_config": policy });
    json!({ "policies": [{ "typed_extension_config": policy }] })
}

/// The route that leads to the cluster that the filter names. Without the header a request never gets there.
pub(in super::super) fn steered_route() -> Value {
    json!({
        "name": "switchyard.steered",
        "match": { "prefix": "/", "headers": [{ "name": CLUSTER_HEADER, "present_match": true }] },
        "route": { "cluster_header": CLUSTER_HEADER, "timeout": "15s" },
    })
}

/// The filter that copies the endpoints from the header to the metadata that an InferencePool's cluster reads, whose key is called like the
/// header. Other clusters read the header, so it stays, and the upstream filters take it off as ever.
pub(in super::super) fn to_metadata() -> Value {
    let rule = json!({
        "header": CANDIDATES_HEADER,
        "on_header_present": { "metadata_namespace": "envoy.lb", "key": CANDIDATES_HEADER, "type": "STRING" },
    });
    json!({
        "name": "switchyard.to_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
            "request_rules": [rule],
        },
    })
}
