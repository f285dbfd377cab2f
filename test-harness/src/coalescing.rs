//! What the scenarios of coalesce share: a document with a coalesce section, bursts of clients, and the names of its metrics.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::envoy::{Bootstrap, Envoy};
use crate::load::{Client, Request, Response};
use crate::steered::{balanced, coalesced};
use crate::upstream::{Upstream, Upstreams};

/// How long a request may take before it counts as hanging. Generous, since it is reached by failures only.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of Envoy's log a failure shows, in characters.
const LOG_TAIL: usize = 4000;
/// Connections that are opened in search of one worker; the kernel chooses, at random.
const CONNECTIONS: u32 = 64;

/// Envoy with so many workers and this coalesce section on its only route.
///
/// # Errors
/// If Envoy does not start.
pub async fn start_coalescing(upstreams: &Upstreams, workers: u32, section: &Value) -> anyhow::Result<Envoy> {
    Envoy::start(alone(upstreams, section).concurrency(workers)).await
}

/// The shipped bootstrap, of our filters coalesce alone, and this coalesce section on its only route.
#[must_use]
pub fn alone(upstreams: &Upstreams, section: &Value) -> Bootstrap {
    coalesced(upstreams, &coalescing(upstreams, section)).only(&["coalesce"])
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
    let names =
        ["local", "remote"].map(|result| coalesce_stat("coalesce_followers_total", &[("result", result)]));
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

/// Waits until so many requests wait for a leader's answer now.
///
/// # Errors
/// If they do not, with how many do.
pub async fn until_waiting(envoy: &Envoy, count: u64) -> anyhow::Result<()> {
    let mut last = 0;
    envoy
        .until(&format!("{count} requests to wait"), async || {
            let stats = envoy.stats().await?;
            let sum = |metric: &str| -> u64 {
                let ours = stats.iter().filter(|(name, _)| name.starts_with(&coalesce_stat("", &[])));
                ours.filter(|(name, _)| name.ends_with(metric)).map(|(_, count)| count).sum()
            };
            last = sum("coalesce_followers_total").saturating_sub(sum("coalesce_exits_total"));
            Ok((last == count).then_some(()))
        })
        .await
        .with_context(|| format!("{last} requests wait"))
}

/// Waits until the upstream is busy with so many requests.
///
/// # Errors
/// If it is not.
pub async fn until_under_way(envoy: &Envoy, upstream: &Upstream, requests: u64) -> anyhow::Result<()> {
    let reached = async || Ok((upstream.under_way() == requests).then_some(()));
    let waited = envoy.until(&format!("{requests} requests under way"), reached).await;
    waited.with_context(|| format!("{} requests are", upstream.under_way()))
}

/// An HTTP/2 client of each worker: a connection stays with the worker that took it. Each has had an answer, which the
/// upstreams forget.
///
/// # Errors
/// If an upstream does not answer, or a worker takes no connection.
pub async fn client_of_each_worker(
    envoy: &Envoy,
    upstreams: &Upstreams,
    workers: u32,
) -> anyhow::Result<Vec<Client>> {
    let clients =
        clients_by_worker(envoy, workers, |worker, attempt| format!("/hello/{worker}/{attempt}")).await?;
    upstreams.forget();
    Ok(clients)
}

/// An HTTP/2 client of each worker, found out by asking for these paths, made from the worker's number and that of the attempt.
///
/// # Errors
/// If there is no answer, or a worker takes no connection.
pub async fn clients_by_worker(
    envoy: &Envoy,
    workers: u32,
    path: impl Fn(u32, u32) -> String,
) -> anyhow::Result<Vec<Client>> {
    let address = envoy.listener_address("ingress").await?;
    let mut clients = Vec::new();
    for worker in 0..workers {
        clients.push(client_of(envoy, address, worker, &path).await?);
    }
    Ok(clients)
}

async fn client_of(
    envoy: &Envoy,
    address: SocketAddr,
    worker: u32,
    path: impl Fn(u32, u32) -> String,
) -> anyhow::Result<Client> {
    let name = format!(".worker_{worker}.downstream_cx_total");
    let taken = async || {
        let stats = envoy.stats().await?;
        let ours = stats.iter().filter(|(key, _)| key.starts_with("listener.") && key.ends_with(&name));
        anyhow::Ok(ours.map(|(_, value)| value).sum::<u64>())
    };
    for attempt in 0..CONNECTIONS {
        let (client, before) = (Client::http2(address), taken().await?);
        let answer = client.get(&path(worker, attempt)).send().await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        if taken().await? > before {
            return Ok(client);
        }
    }
    anyhow::bail!("worker {worker} took none of {CONNECTIONS} connections")
}
