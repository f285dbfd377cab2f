//! From what every run saw to the report: sums of counts, medians of times.
//!
//! Invariant: a fault that never got the endpoint ejected has no times, and `ejected` says how often that was.

use serde_json::{Map, Value, json};

use super::Seen;
use super::faults::Fault;
use super::sides::Side;
use crate::bench::median;

type All = [(Fault, Side, Seen)];

fn pick(all: &All, side: Side, fault: Option<Fault>) -> Vec<Seen> {
    let wanted =
        |(one, who, _): &&(Fault, Side, Seen)| *who == side && fault.is_none_or(|fault| fault == *one);
    all.iter().filter(wanted).map(|(_, _, seen)| *seen).collect()
}

fn middle(all: &[Seen], time: fn(&Seen) -> Option<f64>) -> Value {
    let values: Vec<f64> = all.iter().filter_map(time).collect();
    if values.is_empty() { Value::Null } else { json!(median(&values)) }
}

fn sum(all: &[Seen], count: fn(&Seen) -> u64) -> u64 {
    all.iter().map(count).sum()
}

fn figures(all: &[Seen]) -> [(&'static str, Value); 8] {
    [
        ("requests", json!(sum(all, |one| one.requests))),
        ("errors", json!(sum(all, |one| one.errors))),
        ("bad_requests", json!(sum(all, |one| one.bad_requests))),
        ("ejected", json!(sum(all, |one| u64::from(one.eject_ms.is_some())))),
        ("false_ejections", json!(sum(all, |one| one.wrong))),
        ("eject_ms", middle(all, |one| one.eject_ms)),
        ("readmit_ms", middle(all, |one| one.readmit_ms)),
        ("p99_ms", middle(all, |one| Some(one.p99_ms))),
    ]
}

fn one_fault(all: &All, fault: Fault) -> Value {
    let sides = [Side::Ours, Side::Native, Side::WithRetries];
    let [ours, native, retry_wasm] = sides.map(|side| figures(&pick(all, side, Some(fault))));
    let all = ours.into_iter().zip(native).zip(retry_wasm);
    all.map(|(((key, ours), (_, native)), (_, retry_wasm))| {
        (key.to_owned(), json!({ "ours": ours, "native": native, "retry_wasm": retry_wasm }))
    })
    .collect()
}

pub(super) fn of(all: &All) -> Map<String, Value> {
    let [ours, native, with_retries] =
        [Side::Ours, Side::Native, Side::WithRetries].map(|side| pick(all, side, None));
    let to_native =
        |side: &[Seen], count: fn(&Seen) -> u64| sum(side, count) as f64 / sum(&native, count).max(1) as f64;
    let ratio = |count: fn(&Seen) -> u64| to_native(&ours, count);
    let p99 =
        |side| median(&pick(all, side, Some(Fault::Slow)).iter().map(|one| one.p99_ms).collect::<Vec<_>>());
    let mut report = Map::new();
    let mut add = |key: String, value: Value| report.insert(key, value);
    add("errors_vs_native".to_owned(), json!(ratio(|one| one.errors)));
    add("errors_vs_native_retry_wasm".to_owned(), json!(to_native(&with_retries, |one| one.errors)));
    add("bad_requests_vs_native".to_owned(), json!(ratio(|one| one.bad_requests)));
    add("faults_per_side".to_owned(), json!(ours.len()));
    add("p99_slow_vs_native".to_owned(), json!(p99(Side::Ours) / p99(Side::Native).max(f64::EPSILON)));
    for (key, value) in figures(&ours).into_iter().filter(|(key, _)| *key != "p99_ms") {
        add(key.to_owned(), value);
    }
    for (key, value) in figures(&native).into_iter().filter(|(key, _)| *key != "p99_ms") {
        add(format!("native_{key}"), value);
    }
    for (key, value) in figures(&with_retries).into_iter().filter(|(key, _)| *key != "p99_ms") {
        add(format!("retry_wasm_{key}"), value);
    }
    let faults = Fault::ALL.into_iter().map(|fault| (fault.name().to_owned(), one_fault(all, fault)));
    add("faults".to_owned(), Value::Object(faults.collect()));
    report
}
