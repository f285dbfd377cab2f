//! Endpoints that come and go on a real Envoy: the list is Envoy's own, or a registry's, and not the document's.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod changes;
mod registries;
mod removed;
mod sources;
mod state;
mod stored;
mod workers;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use switchyard_test_harness::listed::{self, ADMIN, live, localities, named};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The source that is Envoy's own view, which is asked for early when there are signs that it is another.
fn envoys_view() -> Value {
    listed::envoys_view("30s")
}

/// The same, asked so often that no sign is needed: as many endpoints as before, or their weights, give none.
fn envoys_view_often() -> Value {
    listed::envoys_view("500ms")
}

/// A document whose only upstream, balanced like this, has its endpoints from `source`.
fn listed_by(source: &Value, balance: &Value) -> Value {
    let mut document = routed(&json!([{ "name": "checkout", "endpoints": source, "balance": balance }]));
    document["explain"] = json!(true);
    document
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

/// Waits until the router of every worker names these and no others.
async fn until_named(envoy: &Envoy, addresses: &[SocketAddr]) -> Outcome {
    listed::until_named(envoy, 100, addresses).await.map(drop)
}
