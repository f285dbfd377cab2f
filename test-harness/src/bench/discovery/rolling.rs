//! What clients see of it when ten endpoints are replaced one after another.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::documents::by_user;
use crate::envoy::Envoy;
use crate::listed::{envoys_view, live, localities, until_named};
use crate::load::Load;
use crate::upstream::{Behaviour, Upstreams};

pub(super) async fn measure() -> anyhow::Result<Map<String, Value>> {
    let upstreams = Upstreams::start(20).await?;
    let all = upstreams.addresses();
    let document = json!({
        "explain": true,
        "upstreams": [{
            "name": "checkout",
            "endpoints": envoys_view("5s"),
            "balance": by_user("ring_hash"),
            "retry": { "engine": "filter", "num_retries": 2, "retry_on": { "statuses": ["503"] } },
        }],
        "routes": [{ "match": {}, "upstream": "checkout" }],
    });
    let at = |from: usize, to: usize| all.get(from..to).context("twenty upstreams");
    let envoy = Envoy::start(live(at(0, 10)?, &document).concurrency(2)).await?;
    until_named(&envoy, 100, at(0, 10)?).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(8);
    let load = load.lasting(Duration::from_secs(600)).keys("x-user", |i| format!("user-{}", i % 1_000));
    let running = tokio::spawn(async move { load.run().await });
    for step in 1..=10 {
        // As a deployment does it: the new one is there before the old one leaves, and that one ends only then.
        envoy.update_endpoints("checkout", &localities(at(step - 1, 10 + step)?)).await?;
        envoy.update_endpoints("checkout", &localities(at(step, 10 + step)?)).await?;
        until_named(&envoy, 100, at(step, 10 + step)?).await?;
        upstreams.get(step - 1).context("an upstream")?.behave(Behaviour::Refuse).await?;
    }
    running.abort();
    let _ = running.await;
    let stat = async |class: &str| envoy.stat(&format!("http.ingress.downstream_rq_{class}")).await;
    let errors = stat("5xx").await? + stat("4xx").await?;
    Ok([("errors_rolling", errors), ("requests_rolling", errors + stat("2xx").await?)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect())
}
