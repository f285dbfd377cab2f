//! Heartbeats, batches and retries are calls of one root: each answer goes to the stage that made the call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Users and retries at `checkout`, whose endpoints come back by heartbeats alone; calls of JSON-RPC at `catalog`, batched.
fn document(upstreams: &Upstreams, service: &Service) -> Value {
    let retry = json!({ "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    let heartbeat = json!({ "path": "/healthz", "interval": "100ms", "timeout": "100ms" });
    let mut document = with_outlier(retrying(upstreams, &retry), &json!({ "heartbeat": heartbeat }));
    let catalog = json!({
        "name": "catalog", "endpoints": [endpoint(&service.address())], "balance": { "policy": "round_robin" },
    });
    let rpc = json!({
        "name": "rpc", "match": { "path": "/rpc" }, "upstream": "catalog",
        "batch": { "protocol": { "json_rpc": { "repeatable": ["*"] } }, "max_delay": "20ms" },
    });
    for (list, item) in [("upstreams", catalog), ("routes", rpc)] {
        let list = document[list].as_array_mut().expect("a list");
        list.insert(if item["name"] == "rpc" { 0 } else { list.len() }, item);
    }
    document
}

/// Calls that come together, until it is over; how many there were.
async fn calls(client: &Client, over: &AtomicBool) -> anyhow::Result<u64> {
    let mut number = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let asked: Vec<_> = (number..number + 8)
            .map(|number| {
                let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
                let request = client.post("/rpc", call.to_string());
                tokio::spawn(request.header("content-type", "application/json").send())
            })
            .collect();
        for asked in asked {
            let body: Value = serde_json::from_str(&asked.await??.text())?;
            assert_eq!(body, json!({ "jsonrpc": "2.0", "id": number, "result": [number] }));
            number += 1;
        }
    }
    Ok(number)
}

/// Requests of which some are tried again, until it is over.
async fn retries(client: &Client, upstreams: &Upstreams, over: &AtomicBool) -> Outcome {
    let rounds = AtomicU64::new(0);
    while !over.load(Ordering::Relaxed) {
        let healthy = 1 + rounds.fetch_add(1, Ordering::Relaxed) as usize % 3;
        upstreams[healthy].behave_next(1, Behaviour::status(503));
        for _ in 0..9 {
            assert_eq!(client.get("/").send().await?.status, 200, "it is tried again");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_readmit_while_batches_and_retries_of_the_same_root_are_under_way() -> Outcome {
    let (service, upstreams) = (Service::start(Cost::FREE).await?, Upstreams::start(4).await?);
    let bootstrap = batched(&upstreams, &document(&upstreams, &service)).modules(Modules::Chain);
    let envoy = Envoy::start(bootstrap.endpoints("catalog", &[service.address()]).concurrency(2)).await?;
    let (client, over) = (Client::http2(envoy.listener_address("ingress").await?), AtomicBool::new(false));
    bad(&upstreams)?.behave(Behaviour::status(503)).await?;
    let story = async {
        envoy.wait_for_log("outlier: ejected ").await?;
        let beats = |result| outlier_stat("heartbeats_total", &[("result", result)]);
        envoy.wait_for_stat(&beats("failed"), |count| count >= 5).await?;
        assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1, "nobody else went out");
        bad(&upstreams)?.behave(Behaviour::default()).await?;
        envoy.wait_for_log("outlier: readmitted ").await?;
        envoy.wait_for_stat(&beats("succeeded"), |count| count >= 1).await?;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (story, called, tried) =
        tokio::join!(story, calls(&client, &over), retries(&client, &upstreams, &over));
    story?;
    tried?;
    assert_eq!(service.items(), called?, "each call was made once");
    assert!(service.most_items() > 1, "they went together: {:?}", service.sizes());
    let stats = envoy.stats().await?;
    let ours = stats.iter().filter(|(name, _)| name.starts_with(&retry_stat("", &[])));
    assert!(ours.filter(|(name, _)| name.ends_with("retries_total")).any(|(_, count)| *count > 0));
    Ok(())
}
