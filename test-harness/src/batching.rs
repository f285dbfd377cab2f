//! What the scenarios of batch share: a document with a batch section in front of a service, and the names of its metrics.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::coalescing::answers;
use crate::envoy::{Bootstrap, Envoy};
use crate::load::{Request, Response};
use crate::services::{Protocol, Service};
use crate::steered::{endpoint, routed};

/// Envoy with so many workers, and this batch section on its only route, to the service.
///
/// # Errors
/// If Envoy does not start.
pub async fn start_batching(service: &Service, workers: u32, section: &Value) -> anyhow::Result<Envoy> {
    Envoy::start(batch_alone(service, section).concurrency(workers)).await
}

/// The shipped bootstrap, of our filters batch alone, and this batch section on its only route, to the service.
#[must_use]
pub fn batch_alone(service: &Service, section: &Value) -> Bootstrap {
    alone(service, &batching(service, section))
}

/// The same with several routes: the name of each, the beginning of its paths, and its batch section.
#[must_use]
pub fn batch_alone_routes(service: &Service, routes: &[(&str, &str, Value)]) -> Bootstrap {
    let route = |(name, prefix, section): &(&str, &str, Value)| json!({ "name": name, "match": { "path_prefix": prefix }, "upstream": "checkout", "batch": section });
    let mut document = batching(service, &Value::Null);
    if let Some(document) = document.as_object_mut() {
        document.insert("routes".to_owned(), routes.iter().map(route).collect());
    }
    alone(service, &document)
}

fn alone(service: &Service, document: &Value) -> Bootstrap {
    Bootstrap::shipped().endpoints("checkout", &[service.address()]).document(document).only(&["batch"])
}

/// The service as the upstream `checkout`, with this batch section on the route `all`; null: without one.
#[must_use]
pub fn batching(service: &Service, section: &Value) -> Value {
    let endpoints = [endpoint(&service.address())];
    let balance = json!({ "policy": "round_robin" });
    let mut document = routed(&json!([{ "name": "checkout", "endpoints": endpoints, "balance": balance }]));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut)
        && !section.is_null()
    {
        route.insert("batch".to_owned(), section.clone());
    }
    document
}

/// A batch section for the service's paths of this protocol (`/rpc`, `/predict`, `/v1/embeddings`, `/items`) with these
/// settings besides. Every JSON-RPC method and every instance may be asked for twice.
#[must_use]
pub fn batch_section(protocol: Protocol, settings: &Value) -> Value {
    let of_protocol = match protocol {
        Protocol::JsonRpc => json!({ "repeatable": ["*"] }),
        Protocol::JsonArray => {
            json!({ "field": "instances", "answers": "predictions", "sends": "items", "repeatable": true })
        }
        Protocol::Embeddings => json!({}),
        Protocol::IdList => json!({ "path": "/items", "parameter": "ids", "field": "items", "id": "/id" }),
    };
    let mut section = json!({ "protocol": { protocol.name(): of_protocol } });
    if let (Some(section), Some(settings)) = (section.as_object_mut(), settings.as_object()) {
        section.extend(settings.clone());
    }
    section
}

/// The same, where nothing leaves for having waited, unless the settings say so.
#[must_use]
pub fn patient_section(protocol: Protocol, settings: &Value) -> Value {
    let mut section = batch_section(protocol, settings);
    if let Some(section) = section.as_object_mut() {
        section.entry("max_delay").or_insert_with(|| json!("10s"));
    }
    section
}

/// The full name of a metric of the route `all`; the other labels as pairs.
#[must_use]
pub fn batch_stat(metric: &str, labels: &[(&str, &str)]) -> String {
    let labels: String = labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    format!("wasmcustom.switchyard.route=.=all;.;{labels}{metric}")
}

/// Waits until Envoy has so many requests of clients, the service's answers to which are not complete: that they have arrived.
///
/// # Errors
/// If it has not, with how many it has.
pub async fn until_active(envoy: &Envoy, requests: u64) -> anyhow::Result<()> {
    let mut last = 0;
    envoy
        .until(&format!("{requests} active requests"), async || {
            last = envoy.stat("http.ingress.downstream_rq_active").await?;
            Ok((last == requests).then_some(()))
        })
        .await
        .with_context(|| format!("{last} are active"))
}

/// Waits until the service is busy with so many calls, or holds them.
///
/// # Errors
/// If it is not, with how many it is.
pub async fn until_busy(envoy: &Envoy, service: &Service, calls: u64) -> anyhow::Result<()> {
    let reached = async || Ok((service.under_way() == calls).then_some(()));
    let waited = envoy.until(&format!("{calls} calls under way"), reached).await;
    waited.with_context(|| format!("{} are", service.under_way()))
}

/// Waits until so many requests wait, are in batches, or went alone and have no answer yet.
///
/// # Errors
/// If there are not, with how many there are.
pub async fn until_gathered(envoy: &Envoy, requests: u64) -> anyhow::Result<()> {
    let mut last = 0;
    envoy
        .until(&format!("{requests} requests gathered"), async || {
            last = envoy.stats().await?.get(&batch_stat("batch_active", &[])).copied().unwrap_or(0);
            Ok((last == requests).then_some(()))
        })
        .await
        .with_context(|| format!("{last} are"))
}

/// Sends the first of these, which goes alone and is held by the service, then the others, which wait; lets the service go on
/// when all are there. The answers, in the order of the requests.
///
/// # Errors
/// If a request fails or hangs, or they do not come together.
pub async fn gathered(
    envoy: &Envoy,
    service: &Service,
    requests: Vec<Request>,
) -> anyhow::Result<Vec<Response>> {
    let (count, mut asked) = (requests.len() as u64, Vec::new());
    // Of those before these the gauge is told by a tick, which may be yet to come.
    until_gathered(envoy, 0).await?;
    service.hold_next(1);
    for request in requests {
        asked.push(tokio::spawn(request.send()));
        if asked.len() == 1 {
            until_busy(envoy, service, 1).await?;
        }
    }
    until_gathered(envoy, count).await?;
    service.release();
    answers(envoy, asked).await
}
