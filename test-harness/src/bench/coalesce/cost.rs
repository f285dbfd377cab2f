//! What coalescing costs while every request has a key of its own: host calls, counted, and throughput beside a
//! filter that does nothing.

use serde_json::{Map, Value, json};

use super::sides::{coalescing, plain};
use crate::bench::beside::{self, Costs};
use crate::envoy::{Crossings, pieces};
use crate::load::Client;
use crate::upstream::Upstreams;

const COUNTED_REQUESTS: u64 = 200;
const NOOP: &str = "noop";
/// What the chain costs has a benchmark of its own.
const MODULE: &str = "coalesce";
/// Each is the name of a listener, too.
const SCOPES: [&str; 2] = ["worker", "proxy"];

/// Adds `host_calls_per_request`, `host_calls_per_request_proxy`, `unique_vs_noop` of each scope and of the slower one, the same of CPU time (more is
/// better there too), and what they come from.
pub(super) async fn measure(report: &mut Map<String, Value>) -> anyhow::Result<()> {
    let upstreams = Upstreams::start(1).await?;
    for (scope, suffix) in SCOPES.into_iter().zip(["", "_proxy"]) {
        let send = async |client: &Client, number: u64| {
            client.get(&format!("/item/{number}")).send().await.map(drop)
        };
        let bootstrap = coalescing(plain(&upstreams), (MODULE, scope), &upstreams);
        let crossings = Crossings::measure(bootstrap, scope, COUNTED_REQUESTS, send).await?;
        report.insert(format!("host_calls_per_request{suffix}"), json!(crossings.host_calls_per_request));
        report.insert(format!("vm_calls_per_request{suffix}"), json!(crossings.vm_calls_per_request));
    }
    let all =
        SCOPES.into_iter().fold(plain(&upstreams), |all, scope| coalescing(all, (MODULE, scope), &upstreams));
    let noop = [pieces::wasm_filter(NOOP, "")];
    let all = all.listener(pieces::listener(NOOP, &[pieces::route_to("checkout")], &noop));
    let [worker, proxy] = SCOPES;
    let costs = beside::costs(all, &[worker, proxy, NOOP], &upstreams).await?;
    let mut add = |key: &str, value| report.insert(key.to_owned(), value);
    for (key, scope) in [("unique_vs_noop_worker", worker), ("unique_vs_noop_proxy", proxy)] {
        add(key, json!(beside::ratio(&costs, (scope, NOOP), Costs::speed)));
    }
    add("unique_vs_noop", json!(beside::least_of(&costs, NOOP, Costs::speed)));
    add("unique_vs_noop_cpu", json!(beside::least_of(&costs, NOOP, |cost| 1.0 / cost.cpu())));
    add("requests_per_second", beside::by_name(&costs, Costs::speed));
    add("cpu_us_per_request", beside::by_name(&costs, Costs::cpu));
    Ok(())
}
