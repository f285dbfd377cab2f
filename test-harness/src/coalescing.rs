//! What the scenarios of coalesce.wasm share: a document with a coalesce section, bursts of clients, and the names of its metrics.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::envoy::Envoy;
use crate::load::{Request, Response};
use crate::steered::{balanced, coalesced};
use crate::upstream::Upstreams;

/// How long a request may take before it counts as hanging. Generous, since it is reached by failures only.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of Envoy's log a failure shows, in characters.
const LOG_TAIL: usize = 4000;

/// Envoy with so many workers and this coalesce section on its only route.
///
/// # Errors
/// If Envoy does not start.
pub async fn start_coalescing(upstreams: &Upstreams, workers: u32, section: &Value) -> anyhow::Result<Envoy> {
    let bootstrap = coalesced(upstreams, &coalescing(upstreams, section));
    Envoy::start(bootstrap.concurrency(workers)).await
}

/// All upstreams in round robin, with this coalesce section on the route `all`.
#[must_use]
pub fn coalescing(upstreams: &Upstreams, section: &Value) -> Value {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert("coalesce".to_owned(), section.clone());
    }
    document
}

/// The full name of a metric of the route `all`; the other labels as pairs.
#[must_use]
pub fn coalesce_stat(metric: &str, labels: &[(&str, &str)]) -> String {
    let labels: String = labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    format!("wasmcustom.switchyard.route=.=all;.;{labels}{metric}")
}

/// Sends so many requests at a time; each is made from its number.
pub fn together(
    count: usize,
    request: impl Fn(usize) -> Request,
) -> Vec<JoinHandle<anyhow::Result<Response>>> {
    (0..count).map(|number| tokio::spawn(request(number).send())).collect()
}

/// The answers, in the order of the requests.
///
/// # Errors
/// If a request fails or hangs, with the end of Envoy's log.
pub async fn answers(
    envoy: &Envoy,
    requests: Vec<JoinHandle<anyhow::Result<Response>>>,
) -> anyhow::Result<Vec<Response>> {
    let (count, mut answers) = (requests.len(), Vec::new());
    let all = async {
        for request in requests {
            answers.push(request.await??);
        }
        anyhow::Ok(())
    };
    let problem = match tokio::time::timeout(PATIENCE, all).await {
        Ok(Ok(())) => return Ok(answers),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    let log = envoy.log();
    let tail = log.char_indices().rev().nth(LOG_TAIL).map_or(0, |(at, _)| at);
    let tail = log.get(tail..).unwrap_or_default();
    anyhow::bail!(
        "{} of {count} requests were answered, then: {problem}; Envoy's log:\n{tail}",
        answers.len()
    );
}

/// Waits until so many requests have followed a leader, in this worker or in another, since Envoy was started.
///
/// # Errors
/// If they do not, with how many have.
pub async fn until_followers(envoy: &Envoy, count: u64) -> anyhow::Result<()> {
    let names = ["local", "remote"].map(|result| coalesce_stat("coalesce_followers", &[("result", result)]));
    let mut last = 0;
    envoy
        .until(&format!("{count} followers"), async || {
            let stats = envoy.stats().await?;
            let now: u64 = names.iter().filter_map(|name| stats.get(name)).sum();
            last = now;
            Ok((now == count).then_some(()))
        })
        .await
        .with_context(|| format!("{last} requests follow"))
}
