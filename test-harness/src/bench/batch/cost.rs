//! What batching costs in calls into the VM and out of it, counted, and what a request costs whose route does not batch, beside a
//! filter that does nothing.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::load::ask;
use super::sides::{Side, batch_filter, bootstrap, plain};
use crate::batching::{batch_section, batching};
use crate::bench::beside::{self, Costs};
use crate::envoy::{Bootstrap, Crossings, pieces};
use crate::load::Client;
use crate::services::{Cost, Protocol, Service};
use crate::upstream::Upstreams;

const COUNTED_REQUESTS: u64 = 200;
/// Requests that come together: one goes alone, the others in one call.
const TOGETHER: u64 = 16;
const COUNTED_BATCHES: u64 = 20;
const NOOP: &str = "noop";
const PASSING: &str = "passing";

/// Adds `vs_noop_pass_through`, the same of CPU time (more is better there too), and host calls per request: of one that passes,
/// of one that goes alone, and of those that come together.
pub(super) async fn measure(report: &mut Map<String, Value>) -> anyhow::Result<()> {
    let upstreams = Upstreams::start(1).await?;
    let one =
        async |client: &Client, number: u64| client.get(&format!("/item/{number}")).send().await.map(drop);
    let passing = Crossings::measure(passing(&upstreams).await?, PASSING, COUNTED_REQUESTS, one).await?;
    counted(report, "pass_through", &passing, 1);

    let service = Service::start(Cost::new(Duration::from_millis(10), Duration::ZERO)).await?;
    let side = Side::WhileBusy;
    let lone = async |client: &Client, number: u64| right(ask(client, number).await);
    let alone = Crossings::measure(bootstrap(&[side], &service), side.name(), COUNTED_REQUESTS, lone).await?;
    counted(report, "alone", &alone, 1);
    let several = async |client: &Client, number: u64| together(client, number).await;
    let batched =
        Crossings::measure(bootstrap(&[side], &service), side.name(), COUNTED_BATCHES, several).await?;
    counted(report, "batched", &batched, TOGETHER);

    let all = passing_and_noop(&upstreams).await?;
    let costs = beside::costs(all, &[PASSING, NOOP], &upstreams).await?;
    let mut add = |key: &str, value| report.insert(key.to_owned(), value);
    add("vs_noop_pass_through", json!(beside::least_of(&costs, NOOP, Costs::speed)));
    add("vs_noop_pass_through_cpu", json!(beside::least_of(&costs, NOOP, |cost| 1.0 / cost.cpu())));
    add("requests_per_second", beside::by_name(&costs, Costs::speed));
    add("cpu_us_per_request", beside::by_name(&costs, Costs::cpu));
    Ok(())
}

fn counted(report: &mut Map<String, Value>, name: &str, crossings: &Crossings, requests: u64) {
    let per_request = |count: f64| json!(count / requests as f64);
    let (host, vm) = (crossings.host_calls_per_request, crossings.vm_calls_per_request);
    report.insert(format!("host_calls_per_request_{name}"), per_request(host));
    report.insert(format!("vm_calls_per_request_{name}"), per_request(vm));
}

fn right(is_right: bool) -> anyhow::Result<()> {
    anyhow::ensure!(is_right, "an answer is wrong");
    Ok(())
}

/// A burst.
async fn together(client: &Client, burst: u64) -> anyhow::Result<()> {
    let mut asking = JoinSet::new();
    for number in 0..TOGETHER {
        let client = client.clone();
        asking.spawn(async move { ask(&client, burst * TOGETHER + number).await });
    }
    while let Some(asked) = asking.join_next().await {
        right(asked?)?;
    }
    Ok(())
}

/// batch.wasm with a route that batches and one, for what is measured, that does not.
async fn passing(upstreams: &Upstreams) -> anyhow::Result<Bootstrap> {
    let address = upstreams.addresses().first().copied();
    let address = address.ok_or_else(|| anyhow::anyhow!("no upstream"))?;
    let service = Service::start(Cost::FREE).await?;
    let mut document = batching(&service, &Value::Null);
    let rpc = json!({
        "name": "rpc",
        "match": { "path_prefix": "/rpc" },
        "upstream": "checkout",
        "batch": batch_section(Protocol::JsonRpc, &json!({})),
    });
    if let Some(routes) = document.get_mut("routes").and_then(Value::as_array_mut) {
        routes.insert(0, rpc);
    }
    let filters = [batch_filter(&document)];
    Ok(plain(address).listener(pieces::listener(PASSING, &[pieces::route_to("checkout")], &filters)))
}

async fn passing_and_noop(upstreams: &Upstreams) -> anyhow::Result<Bootstrap> {
    let noop = [pieces::wasm_filter(NOOP, "")];
    let noop = pieces::listener(NOOP, &[pieces::route_to("checkout")], &noop);
    Ok(passing(upstreams).await?.listener(noop))
}
