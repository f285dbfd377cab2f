//! Upstream HTTP filters: one stream of each per attempt.

use super::super::site::Protocol;
use serde_json::{Value, json};
use switchyard_core::contract::{CANDIDATES_HEADER, CLIENT_LIMIT_HEADER, CLUSTER_HEADER, HEARTBEAT_HEADER};

/// Where a cluster has them.
pub(in super::super) const PROTOCOL_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Ours: the one that judges, if anybody is judged, then the one that takes the steering headers off, then Envoy's codec.
pub(in super::super) fn upstream_filters(judge: Option<Value>) -> Vec<Value> {
    let headers = [
        CANDIDATES_HEADER,
        CLUSTER_HEADER,
        HEARTBEAT_HEADER,
        CLIENT_LIMIT_HEADER,
        // Envoy marks calls of filters as internal; a service that trusts the mark would trust a stranger's retried request.
        "x-envoy-internal",
    ];
    let removed: Vec<_> = headers.iter().map(|header| json!({ "remove": header })).collect();
    let stripped = json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": removed },
        },
    });
    let codec = json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        },
    });
    judge.into_iter().chain([stripped, codec]).collect()
}

/// A cluster's HttpProtocolOptions with these filters.
pub(in super::super) fn protocol_options(protocol: Protocol, filters: &[Value]) -> Value {
    let (field, config) = match protocol {
        Protocol::Http1 => ("explicit_http_config", json!({ "http_protocol_options": {} })),
        Protocol::Http2 => ("explicit_http_config", json!({ "http2_protocol_options": {} })),
        Protocol::Downstream => (
            "use_downstream_protocol_config",
            json!({ "http_protocol_options": {}, "http2_protocol_options": {} }),
        ),
    };
    let kind = format!("type.googleapis.com/{PROTOCOL_OPTIONS}");
    json!({ PROTOCOL_OPTIONS: { "@type": kind, field: config, "http_filters": filters } })
}
