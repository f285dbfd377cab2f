//! Adaptive batches: what is learnt of an upstream is told, and bounds what leaves.

use std::time::Duration;

use serde_json::json;
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Protocol, Service};

type Outcome = anyhow::Result<()>;

/// Requests under way at a time, and in all.
const CROWD: usize = 40;
const REQUESTS: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn the_size_follows_what_calls_take_and_tells_what_it_follows() -> Outcome {
    // Thirteen items take as long as a batch may, which is half of the target.
    let service = Service::start(Cost::new(Duration::from_millis(4), Duration::from_millis(2))).await?;
    let section = json!({ "leaves": "adaptive", "adaptive": { "target": "60ms" } });
    let envoy = start_batching(&service, 1, &batch_section(Protocol::JsonRpc, &section)).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    for _ in 0..REQUESTS / CROWD {
        let asked = together(CROWD, |number| {
            let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
            client.post("/rpc", call.to_string()).header("content-type", "application/json")
        });
        for answer in answers(&envoy, asked).await? {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let learnt = async |metric: &str| envoy.wait_for_stat(&batch_stat(metric, &[]), |value| value > 0).await;
    assert!(learnt("batch_item_microseconds").await? > 0);
    assert!(learnt("batch_limit").await? < 64, "fewer than max_items fit into the target");
    let cut = batch_stat("batch_departures_total", &[("reason", "adaptive")]);
    envoy.wait_for_stat(&cut, |count| count > 0).await?;
    let sizes = service.sizes();
    // Half of the target is a batch's, all of it once that is over: 28 items. Times on a busy machine make that fewer, or some more.
    assert!((2..CROWD - 1).contains(&service.most_items()), "{sizes:?}");
    Ok(())
}
