//! Coalescing on a real Envoy: identical requests under way share one answer, within a worker and across workers.

mod answers;
mod bodies;
mod cache;
mod failures;
mod keys;
mod limits;
mod memory;
mod price;
mod reload;
mod slow;
mod succession;
mod trap;

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Envoy with so many workers and this section on its only route.
async fn start(upstreams: &Upstreams, workers: u32, section: &Value) -> anyhow::Result<Envoy> {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert("coalesce".to_owned(), section.clone());
    }
    Envoy::start(coalesced(upstreams, &document).concurrency(workers)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_of_one_key_make_one_request() -> Outcome {
    for workers in [2, 4] {
        let upstreams = Upstreams::start(1).await?;
        let envoy = start(&upstreams, workers, &json!({})).await?;
        let upstream = upstreams.iter().next().unwrap();
        upstream.behave(Behaviour::slow(1000)).await?;
        let client = envoy.listener_address("ingress").await?;
        let mut asked = tokio::task::JoinSet::new();
        let began = std::time::Instant::now();
        for _ in 0..500 {
            asked.spawn(async move {
                let answer = Client::to(client).get("/hot?q=1").send().await;
                (answer, began.elapsed())
            });
        }
        let mut times = Vec::new();
        while let Some(done) = asked.join_next().await {
            let (answer, at) = done?;
            let answer = answer?;
            assert_eq!(answer.status, 200);
            times.push(at);
        }
        times.sort();
        eprintln!("{workers} workers: first {:?}, last {:?}", times[0], times[499]);
        let stats = envoy.stats().await?;
        for (name, value) in stats.iter().filter(|(name, _)| name.contains("coalesce")) {
            eprintln!("{name} {value}");
        }
        assert_eq!(upstream.count(), 1, "{workers} workers");
        assert!(times[499] < Duration::from_secs(5));
    }
    Ok(())
}
