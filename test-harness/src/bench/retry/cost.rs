//! What a retry policy costs while nothing fails: host calls, counted, and throughput beside a filter that does nothing.
//!
//! Each engine stands alone before a plain cluster, as the no-op filter does: the figures are retry.wasm's, not router.wasm's.

use serde_json::{Map, Value, json};

use super::CONNECTIONS;
use crate::bench::{median, progress};
use crate::envoy::{Bootstrap, Crossings, Envoy, pieces};
use crate::load::{Client, Load};
use crate::retrying::retrying;
use crate::upstream::Upstreams;

const REQUESTS: u64 = 4_000;
const ROUNDS: usize = 3;
const COUNTED_REQUESTS: u64 = 200;
const ENGINES: [&str; 2] = ["filter", "router"];
const NOOP: &str = "noop";

/// A listener whose only wasm filter is retry.wasm with this engine.
fn engine(bootstrap: Bootstrap, name: &str, upstreams: &Upstreams) -> Bootstrap {
    let document = retrying(upstreams, &json!({ "engine": name }));
    let filter = pieces::wasm_filter("retry", &document.to_string());
    bootstrap.listener(pieces::listener(name, &[pieces::route_to("checkout")], &[filter]))
}

/// Adds `host_calls_per_request`, `host_calls_per_request_router`, `vs_noop` and `requests_per_second`.
pub(super) async fn measure(report: &mut Map<String, Value>) -> anyhow::Result<()> {
    let upstreams = Upstreams::start(super::HOSTS).await?;
    let plain = Bootstrap::empty().cluster(pieces::cluster("checkout", &upstreams.addresses()));
    for (name, suffix) in ENGINES.into_iter().zip(["", "_router"]) {
        let send = async |client: &Client, _| client.get("/").send().await.map(drop);
        let bootstrap = engine(plain.clone(), name, &upstreams);
        let crossings = Crossings::measure(bootstrap, name, COUNTED_REQUESTS, send).await?;
        let host_calls = json!(crossings.host_calls_per_request);
        report.insert(format!("host_calls_per_request{suffix}"), host_calls);
    }
    let noop = [pieces::wasm_filter(NOOP, "")];
    let all = ENGINES.into_iter().fold(plain, |bootstrap, name| engine(bootstrap, name, &upstreams));
    let all = all.listener(pieces::listener(NOOP, &[pieces::route_to("checkout")], &noop));
    let speeds = speeds(all, &upstreams).await?;
    let noop = speeds.iter().find(|(name, _)| *name == NOOP).map_or(f64::NAN, |(_, speed)| *speed);
    let engines = speeds.iter().filter(|(name, _)| *name != NOOP);
    let slowest = engines.map(|(_, speed)| *speed).fold(f64::INFINITY, f64::min);
    report.insert("vs_noop".to_owned(), json!(slowest / noop));
    let speeds = speeds.into_iter().map(|(name, speed)| (name.to_owned(), json!(speed)));
    report.insert("requests_per_second".to_owned(), Value::Object(speeds.collect()));
    Ok(())
}

/// Requests per second through every listener: the median of rounds whose order rotates.
async fn speeds(bootstrap: Bootstrap, upstreams: &Upstreams) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let envoy = Envoy::start(bootstrap.concurrency(2).component_log_level("wasm:warn")).await?;
    let mut speeds = [ENGINES[0], ENGINES[1], NOOP].map(|name| (name, Vec::new()));
    let bar = progress("requests beside a no-op filter", ((ROUNDS + 1) * speeds.len()) as u64);
    // Round 0 warms up.
    for round in 0..=ROUNDS {
        speeds.rotate_left(1);
        for (name, speeds) in &mut speeds {
            let load = Load::against(envoy.listener_address(name).await?).requests(REQUESTS);
            let run = load.concurrency(CONNECTIONS).run().await?;
            anyhow::ensure!(run.successes() == REQUESTS, "{name}: {:?}", run.by_status);
            if round > 0 {
                speeds.push(run.requests_per_second());
            }
            upstreams.forget();
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(speeds.map(|(name, speeds)| (name, median(&speeds))).into())
}
