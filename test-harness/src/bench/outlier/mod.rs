//! outlier.wasm against Envoy's own outlier_detection: the same faults of one endpoint of five, what clients see of
//! them, and what judging costs.
//!
//! Both sides have the same retries, Envoy's own; a third is ours with retry.wasm. Every fault runs on a fresh Envoy of each, in turn, for the same time. Load is a closed loop of sixteen
//! connections, so a side that leaves requests hanging sends fewer: requests are reported beside errors.

mod cost;
mod faults;
mod sides;
mod summary;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{aims, progress};
use crate::envoy::Envoy;
use crate::load::Load;
use crate::upstream::{Upstream, Upstreams};
use faults::{BAD, Fault};
use sides::Side;

const HOSTS: usize = 5;
const CONNECTIONS: usize = 16;
/// Answers, while it does not count as ejected, that show that an endpoint serves again. Envoy's workers may send to an
/// endpoint that has just been ejected again, since it merges changes of hosts (update_merge_window, 1 s).
const BACK: u64 = 10;
/// Nobody waits longer for an endpoint to come back.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every fault hits each side once in each.
    pub rounds: usize,
}

/// What one fault did to one side, once.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// While it was bad.
    requests: u64,
    errors: u64,
    bad_requests: u64,
    wrong: u64,
    /// None: it was never ejected.
    eject_ms: Option<f64>,
    /// None: it was never ejected, or did not come back.
    readmit_ms: Option<f64>,
    p99_ms: f64,
}

/// Measures; returns the report's object.
///
/// # Errors
/// If Envoy does not start or the load cannot be sent.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let bar = progress("faults on each side", (size.rounds * Fault::ALL.len() * 3) as u64);
    let mut seen: Vec<(Fault, Side, Seen)> = Vec::new();
    let mut version = Value::Null;
    for round in 0..size.rounds {
        for fault in Fault::ALL {
            let mut sides = [Side::Native, Side::Ours, Side::WithRetries];
            sides.rotate_left(round % 3);
            for side in sides {
                let one = run(fault, side, &mut version).await;
                seen.push((fault, side, one.with_context(|| format!("{} {}", side.name(), fault.name()))?));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let mut report = summary::of(&seen);
    report.insert("rounds".to_owned(), json!(size.rounds));
    report.insert("retries_of_ours_and_native".to_owned(), sides::native_retries());
    report.insert("retries_of_retry_wasm".to_owned(), sides::own_retries());
    report.insert("envoy_version".to_owned(), version);
    cost::measure(&mut report, size.rounds).await?;
    aims::judge(&mut report, &[("errors_vs_native", "<=", 0.5), ("false_ejections", "<=", 0.0)]);
    Ok(Value::Object(report))
}

/// One fault on one side: healthy, bad, and until it serves again.
async fn run(fault: Fault, side: Side, version: &mut Value) -> anyhow::Result<Seen> {
    let upstreams = Upstreams::start(HOSTS).await?;
    for upstream in upstreams.iter() {
        upstream.behave(fault.healthy()).await?;
    }
    let envoy = Envoy::start(side.bootstrap(&upstreams.addresses())).await?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    *version = info.get("version").cloned().unwrap_or_default();
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(CONNECTIONS);
    let load = load.header("content-type", fault.content_type());
    let warm = load.clone().requests(500).run().await?;
    anyhow::ensure!(warm.failures() == 0, "healthy requests failed: {:?}", warm.by_status);
    upstreams.forget();
    let bad = upstreams.first().context("five upstreams")?;
    let (ending, out) = (AtomicBool::new(false), AtomicBool::new(false));
    let (seen, watched) = tokio::join!(
        async {
            let seen = suffer(fault, &load, bad, &out).await;
            ending.store(true, Ordering::Relaxed);
            seen
        },
        watch(side, &envoy, bad, &ending, &out),
    );
    let (mut seen, (eject_ms, wrong)) = (seen?, watched?);
    seen.eject_ms = eject_ms;
    seen.readmit_ms = seen.readmit_ms.filter(|_| eject_ms.is_some());
    seen.wrong = side.wrong(&envoy, bad.address(), wrong);
    Ok(seen)
}

/// The load while the endpoint is bad, and until it serves again.
async fn suffer(fault: Fault, load: &Load, bad: &Upstream, out: &AtomicBool) -> anyhow::Result<Seen> {
    let phase = async { load.clone().lasting(BAD).run().await };
    let recover = async {
        fault.hit(bad).await?;
        let bad_requests = bad.count();
        bad.behave(fault.healthy()).await?;
        bad.forget();
        anyhow::Ok((bad_requests, Instant::now()))
    };
    let (report, recovered) = tokio::join!(phase, recover);
    let (report, (bad_requests, recovered)) = (report?, recovered?);
    let (mut errors, requests) = (report.failures(), report.requests());
    let back = || bad.count() >= BACK && !out.load(Ordering::Relaxed);
    while !back() && recovered.elapsed() < PATIENCE {
        let after = load.clone().requests(100).run().await?;
        errors += after.failures();
    }
    let readmit_ms = back().then(|| recovered.elapsed().as_secs_f64() * 1e3);
    let p99_ms = report.p99().as_secs_f64() * 1e3;
    Ok(Seen { requests, errors, bad_requests, readmit_ms, p99_ms, ..Seen::default() })
}

/// When the bad endpoint was first seen ejected, in ms since the fault began, and how often others were.
async fn watch(
    side: Side,
    envoy: &Envoy,
    bad: &Upstream,
    ending: &AtomicBool,
    is_ejected: &AtomicBool,
) -> anyhow::Result<(Option<f64>, u64)> {
    let (begun, address) = (Instant::now(), bad.address().to_string());
    let mut polls = tokio::time::interval(POLL);
    polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut first, mut others, mut before) = (None, 0, BTreeSet::new());
    while !ending.load(Ordering::Relaxed) {
        polls.tick().await;
        let ejected = side.ejected(envoy).await?;
        is_ejected.store(ejected.contains(&address), Ordering::Relaxed);
        if ejected.contains(&address) && first.is_none() {
            first = Some(begun.elapsed().as_secs_f64() * 1e3);
        }
        others += ejected.difference(&before).filter(|one| **one != address).count() as u64;
        before = ejected;
    }
    Ok((first, others))
}
