//! The eighth act: many clients call a server that takes one call at a time.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use super::Stage;
use crate::batching::{batch_alone, batch_section, batching};
use crate::envoy::Envoy;
use crate::load::Client;
use crate::services::{Cost, Protocol, Service};

/// Clients, each with a connection of its own.
const CLIENTS: u64 = 64;
/// Calls of each, one after the other.
const CALLS: u64 = 5;
/// What the server takes: so long for a call, and for each of its items.
const COST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_micros(200));

impl Stage {
    pub(super) async fn many_call_at_a_time() -> Result<()> {
        println!(
            "\nACT 8. {CLIENTS} clients make {CALLS} calls of JSON-RPC each; the server takes one at a time, {:?} and {:?} per item.\n",
            COST.0, COST.1
        );
        let service = Service::start(Cost::new(COST.0, COST.1)).await?;
        let mut document = batching(
            &service,
            &batch_section(Protocol::JsonRpc, &json!({ "max_in_flight": 1, "max_delay": "1s" })),
        );
        let plain = json!({ "name": "plain", "match": { "headers": [{ "name": "x-plain", "present": true }] }, "upstream": "checkout" });
        let routes = document.pointer_mut("/routes").and_then(Value::as_array_mut);
        routes.context("routes")?.insert(0, plain);
        let bootstrap = batch_alone(&service, &json!({})).document(&document);
        let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
        println!(
            "  {:<24}{:>10}{:>10}{:>14}{:>12}{:>14}",
            "", "requests", "upstream", "per second", "p50, ms", "largest call"
        );
        let alone = calls(&envoy, &service, true).await?;
        ensure!(alone == CLIENTS * CALLS, "{alone} calls for {} requests", CLIENTS * CALLS);
        let together = calls(&envoy, &service, false).await?;
        ensure!(together * 5 < alone, "{together} calls upstream instead of {alone}");
        println!("\nEvery client got the answer to its own call, under its own id.");
        Ok(())
    }
}

/// Makes all calls; how many the server saw.
async fn calls(envoy: &Envoy, service: &Service, is_plain: bool) -> Result<u64> {
    service.forget();
    let (address, began) = (envoy.listener_address("ingress").await?, Instant::now());
    let mut clients: JoinSet<Result<Vec<f64>>> = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(async move {
            let client = Client::http2(address);
            let mut times = Vec::new();
            for call in 0..CALLS {
                let started = Instant::now();
                one_call(&client, number * CALLS + call, is_plain).await?;
                times.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            Ok(times)
        });
    }
    let times = clients.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut times: Vec<_> = times.into_iter().flatten().collect();
    times.sort_by(f64::total_cmp);
    let (took, median) =
        (began.elapsed().as_secs_f64(), times.get(times.len() / 2).copied().unwrap_or_default());
    let what = if is_plain { "without batching" } else { "with batching" };
    let (requests, upstream) = (CLIENTS * CALLS, service.count());
    println!(
        "  {what:<24}{requests:>10}{upstream:>10}{:>14.0}{median:>12.0}{:>14}",
        requests as f64 / took,
        service.most_items()
    );
    Ok(upstream)
}

/// Makes a call, and sees whether the answer is that to it.
async fn one_call(client: &Client, id: u64, is_plain: bool) -> Result<()> {
    let call = json!({ "jsonrpc": "2.0", "id": id, "method": "echo", "params": [id] });
    let request = client.post("/rpc", call.to_string()).header("content-type", "application/json");
    let request = if is_plain { request.header("x-plain", "1") } else { request };
    let answer = request.send().await?;
    let body: Value = serde_json::from_str(&answer.text()).context("an answer")?;
    ensure!(body == json!({ "jsonrpc": "2.0", "id": id, "result": [id] }), "another's answer: {body}");
    Ok(())
}
