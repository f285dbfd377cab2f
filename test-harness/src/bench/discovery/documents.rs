//! Documents of one upstream, which explain themselves.

use serde_json::{Value, json};

use crate::listed::envoys_view;

/// Consistent hashing of `x-user`, by this policy.
pub(super) fn by_user(policy: &str) -> Value {
    json!({ "policy": policy, "hash_on": [{ "header": "x-user" }] })
}

/// A document whose only upstream has the endpoints that Envoy has.
pub(super) fn listed(balance: &Value, interval: &str) -> Value {
    document_of(&envoys_view(interval), balance)
}

/// A document whose only upstream has these endpoints.
pub(super) fn document_of(endpoints: &Value, balance: &Value) -> Value {
    json!({
        "explain": true,
        "upstreams": [{ "name": "checkout", "endpoints": endpoints, "balance": balance }],
        "routes": [{ "match": {}, "upstream": "checkout" }],
    })
}
