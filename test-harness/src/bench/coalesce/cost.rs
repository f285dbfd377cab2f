//! What coalescing costs while every request has a key of its own: host calls, counted, and throughput beside a
//! filter that does nothing.

use serde_json::{Map, Value, json};

use super::sides::{coalescing, plain};
use crate::bench::{cpu, median, progress};
use crate::envoy::{Bootstrap, Crossings, Envoy, pieces};
use crate::load::{Client, Load};
use crate::upstream::Upstreams;

const REQUESTS: u64 = 4_000;
const ROUNDS: usize = 9;
const CONNECTIONS: usize = 16;
const COUNTED_REQUESTS: u64 = 200;
const NOOP: &str = "noop";
/// Each is the name of a listener, too.
const SCOPES: [&str; 2] = ["worker", "proxy"];

/// What requests through one listener cost, round by round.
struct Costs {
    name: &'static str,
    requests_per_second: Vec<f64>,
    /// Envoy's alone: load and upstream run in this process.
    cpu_us: Vec<f64>,
}

/// Adds `host_calls_per_request`, `host_calls_per_request_proxy`, `unique_vs_noop`, the same of CPU time (more is
/// better there too), and what they come from. Of the two scopes the slower one counts.
pub(super) async fn measure(report: &mut Map<String, Value>) -> anyhow::Result<()> {
    let upstreams = Upstreams::start(1).await?;
    for (scope, suffix) in SCOPES.into_iter().zip(["", "_proxy"]) {
        let send = async |client: &Client, number: u64| {
            client.get(&format!("/item/{number}")).send().await.map(drop)
        };
        let bootstrap = coalescing(plain(&upstreams), scope, &upstreams);
        let crossings = Crossings::measure(bootstrap, scope, COUNTED_REQUESTS, send).await?;
        report.insert(format!("host_calls_per_request{suffix}"), json!(crossings.host_calls_per_request));
        report.insert(format!("vm_calls_per_request{suffix}"), json!(crossings.vm_calls_per_request));
    }
    let all = SCOPES.into_iter().fold(plain(&upstreams), |all, scope| coalescing(all, scope, &upstreams));
    let noop = [pieces::wasm_filter(NOOP, "")];
    let all = all.listener(pieces::listener(NOOP, &[pieces::route_to("checkout")], &noop));
    let costs = costs(all, &upstreams).await?;
    let ratio = |of: fn(&Costs) -> f64| {
        let noop = costs.iter().find(|cost| cost.name == NOOP).map_or(f64::NAN, of);
        costs
            .iter()
            .filter(|cost| cost.name != NOOP)
            .map(|cost| of(cost) / noop)
            .fold(f64::INFINITY, f64::min)
    };
    let mut add = |key: &str, value| report.insert(key.to_owned(), value);
    add("unique_vs_noop", json!(ratio(Costs::speed)));
    add("unique_vs_noop_cpu", json!(ratio(|cost| 1.0 / cost.cpu())));
    let named = |of: fn(&Costs) -> f64| -> Value {
        costs.iter().map(|cost| (cost.name.to_owned(), json!(of(cost)))).collect()
    };
    add("requests_per_second", named(Costs::speed));
    add("cpu_us_per_request", named(Costs::cpu));
    Ok(())
}

impl Costs {
    fn speed(&self) -> f64 {
        median(&self.requests_per_second)
    }

    fn cpu(&self) -> f64 {
        median(&self.cpu_us)
    }
}

/// Those of every listener, in rounds whose order rotates.
async fn costs(bootstrap: Bootstrap, upstreams: &Upstreams) -> anyhow::Result<Vec<Costs>> {
    let envoy = Envoy::start(bootstrap.concurrency(2).component_log_level("wasm:warn")).await?;
    let (pid, [worker, proxy]) = (cpu::envoy_pid()?, SCOPES);
    let new = |name| Costs { name, requests_per_second: Vec::new(), cpu_us: Vec::new() };
    let mut costs = [worker, proxy, NOOP].map(new);
    let bar = progress("requests beside a no-op filter", ((ROUNDS + 1) * costs.len()) as u64);
    // Round 0 warms up.
    for round in 0..=ROUNDS {
        costs.rotate_left(1);
        for Costs { name, requests_per_second, cpu_us } in &mut costs {
            let load = Load::against(envoy.listener_address(name).await?).requests(REQUESTS);
            let load = load.concurrency(CONNECTIONS).paths(|number| format!("/item/{number}"));
            upstreams.forget();
            let before = cpu::used(pid)?;
            let run = load.run().await?;
            let used = cpu::used(pid)?.saturating_sub(before);
            anyhow::ensure!(run.successes() == REQUESTS, "{name}: {:?}", run.by_status);
            let seen: u64 = upstreams.counts().values().sum();
            anyhow::ensure!(seen == REQUESTS, "{name}: {REQUESTS} keys made {seen} requests");
            if round > 0 {
                requests_per_second.push(run.requests_per_second());
                cpu_us.push(used.as_secs_f64() * 1e6 / REQUESTS as f64);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(costs.into())
}
