//! outlier.wasm and router.wasm on a real Envoy with two workers: endpoints go bad, leave, and come back.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Four upstreams in round robin with this ejection; quick to judge, so that a scenario takes seconds.
fn ejecting(upstreams: &Upstreams, outlier: &Value) -> Value {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin", "candidates": 3 }));
    let mut settings = json!({
        "consecutive_5xx": 3,
        "max_ejection_percent": 50,
        "base_ejection_time": "600s",
        "max_ejection_time": "600s",
        "interval": "1s",
    });
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), outlier.as_object()) {
        settings.extend(more.clone());
    }
    document["upstreams"][0]["outlier"] = settings;
    document
}

async fn load(envoy: &Envoy, requests: u64) -> anyhow::Result<Report> {
    let load = Load::against(envoy.listener_address("ingress").await?);
    load.requests(requests).concurrency(8).run().await
}

fn stat(metric: &str, labels: &str) -> String {
    format!("wasmcustom.switchyard.upstream=.=checkout;.;{labels}{metric}")
}

fn ejections(reason: &str) -> String {
    stat("ejections", &format!("reason=.={reason};.;"))
}

/// Sends requests until the metric is at least `count`.
async fn load_until(envoy: &Envoy, metric: &str, count: u64) -> Outcome {
    envoy
        .until(metric, async || {
            load(envoy, 50).await?;
            Ok((envoy.stat(metric).await? >= count).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_goes_out_after_its_third_failure_and_no_client_sees_one() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = Envoy::start(steered(&upstreams, &ejecting(&upstreams, &json!({}))).concurrency(2)).await?;
    assert_eq!(load(&envoy, 200).await?.successes(), 200);
    upstreams[0].behave(Behaviour::status(500)).await?;
    upstreams.forget();
    let report = load(&envoy, 400).await?;
    assert_eq!(report.successes(), 400, "{:?}", report.by_status);
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    let failed = upstreams[0].count();
    assert!((3..30).contains(&failed), "{failed} requests reached the endpoint that fails");
    upstreams.forget();
    assert_eq!(load(&envoy, 400).await?.successes(), 400);
    assert_eq!(upstreams[0].count(), 0, "it is out in both workers");
    let address = upstreams[0].address();
    envoy
        .wait_for_log(&format!("ejected {address} of checkout for 600 s: 3 consecutive 5xx, 1st time"))
        .await?;
    Ok(())
}
