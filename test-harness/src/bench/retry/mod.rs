//! retry.wasm's two engines against Envoy's own retry policy: the same faults of four endpoints, what clients see of them,
//! what the endpoints have to bear, and what retries cost while nothing fails.
//!
//! Every script runs on a fresh Envoy of every side, in turn, for the same time. Load is a closed loop of sixteen connections,
//! so a side that answers sooner sends more: requests are reported beside rates. In the outage, where failures come back
//! at different speeds, the load is paced instead (`paced`): attempts per second are then those of the same requests.

mod chart;
mod cost;
mod outage;
mod paced;
mod scripts;
mod sides;
mod summary;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::others::Accounts;
use super::progress;
use crate::envoy::Envoy;
use crate::load::Load;
use crate::upstream::Upstreams;
use outage::Timeline;
use scripts::{Script, healthy};
use sides::{Side, Terms};

const HOSTS: usize = 4;
const CONNECTIONS: usize = 16;
const WARM_UP: u64 = 500;
/// How often an outage is tried on a machine that does not keep the pace.
const TRIES: usize = 3;
/// Envoy's own hedge has no live quantile. It gets what a careful operator would set: this many times the time in which
/// 95 of 100 answers of the healthy endpoints came through the same Envoy.
const PER_TRY_FACTOR: f64 = 3.0;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every script hits every side once in each.
    pub rounds: usize,
}

/// What one script did to one side, once.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    requests: u64,
    failures: u64,
    /// What the endpoints have seen of them.
    attempts: u64,
    p50_ms: f64,
    p99_ms: f64,
    /// Attempts per second in the worst tenth of a second: in the outage, and after it. Other scripts have none.
    peak: Option<f64>,
    peak_after: Option<f64>,
    /// The most attempts in any tenth of a second of the outage, over the requests sent in it.
    peak_vs_load: Option<f64>,
    /// The machine was too busy to keep the outage's pace, however often it was tried.
    disturbed: bool,
}

/// Measures; returns the report's object, and draws the first round's outage as SVG where `plot` says.
///
/// # Errors
/// If Envoy does not start, the load cannot be sent, or the file cannot be written.
pub async fn measure(size: Size, plot: Option<&Path>) -> anyhow::Result<Value> {
    let before = Accounts::now()?;
    let (per_try, version) = calibrate().await?;
    let runs: usize = Script::ALL.iter().map(|script| script.rounds(size.rounds) * Side::ALL.len()).sum();
    let bar = progress("faults on each side", runs as u64);
    let (mut seen, mut drawn) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let mut sides = Side::ALL;
        sides.rotate_left(round % Side::ALL.len());
        for script in Script::ALL.into_iter().filter(|script| round < script.rounds(size.rounds)) {
            for side in sides {
                let one = steadily(script, side, per_try).await;
                let (one, timeline) = one.with_context(|| format!("{} {}", side.name(), script.name()))?;
                seen.push((script, side, one));
                drawn.extend(timeline.filter(|_| round == 0).map(|timeline| (side, timeline)));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    if let Some(path) = plot {
        std::fs::write(path, chart::svg(&drawn)).with_context(|| format!("writing {}", path.display()))?;
    }
    let mut report = summary::of(&seen);
    report.insert("rounds".to_owned(), json!(size.rounds));
    report.insert("envoy_version".to_owned(), version);
    report.insert("native_per_try_timeout_ms".to_owned(), json!(per_try.as_secs_f64() * 1e3));
    cost::measure(&mut report).await?;
    report.insert("cpu_of_others".to_owned(), json!(Accounts::now()?.others_since(before)));
    summary::judge(&mut report);
    Ok(Value::Object(report))
}

/// The per-try timeout of Envoy's own hedge, and Envoy's version.
async fn calibrate() -> anyhow::Result<(Duration, Value)> {
    let upstreams = Upstreams::start(HOSTS).await?;
    healthy(&upstreams).await?;
    let envoy = Envoy::start(Side::Native.bootstrap(&upstreams, Terms::default())).await?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(CONNECTIONS);
    load.clone().requests(WARM_UP).run().await?;
    let p95 = load.requests(4 * WARM_UP).run().await?.percentile(95.0);
    let millis = (p95.as_secs_f64() * 1e3 * PER_TRY_FACTOR).ceil();
    Ok((Duration::from_secs_f64(millis / 1e3), info.get("version").cloned().unwrap_or_default()))
}

/// One script on one side, again if the machine disturbed it.
async fn steadily(script: Script, side: Side, per_try: Duration) -> anyhow::Result<(Seen, Option<Timeline>)> {
    for _ in 1..TRIES {
        let one = run(script, side, per_try).await?;
        if !one.0.disturbed {
            return Ok(one);
        }
    }
    run(script, side, per_try).await
}

/// One script on one side.
async fn run(script: Script, side: Side, per_try: Duration) -> anyhow::Result<(Seen, Option<Timeline>)> {
    let started = std::time::Instant::now();
    let upstreams = Upstreams::start(HOSTS).await?;
    healthy(&upstreams).await?;
    let envoy = Envoy::start(side.bootstrap(&upstreams, script.terms(per_try))).await?;
    let address = envoy.listener_address("ingress").await?;
    if script == Script::Outage {
        let (seen, timeline) = outage::run(address, &upstreams, started).await?;
        return Ok((seen, Some(timeline)));
    }
    let load = Load::against(address).concurrency(CONNECTIONS);
    let warm = load.clone().requests(WARM_UP).run().await?;
    anyhow::ensure!(warm.failures() == 0, "healthy requests failed: {:?}", warm.by_status);
    script.hit(&upstreams).await?;
    upstreams.forget();
    let report = load.lasting(script.lasts()).run().await?;
    let seen = Seen {
        requests: report.requests(),
        failures: report.failures(),
        attempts: upstreams.counts().values().sum(),
        p50_ms: report.p50().as_secs_f64() * 1e3,
        p99_ms: report.p99().as_secs_f64() * 1e3,
        ..Seen::default()
    };
    Ok((seen, None))
}
