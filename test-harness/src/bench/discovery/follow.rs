//! How soon the router follows a change that it is given no notice of: the interval is 30 s, so it is the signs that it goes by.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::documents::listed;
use crate::envoy::Envoy;
use crate::listed::{first_of, live, localities, until_named};
use crate::load::Client;
use crate::upstream::Upstreams;

/// How often an endpoint comes, and goes.
const CHANGES: usize = 30;

pub(super) async fn measure() -> anyhow::Result<Map<String, Value>> {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let (last, rest) = all.split_last().context("upstreams")?;
    let document = listed(&json!({ "policy": "round_robin" }), "30s");
    let envoy = Envoy::start(live(rest, &document).concurrency(1)).await?;
    until_named(&envoy, 20, rest).await?;
    let client = envoy.client("ingress").await?;
    let mut times = Vec::new();
    for _ in 0..CHANGES {
        for addresses in [&all[..], rest] {
            let changed = Instant::now();
            envoy.update_endpoints("checkout", &localities(addresses)).await?;
            let comes = addresses.contains(last);
            times.push(followed(&envoy, &client, *last, comes, changed).await?);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).or(times.last()).copied();
    let fields = [("follow_ms_p50", at(0.5)), ("follow_ms_p99", at(0.99))];
    Ok(fields.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

/// Milliseconds until `endpoint` is named, or is no more in a whole round.
async fn followed(
    envoy: &Envoy,
    client: &Client,
    endpoint: SocketAddr,
    comes: bool,
    since: Instant,
) -> anyhow::Result<f64> {
    let endpoint = endpoint.to_string();
    envoy
        .until("the change to be followed", async || {
            let began = since.elapsed().as_secs_f64() * 1_000.0;
            let mut is_named = false;
            // One round of all there are.
            for _ in 0..4 {
                let answer = client.get("/").send().await?;
                is_named |= first_of(answer.header("x-switchyard-explain")) == endpoint;
            }
            Ok((is_named == comes).then_some(began))
        })
        .await
}
