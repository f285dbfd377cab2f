//! Answers that are large and for many: they are given out within bounds, and nobody in the worker hangs.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
/// Status, length, and the first kilobyte of an answer.
type Read = (u16, usize, String);

const MIB: usize = 1 << 20;

/// Envoy with one worker, whose routes batch so.
async fn start(upstreams: &Upstreams, routes: &[(&str, Value)]) -> anyhow::Result<Envoy> {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    let route = |(prefix, section): &(&str, Value)| json!({ "name": prefix.trim_matches('/'), "match": { "path_prefix": prefix }, "upstream": "checkout", "batch": section });
    let others = json!({ "name": "others", "match": {}, "upstream": "checkout" });
    if let Some(document) = document.as_object_mut() {
        document.insert("routes".to_owned(), routes.iter().map(route).chain([others]).collect());
    }
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &upstreams.addresses());
    let others = ["switchyard.coalesce", "switchyard.router", "switchyard.retry", "switchyard.outlier"];
    let bootstrap = others.into_iter().fold(bootstrap.document(&document), Bootstrap::without_filter);
    Envoy::start(bootstrap.concurrency(1)).await
}

fn ids(settings: &Value) -> Value {
    let protocol = json!({ "path": "/items", "parameter": "ids", "single": true, "field": "items" });
    let mut section = json!({ "protocol": { "id_list": protocol }, "max_delay": "10s", "timeout": "60s" });
    if let (Some(section), Some(settings)) = (section.as_object_mut(), settings.as_object()) {
        section.extend(settings.clone());
    }
    section
}

/// Sends it and reads the answer, of which little is kept.
fn ask(request: Request) -> JoinHandle<anyhow::Result<Read>> {
    tokio::spawn(async {
        let mut reading = request.open().await?;
        let (mut length, mut begins) = (0, Vec::new());
        while let Some(piece) = reading.next().await? {
            length += piece.len();
            begins.extend_from_slice(&piece[..piece.len().min(1024_usize.saturating_sub(begins.len()))]);
        }
        Ok((reading.status.as_u16(), length, String::from_utf8_lossy(&begins).into_owned()))
    })
}

async fn all(envoy: &Envoy, asked: Vec<JoinHandle<anyhow::Result<Read>>>) -> anyhow::Result<Vec<Read>> {
    let mut read = Vec::new();
    for one in asked {
        let one = tokio::time::timeout(std::time::Duration::from_secs(60), one).await;
        read.push(
            one.map_err(|_| anyhow::anyhow!("somebody hangs; {} did not\n{}", read.len(), envoy.log()))???,
        );
    }
    Ok(read)
}

/// The VM lives.
fn is_well(envoy: &Envoy) {
    let log = envoy.log();
    let traps: Vec<_> = log
        .lines()
        .filter(|line| line.contains("Function: proxy_on") || line.contains("unreachable"))
        .collect();
    assert!(traps.is_empty(), "{traps:?}");
}

async fn gathered_in(envoy: &Envoy, route: &str, requests: u64) -> Outcome {
    let name = format!("wasmcustom.switchyard.route=.={route};.;batch_active");
    envoy.wait_for_stat(&name, |now| now == requests).await?;
    Ok(())
}

fn stat(route: &str, metric: &str, label: &str) -> String {
    format!("wasmcustom.switchyard.route=.={route};.;{label}{metric}")
}

/// An object so large, as the answer of a list has it.
fn object(bytes: usize) -> String {
    format!(r#"{{"items":[{{"id":7,"pad":"{}"}}]}}"#, "x".repeat(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_that_many_ask_for_at_once_goes_to_all_of_them_as_they_read() -> Outcome {
    const BYTES: usize = 18 * MIB;
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, &[("/items", ids(&json!({})))]).await?);
    let address = envoy.listener_address("ingress").await?;
    upstream.behave(Behaviour::body(&object(BYTES))).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let first = ask(Client::http2(address).get("/items/7"));
    until_under_way(&envoy, upstream, 1).await?;
    let asked: Vec<_> = (0..63).map(|_| ask(Client::http2(address).get("/items/7"))).collect();
    gathered_in(&envoy, "items", 64).await?;
    upstream.release();
    let innocent: Vec<_> = (0..10).map(|_| ask(Client::to(address).get("/innocent"))).collect();
    for (status, length, begins) in all(&envoy, asked).await? {
        assert_eq!((status, length > BYTES), (200, true), "{length}: {begins}");
        assert!(begins.starts_with(r#"{"id":7,"#), "{begins}");
    }
    assert!(all(&envoy, innocent).await?.iter().all(|(status, ..)| *status == 200));
    assert_eq!(all(&envoy, vec![first]).await?[0].0, 200);
    assert_eq!(upstream.count(), 1 + 1 + 10, "one call for all of them");
    is_well(&envoy);
    for gauge in ["batch_active", "batch_bytes_held"] {
        envoy.wait_for_stat(&stat("items", gauge, ""), |now| now == 0).await?;
    }
    Ok(())
}
