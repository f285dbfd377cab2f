//! What judging an attempt costs: host calls, counted, and throughput beside a filter that does nothing.

use serde_json::{Map, Value, json};

use crate::bench::{median, progress};
use crate::ejecting::ejecting;
use crate::envoy::{Bootstrap, Crossings, Envoy, pieces};
use crate::load::{Client, Load};
use crate::upstream::Upstreams;

const REQUESTS: u64 = 4_000;

/// A listener and a cluster whose only wasm filter is this one, upstream.
fn with(bootstrap: Bootstrap, name: &str, filter: Value, upstreams: &Upstreams) -> Bootstrap {
    let cluster = pieces::cluster(name, &upstreams.addresses());
    bootstrap.cluster(pieces::with_upstream_filters(cluster, &[filter], false)).listener(pieces::listener(
        name,
        &[pieces::route_to(name)],
        &[],
    ))
}

fn judging(upstreams: &Upstreams) -> Value {
    let everything = json!({ "latency": {}, "stall": {}, "enforcing_success_rate": 100 });
    let mut document = ejecting(upstreams, &everything);
    if let Some(upstream) = document.pointer_mut("/upstreams/0").and_then(Value::as_object_mut) {
        upstream.insert("cluster".to_owned(), json!("outlier"));
    }
    // The plugin's root_id is its name, and so is the cluster's.
    pieces::wasm_filter("outlier", &document.to_string())
}

/// Adds `host_calls_per_attempt`, `vm_calls_per_attempt` and `vs_noop`.
pub(super) async fn measure(report: &mut Map<String, Value>, rounds: usize) -> anyhow::Result<()> {
    let upstreams = Upstreams::start(3).await?;
    let judged = with(Bootstrap::empty(), "outlier", judging(&upstreams), &upstreams);
    let send = async |client: &Client, _| client.get("/").send().await.map(drop);
    let crossings = Crossings::measure(judged.clone(), "outlier", 200, send).await?;
    report.insert("host_calls_per_attempt".to_owned(), json!(crossings.host_calls_per_request));
    report.insert("vm_calls_per_attempt".to_owned(), json!(crossings.vm_calls_per_request));

    let both = with(judged, "noop", pieces::wasm_filter("noop", ""), &upstreams);
    let envoy = Envoy::start(both.component_log_level("wasm:warn")).await?;
    let (mut ours, mut noop) = (Vec::new(), Vec::new());
    let bar = progress("requests beside a no-op filter", rounds as u64 * 2 + 2);
    for round in 0..=rounds {
        for name in if round % 2 == 0 { ["outlier", "noop"] } else { ["noop", "outlier"] } {
            let load = Load::against(envoy.listener_address(name).await?).requests(REQUESTS).concurrency(6);
            let run = load.run().await?;
            anyhow::ensure!(run.successes() == REQUESTS, "{name}: {:?}", run.by_status);
            // Round 0 warms up.
            if round > 0 {
                if name == "noop" { &mut noop } else { &mut ours }.push(run.requests_per_second());
            }
            upstreams.forget();
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    report.insert("vs_noop".to_owned(), json!(median(&ours) / median(&noop)));
    Ok(())
}
