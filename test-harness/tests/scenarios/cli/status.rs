//! What `switchyard status` reads of a running Envoy.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use super::doctor::{picture, shipped};
use serde_json::{Value, json};
use switchyard_cli::status::summarize;
use switchyard_test_harness::prelude::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_read_from_the_admin() -> anyhow::Result<()> {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(shipped(&upstreams).modules(Modules::Chain)).await?;
    let client = envoy.client("ingress").await?;
    let summary: Value = envoy
        .until("requests to be counted", async || {
            client.get("/catalog").send().await?;
            let summary = serde_json::to_value(summarize(&picture(&envoy).await?))?;
            let catalog = &summary["upstreams"][0];
            Ok((catalog["decisions"].as_u64() > Some(0) && catalog["endpoints"] == 3).then_some(summary))
        })
        .await?;
    assert_eq!(summary["envoy"]["workers"], 2);
    assert_eq!((&summary["one_document"], &summary["refused"]), (&json!(true), &json!({})));
    let plugin = |index: usize, field: &str| summary["plugins"][index][field].clone();
    assert_eq!(plugin(0, "filter"), "switchyard");
    assert_eq!(plugin(0, "places"), json!(["listener ingress"]));
    assert_eq!((plugin(0, "vm_id"), plugin(0, "root_id")), (json!("switchyard"), json!("switchyard")));
    assert_eq!((plugin(0, "failure_policy"), plugin(0, "stop_flag")), (json!("FAIL_RELOAD"), json!(true)));
    assert_eq!((plugin(1, "filter"), plugin(1, "places")), (json!("status"), json!(["listener metrics"])));
    assert_eq!((plugin(2, "filter"), plugin(2, "document")), (json!("outlier"), Value::Null));
    let places = json!(["cluster catalog", "cluster checkout", "cluster checkout-canary"]);
    assert_eq!(plugin(2, "places"), places, "plugins that are alike stand there once");
    assert_eq!(summary["counts"]["configurations rejected"], Value::Null);
    assert!(summary["counts"]["configurations accepted"].as_u64() >= Some(2), "{summary:#}");
    Ok(())
}
