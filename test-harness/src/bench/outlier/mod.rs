//! outlier.wasm against Envoy's own outlier_detection: the same faults of one endpoint of five, what clients see of
//! them, and what judging costs.
//!
//! Every fault runs on a fresh Envoy of either side, in turn. Load is a closed loop of sixteen connections, so a side that
//! leaves requests hanging sends fewer; errors are therefore compared per fault over the same number of requests.

mod cost;
mod faults;
mod sides;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{median, progress};
use crate::envoy::Envoy;
use crate::load::{Load, Report};
use crate::upstream::{Behaviour, Upstreams};
use faults::Fault;
use sides::Side;

const HOSTS: usize = 5;
const CONNECTIONS: usize = 16;
/// Answers that show that an endpoint serves again.
const BACK: u64 = 10;
/// Nobody waits longer for an endpoint to come back.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every fault hits both sides once in each.
    pub rounds: usize,
}

/// What one fault did to one side, once.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    errors: u64,
    bad_requests: u64,
    wrong: u64,
    eject_ms: Option<f64>,
    readmit_ms: Option<f64>,
    p99_ms: f64,
}

/// Measures; returns the report's object.
///
/// # Errors
/// If Envoy does not start or the load cannot be sent.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let bar = progress("faults on either side", (size.rounds * Fault::ALL.len() * 2) as u64);
    let mut seen: Vec<(Fault, Side, Seen)> = Vec::new();
    for round in 0..size.rounds {
        for fault in Fault::ALL {
            let sides = if round % 2 == 0 { [Side::Native, Side::Ours] } else { [Side::Ours, Side::Native] };
            for side in sides {
                let one =
                    run(fault, side).await.with_context(|| format!("{} {}", side.name(), fault.name()))?;
                seen.push((fault, side, one));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let mut report = summary(&seen);
    report.insert("rounds".to_owned(), json!(size.rounds));
    cost::measure(&mut report, size.rounds).await?;
    Ok(Value::Object(report))
}

/// One fault on one side: healthy, bad, and until it serves again.
async fn run(fault: Fault, side: Side) -> anyhow::Result<Seen> {
    let upstreams = Upstreams::start(HOSTS).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(fault.healthy_delay_ms())).await?;
    }
    let envoy = Envoy::start(side.bootstrap(&upstreams.addresses())).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(CONNECTIONS);
    let warm = load.clone().requests(500).run().await?;
    anyhow::ensure!(warm.successes() == 500, "healthy requests failed: {:?}", warm.by_status);
    upstreams.forget();

    let bad = upstreams.first().context("five upstreams")?;
    let begun = Instant::now();
    let ending = AtomicBool::new(false);
    let (report, eject_ms) = tokio::join!(
        async {
            let report = while_bad(fault, &load, bad).await;
            ending.store(true, Ordering::Relaxed);
            report
        },
        first_out(side, &envoy, begun, &ending),
    );
    let (report, eject_ms) = (report?, eject_ms?);
    let bad_requests = bad.count();
    let mut errors = report.requests() - report.successes();
    if fault.lies() {
        errors += bad_requests;
    }

    bad.behave(Behaviour::slow(fault.healthy_delay_ms())).await?;
    bad.forget();
    let recovered = Instant::now();
    while bad.count() < BACK && recovered.elapsed() < PATIENCE {
        let after = load.clone().requests(200).run().await?;
        errors += after.requests() - after.successes();
    }
    let readmit_ms = (bad.count() >= BACK).then(|| recovered.elapsed().as_secs_f64() * 1e3);
    let wrong = side.wrong(&envoy, bad.address()).await?;
    let p99_ms = report.p99().as_secs_f64() * 1e3;
    Ok(Seen { errors, bad_requests, wrong, eject_ms, readmit_ms, p99_ms })
}

