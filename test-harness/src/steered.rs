//! The shipped bootstrap in front of a scenario's own upstreams, and the documents it is given.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::envoy::Bootstrap;
use crate::upstream::Upstreams;

/// The shipped bootstrap with `document`; its cluster `checkout` has all of `upstreams`.
#[must_use]
pub fn steered(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    Bootstrap::shipped().endpoints("checkout", &upstreams.addresses()).document(document)
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
