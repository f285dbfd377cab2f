//! The shipped bootstrap in front of a scenario's own upstreams, and the documents it is given.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::envoy::Bootstrap;
use crate::upstream::Upstreams;

/// The shipped bootstrap, of our filters router and, if the document has it judge anybody, outlier, with `document`; its cluster `checkout` has all of `upstreams`. Envoy's own
/// policy tries again what fails.
#[must_use]
pub fn steered(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    let policy = json!({
        "retry_on": "connect-failure,refused-stream,reset,5xx",
        "num_retries": 2,
        "retry_back_off": { "base_interval": "0.005s", "max_interval": "0.05s" },
    });
    batched(upstreams, document).only(&judged(document, &["router"])).retry_policy(&policy)
}

/// The shipped bootstrap, of our filters router, retry and, if it has anybody to judge, outlier, with `document`; its cluster `checkout` has all of `upstreams`. The retry
/// filter alone says what is tried again.
#[must_use]
pub fn retried(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    batched(upstreams, document).only(&judged(document, &["router", "retry"]))
}

/// The shipped bootstrap, of our filters all but batch, with `document`; its cluster `checkout` has all of `upstreams`.
#[must_use]
pub fn coalesced(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    batched(upstreams, document).only(&judged(document, &["coalesce", "router", "retry"]))
}

/// These filters, and outlier, if the document has it judge anybody: without it Envoy is ready half a second sooner.
pub(crate) fn judged<'a>(document: &Value, filters: &[&'a str]) -> Vec<&'a str> {
    let upstreams = document.get("upstreams").and_then(Value::as_array).into_iter().flatten();
    let judges = upstreams.into_iter().any(|upstream| upstream.get("outlier").is_some());
    filters.iter().copied().chain(judges.then_some("outlier")).collect()
}

/// The shipped bootstrap with `document`; its cluster `checkout` has all of `upstreams`.
#[must_use]
pub fn batched(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    Bootstrap::shipped().endpoints("checkout", &upstreams.addresses()).document(document)
}

/// Makes the cluster `checkout` speak HTTP/2; for [`Bootstrap::edit`].
pub fn http2(bootstrap: &mut Value) {
    let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/explicit_http_config";
    let cluster = bootstrap.pointer_mut("/static_resources/clusters/0");
    if let Some(config) = cluster.and_then(|cluster| cluster.pointer_mut(options)) {
        *config = json!({ "http2_protocol_options": {} });
    }
}

/// A document that sends every request to the upstream `checkout`, balanced by `balance`.
#[must_use]
pub fn balanced(upstreams: &Upstreams, balance: &Value) -> Value {
    let endpoints: Vec<_> = upstreams.addresses().iter().map(endpoint).collect();
    routed(&json!([{ "name": "checkout", "endpoints": endpoints, "balance": balance }]))
}

/// A document that sends every request to `checkout`, the first of these upstreams.
#[must_use]
pub fn routed(upstreams: &Value) -> Value {
    json!({
        "default_cluster": "checkout",
        "upstreams": upstreams,
        "routes": [{ "name": "all", "match": {}, "upstream": "checkout" }],
    })
}

/// An endpoint as a document has it, with weight 1.
#[must_use]
pub fn endpoint(address: &SocketAddr) -> Value {
    json!({ "address": address.to_string() })
}

/// A ring hash on the header `x-user` with three candidates.
#[must_use]
pub fn ring_hash() -> Value {
    json!({ "policy": "ring_hash", "hash_on": [{ "header": "x-user" }], "candidates": 3 })
}
