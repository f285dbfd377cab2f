//! What a request costs more than with its endpoints in the document, in host calls.
//!
//! A few requests in a second, however many come, are looked at for signs that the list is another: those ask for properties when they end,
//! which is counted apart.

use serde_json::{Map, Value, json};

use super::documents::{document_of, listed};
use crate::envoy::Crossings;
use crate::listed::live;
use crate::load::Client;
use crate::steered::endpoint;
use crate::upstream::Upstreams;

const REQUESTS: u64 = 400;

pub(super) async fn added() -> anyhow::Result<Map<String, Value>> {
    let upstreams = Upstreams::start(3).await?;
    let balance = json!({ "policy": "round_robin" });
    let endpoints: Vec<_> = upstreams.addresses().iter().map(endpoint).collect();
    let fixed = document_of(&json!(endpoints), &balance);
    let (mut all, mut properties) = (Vec::new(), Vec::new());
    for document in [listed(&balance, "30s"), fixed] {
        let bootstrap = live(&upstreams.addresses(), &document);
        let send = async |client: &Client, _: u64| {
            let answer = client.get("/").send().await?;
            anyhow::ensure!(answer.status == 200, "{}", answer.status);
            Ok(())
        };
        let crossings = Crossings::measure(bootstrap, "ingress", REQUESTS, send).await?;
        let asked = crossings.by_name.iter().filter(|(name, _)| name.ends_with("proxy_get_property"));
        properties.push(asked.map(|(_, count)| count).sum::<f64>());
        all.push(crossings.host_calls_per_request);
    }
    let more = |of: &[f64]| of.iter().copied().reduce(|live, fixed| live - fixed).unwrap_or_default();
    let (all, properties) = (more(&all), more(&properties));
    // To a hundredth: one call in four hundred requests is none.
    let rounded = |calls: f64| (calls * 100.0).round() / 100.0;
    let fields = [("host_calls_added", all - properties), ("host_calls_of_samples", properties)];
    Ok(fields.into_iter().map(|(key, calls)| (key.to_owned(), json!(rounded(calls)))).collect())
}
