//! The shipped bootstrap with a list that is Envoy's own view, and what is waited for in it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::envoy::{Bootstrap, Envoy, pieces};

/// The cluster by which the filter reaches Envoy's admin.
pub(super) const ADMIN: &str = "admin";

/// Consistent hashing of `x-user`, by this policy.
pub(super) fn by_user(policy: &str) -> Value {
    json!({ "policy": policy, "hash_on": [{ "header": "x-user" }] })
}

/// A document whose only upstream has the endpoints that Envoy has.
pub(super) fn listed(balance: &Value, interval: &str) -> Value {
    document_of(&json!({ "envoy": { "admin_cluster": ADMIN, "interval": interval } }), balance)
}

/// A document whose only upstream has these endpoints, and that explains itself.
pub(super) fn document_of(endpoints: &Value, balance: &Value) -> Value {
    json!({
        "explain": true,
        "upstreams": [{ "name": "checkout", "endpoints": endpoints, "balance": balance }],
        "routes": [{ "match": {}, "upstream": "checkout" }],
    })
}

/// A bootstrap with `document`, whose cluster has these of the endpoints at first.
pub(super) fn live(endpoints: &[SocketAddr], document: &Value) -> Bootstrap {
    Bootstrap::shipped()
        .endpoints("checkout", endpoints)
        .document(document)
        .only(&["router", "retry"])
        .live_endpoints("checkout")
        .admin_cluster(ADMIN)
}

/// These addresses as Envoy's file has them.
pub(super) fn localities(addresses: &[SocketAddr]) -> Value {
    pieces::localities(&addresses.iter().map(|address| (*address, 1)).collect::<Vec<_>>())
}

/// Whom the router names first for each of so many keys.
pub(super) async fn named(envoy: &Envoy, keys: u64) -> anyhow::Result<Vec<String>> {
    let client = envoy.client("ingress").await?;
    let mut all = Vec::new();
    for key in 0..keys {
        let answer = client.get("/").header("x-user", format!("user-{key}")).send().await?;
        let said = answer.header("x-switchyard-explain");
        let first = said.split("candidates=").nth(1).and_then(|list| list.split([',', ';']).next());
        all.push(first.unwrap_or_default().to_owned());
    }
    Ok(all)
}

/// Waits until those who are named are these; returns whom the last keys were given.
pub(super) async fn until_named(
    envoy: &Envoy,
    keys: u64,
    addresses: &[SocketAddr],
) -> anyhow::Result<Vec<String>> {
    let wanted: BTreeSet<_> = addresses.iter().map(SocketAddr::to_string).collect();
    envoy
        .until("the router to name whom Envoy has", async || {
            let now = named(envoy, keys).await?;
            Ok((now.iter().cloned().collect::<BTreeSet<_>>() == wanted).then_some(now))
        })
        .await
}