/// The load while the endpoint is bad; for the flapping one, until it has stopped flapping.
async fn while_bad(fault: Fault, load: &Load, bad: &crate::upstream::Upstream) -> anyhow::Result<Report> {
    if fault != Fault::Flap {
        fault.begin(bad).await?;
        return load.clone().requests(fault.requests()).run().await;
    }
    let (left, stop) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let counted = Arc::clone(&left);
    let load = load.clone().keys("x-number", move |number| {
        counted.store(number, Ordering::Relaxed);
        number.to_string()
    });
    let (flapped, report) = tokio::join!(
        async {
            let flapped = fault.begin(bad).await;
            stop.store(true, Ordering::Relaxed);
            flapped
        },
        async {
            let mut report = load.clone().requests(200).run().await?;
            while !stop.load(Ordering::Relaxed) {
                report.join(load.clone().requests(200).run().await?);
            }
            anyhow::Ok(report)
        },
    );
    flapped.and(report)
}

/// When the first endpoint was out, in ms since the fault began.
async fn first_out(
    side: Side,
    envoy: &Envoy,
    begun: Instant,
    ending: &AtomicBool,
) -> anyhow::Result<Option<f64>> {
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    loop {
        polls.tick().await;
        if side.out(envoy).await? > 0 {
            return Ok(Some(begun.elapsed().as_secs_f64() * 1e3));
        }
        if ending.load(Ordering::Relaxed) {
            return Ok(None);
        }
    }
}

fn summary(seen: &[(Fault, Side, Seen)]) -> Map<String, Value> {
    let of = |side: Side, fault: Option<Fault>| -> Vec<Seen> {
        let wanted =
            |(one, who, _): &&(Fault, Side, Seen)| *who == side && fault.is_none_or(|fault| fault == *one);
        seen.iter().filter(wanted).map(|(_, _, seen)| *seen).collect()
    };
    let sum = |all: &[Seen], pick: fn(&Seen) -> u64| all.iter().map(pick).sum::<u64>();
    let ratio = |pick: fn(&Seen) -> u64| {
        sum(&of(Side::Ours, None), pick) as f64 / sum(&of(Side::Native, None), pick).max(1) as f64
    };
    let middle = |all: &[Seen], pick: fn(&Seen) -> Option<f64>| {
        let values: Vec<f64> = all.iter().filter_map(pick).collect();
        if values.is_empty() { Value::Null } else { json!(median(&values)) }
    };
    let slow = |side| median(&of(side, Some(Fault::Slow)).iter().map(|one| one.p99_ms).collect::<Vec<_>>());
    let faults: Map<String, Value> = Fault::ALL
        .into_iter()
        .map(|fault| {
            let side = |side: Side| {
                let all = of(side, Some(fault));
                json!({
                    "errors": sum(&all, |one| one.errors),
                    "bad_requests": sum(&all, |one| one.bad_requests),
                    "eject_ms": middle(&all, |one| one.eject_ms),
                    "readmit_ms": middle(&all, |one| one.readmit_ms),
                    "wrong_ejections": sum(&all, |one| one.wrong),
                    "p99_ms": median(&all.iter().map(|one| one.p99_ms).collect::<Vec<_>>()),
                })
            };
            (fault.name().to_owned(), json!({ "native": side(Side::Native), "ours": side(Side::Ours) }))
        })
        .collect();
    let ours = of(Side::Ours, None);
    let native = of(Side::Native, None);
    let mut report = Map::new();
    let mut add = |key: &str, value: Value| report.insert(key.to_owned(), value);
    add("errors_vs_native", json!(ratio(|one| one.errors)));
    add("bad_requests_vs_native", json!(ratio(|one| one.bad_requests)));
    add("eject_ms", middle(&ours, |one| one.eject_ms));
    add("native_eject_ms", middle(&native, |one| one.eject_ms));
    add("readmit_ms", middle(&ours, |one| one.readmit_ms));
    add("native_readmit_ms", middle(&native, |one| one.readmit_ms));
    add("false_ejections", json!(sum(&ours, |one| one.wrong)));
    add("native_false_ejections", json!(sum(&native, |one| one.wrong)));
    add("p99_slow_vs_native", json!(slow(Side::Ours) / slow(Side::Native).max(f64::EPSILON)));
    add("faults", Value::Object(faults));
    report
}
