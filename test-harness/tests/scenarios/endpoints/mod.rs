//! Endpoints that come and go on a real Envoy: the list is Envoy's own, or a registry's, and not the document's.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod changes;
mod registries;
mod sources;
mod state;
mod stored;
mod workers;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The cluster by which the filters reach Envoy's admin.
const ADMIN: &str = "admin";

/// The source that is Envoy's own view, which is asked for early when there are signs that it is another.
fn envoys_view() -> Value {
    json!({ "envoy": { "admin_cluster": ADMIN, "interval": "30s" } })
}

/// The same, asked so often that no sign is needed: as many endpoints as before, or their weights, give none.
fn envoys_view_often() -> Value {
    json!({ "envoy": { "admin_cluster": ADMIN, "interval": "500ms" } })
}

/// A document whose only upstream, balanced like this, has its endpoints from `source`.
fn listed(source: &Value, balance: &Value) -> Value {
    let mut document = routed(&json!([{ "name": "checkout", "endpoints": source, "balance": balance }]));
    document["explain"] = json!(true);
    document
}

/// The shipped bootstrap with `document`; its cluster `checkout` has these of `upstreams`, from EDS.
fn live(upstreams: &[SocketAddr], document: &Value) -> Bootstrap {
    Bootstrap::shipped()
        .endpoints("checkout", upstreams)
        .document(document)
        .only(&["router", "retry", "outlier"])
        .live_endpoints("checkout")
        .admin_cluster(ADMIN)
}

/// A metric of the list of `checkout`.
fn stat(metric: &str, label: &str) -> String {
    format!("wasmcustom.switchyard.upstream=.=checkout;.;{label}{metric}")
}

/// Waits until so many healthy endpoints are listed, while requests come: the first wakes the worker that asks, and later ones show that
/// something has changed.
async fn until_listed(envoy: &Envoy, count: u64) -> Outcome {
    let client = envoy.client("ingress").await?;
    let name = stat("endpoints", "state=.=healthy;.;");
    envoy
        .until(&format!("{count} endpoints to be listed"), async || {
            client.get("/").send().await?;
            Ok((envoy.stat(&name).await? == count).then_some(()))
        })
        .await
}

/// Whom the router names for so many keys.
async fn named(envoy: &Envoy, keys: u64) -> anyhow::Result<Vec<String>> {
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

/// Waits until the router of every worker names these and no others.
async fn until_named(envoy: &Envoy, addresses: &[SocketAddr]) -> Outcome {
    let wanted: BTreeSet<_> = addresses.iter().map(SocketAddr::to_string).collect();
    envoy
        .until("the router to name whom Envoy has", async || {
            let names: BTreeSet<_> = named(envoy, 100).await?.into_iter().collect();
            Ok((names == wanted).then_some(()))
        })
        .await
}

fn weighted(addresses: &[SocketAddr]) -> Value {
    pieces::localities(&addresses.iter().map(|address| (*address, 1)).collect::<Vec<_>>())
}
