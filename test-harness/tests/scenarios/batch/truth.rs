//! Forty thousand requests in all protocols, of several principals, over two workers, to a service that fails one call in
//! fifty in some way: every client gets what it would have got by itself, or an error that the failure explains.
//!
//! `SWITCHYARD_SEED` chooses another seed; the one that was used is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinSet;

type Outcome = anyhow::Result<()>;

const REQUESTS: u64 = 40_000;
/// Where all workers' requests share calls.
const PROXY_REQUESTS: u64 = 20_000;
/// At a time, each over a connection of its own, and as many again over HTTP/2.
const CLIENTS: usize = 160;
/// Streams of an HTTP/2 connection.
const STREAMS: usize = 20;
/// How long a request may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a call may take; some hang.
const TIMEOUT: &str = "3s";
const FAULTS: f64 = 2.0;

fn seed() -> anyhow::Result<u64> {
    let given = std::env::var("SWITCHYARD_SEED").ok();
    let seed = given.map_or(Ok(6), |seed| seed.parse())?;
    println!("SWITCHYARD_SEED={seed}");
    Ok(seed)
}

/// All that the service speaks.
fn routes(scope: &str) -> [(&'static str, &'static str, Value); 6] {
    let section = |protocol: Value| {
        json!({
            "protocol": protocol,
            "scope": scope,
            "max_items": 32,
            "timeout": TIMEOUT,
            "budget": { "ratio": 1, "min_per_second": 1000 },
        })
    };
    let ids = |path: &str, form: &str, field: Option<&str>| {
        let mut ids = json!({ "path": path, "parameter": "ids", "form": form, "single": true, "id": "/id" });
        if let (Some(ids), Some(field)) = (ids.as_object_mut(), field) {
            ids.insert("field".to_owned(), json!(field));
        }
        section(json!({ "id_list": ids }))
    };
    let instances =
        json!({ "field": "instances", "answers": "predictions", "sends": "items", "repeatable": true });
    [
        ("rpc", "/rpc", section(json!({ "json_rpc": { "repeatable": ["add", "ec*"] } }))),
        ("predict", "/predict", section(json!({ "json_array": instances }))),
        ("list", "/list", section(json!({ "json_array": { "sends": "item", "repeatable": true } }))),
        ("embeddings", "/v1/embeddings", section(json!({ "embeddings": {} }))),
        ("items", "/items", ids("/items", "comma", Some("items"))),
        ("things", "/things", ids("/things", "repeated", None)),
    ]
}

/// What goes on alone ends as soon as a batch would.
fn with_timeout(bootstrap: &mut Value) {
    match bootstrap {
        Value::Array(items) => items.iter_mut().for_each(with_timeout),
        Value::Object(fields) => {
            if let Some(timeout) = fields.get_mut("route").and_then(|route| route.get_mut("timeout")) {
                *timeout = json!(TIMEOUT);
            }
            fields.values_mut().for_each(with_timeout);
        }
        _ => {}
    }
}

/// Asks one question after the other until there are none left.
async fn ask(client: Client, left: Arc<AtomicU64>, service: Arc<Service>, seed: u64) -> Tally {
    let mut tally = Tally::default();
    loop {
        let next = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let Ok(number) = next else { return tally };
        let question =
            Question::any(number, &mut Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number)));
        let patience = question.leaves.unwrap_or(PATIENCE);
        match tokio::time::timeout(patience, question.request(&client).send()).await {
            Ok(answer) => tally.add(&question, &answer, &service),
            Err(_) => tally.add_given_up(&question, question.leaves.is_none()),
        }
    }
}

async fn ask_all(envoy: &Envoy, service: &Arc<Service>, requests: u64, seed: u64) -> anyhow::Result<Tally> {
    let address = envoy.listener_address("ingress").await?;
    let (left, mut asking) = (Arc::new(AtomicU64::new(requests)), JoinSet::new());
    let multiplexed: Vec<_> = (0..CLIENTS / STREAMS).map(|_| Client::http2(address)).collect();
    let multiplexed = multiplexed.iter().cycle().take(CLIENTS).cloned();
    for client in (0..CLIENTS).map(|_| Client::to(address)).chain(multiplexed) {
        asking.spawn(ask(client, Arc::clone(&left), Arc::clone(service), seed));
    }
    let mut all = Tally::default();
    while let Some(tally) = asking.join_next().await {
        all.merge(tally?);
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_gets_what_it_would_have_got_by_itself_whatever_fails() -> Outcome {
    is_the_truth("worker", REQUESTS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_every_client_whose_request_another_worker_gathers() -> Outcome {
    is_the_truth("proxy", PROXY_REQUESTS).await
}

async fn is_the_truth(scope: &str, requests: u64) -> Outcome {
    let seed = seed()?;
    let cost = Cost { at_a_time: 8, ..Cost::new(Duration::from_millis(2), Duration::from_micros(20)) };
    let service = Arc::new(Service::start(cost).await?);
    service.fails(Some(Faults { victims: Victims::All, ..Faults::evenly(FAULTS, seed) }));
    let bootstrap = batch_alone_routes(&service, &routes(scope)).edit(with_timeout);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    let begun = Instant::now();
    let tally = ask_all(&envoy, &service, requests, seed).await?;
    println!("{:?}: {tally:#?}", begun.elapsed());
    println!("{} calls with {} items: {:?}", service.count(), service.items(), service.sizes());
    println!("{:?}; {} mixed", service.faults(), service.mixed_calls().0);
    assert_eq!((tally.wrong, tally.lost, tally.hung), (0, 0, 0), "{}", tally.told.join("\n"));
    assert_eq!(tally.right + tally.excused + tally.left, requests);
    assert!(tally.right > requests * 8 / 10 && tally.excused > 0 && tally.left > 0, "{tally:?}");
    assert_eq!(tally.requests.len(), Protocol::ALL.len());
    let (mixed, first) = service.mixed_calls();
    assert_eq!(mixed, 0, "{first:#?}");
    assert!(service.count() < requests * 8 / 10, "{} calls", service.count());
    assert_eq!(service.most_items(), 32, "full batches");
    assert_eq!(service.faults().len(), Fault::ALL.len() + 1, "{:?}", service.faults());
    Ok(())
}
