//! What requests cost through several listeners of one Envoy, beside each other: throughput, and Envoy's CPU time.

use serde_json::{Value, json};

use super::{cpu, median, progress};
use crate::envoy::{Bootstrap, Envoy};
use crate::load::Load;
use crate::upstream::Upstreams;

const REQUESTS: u64 = 4_000;
const ROUNDS: usize = 9;
const CONNECTIONS: usize = 16;

/// What requests through one listener cost, round by round.
pub(super) struct Costs {
    name: &'static str,
    requests_per_second: Vec<f64>,
    /// Envoy's alone: load and upstream run in this process.
    cpu_us: Vec<f64>,
}

impl Costs {
    /// Requests per second.
    pub(super) fn speed(&self) -> f64 {
        median(&self.requests_per_second)
    }

    /// Microseconds of CPU time per request.
    pub(super) fn cpu(&self) -> f64 {
        median(&self.cpu_us)
    }
}

/// The least that a figure of the other listeners is of that of the listener `base`.
pub(super) fn least_of(costs: &[Costs], base: &str, of: fn(&Costs) -> f64) -> f64 {
    let others = costs.iter().filter(|cost| cost.name != base);
    others.map(|cost| ratio(costs, (cost.name, base), of)).fold(f64::INFINITY, f64::min)
}

/// What a figure of one listener is of that of another.
pub(super) fn ratio(costs: &[Costs], (one, base): (&str, &str), of: fn(&Costs) -> f64) -> f64 {
    let figure = |name: &str| costs.iter().find(|cost| cost.name == name).map_or(f64::NAN, of);
    figure(one) / figure(base)
}

/// A figure of every listener, by its name.
pub(super) fn by_name(costs: &[Costs], of: fn(&Costs) -> f64) -> Value {
    costs.iter().map(|cost| (cost.name.to_owned(), json!(of(cost)))).collect()
}

/// Those of each of the listeners, in rounds whose order rotates. Every request has a path of its own, and must reach an
/// upstream.
pub(super) async fn costs(
    bootstrap: Bootstrap,
    listeners: &[&'static str],
    upstreams: &Upstreams,
) -> anyhow::Result<Vec<Costs>> {
    let envoy = Envoy::start(bootstrap.concurrency(2).component_log_level("wasm:warn")).await?;
    let pid = cpu::envoy_pid()?;
    let new = |name: &&'static str| Costs { name, requests_per_second: Vec::new(), cpu_us: Vec::new() };
    let mut costs: Vec<_> = listeners.iter().map(new).collect();
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
            anyhow::ensure!(seen == REQUESTS, "{name}: {REQUESTS} paths made {seen} requests");
            if round > 0 {
                requests_per_second.push(run.requests_per_second());
                cpu_us.push(used.as_secs_f64() * 1e6 / REQUESTS as f64);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(costs)
}
