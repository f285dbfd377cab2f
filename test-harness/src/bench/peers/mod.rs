//! switchyard.wasm and outlier.wasm, Envoy's own policies, nginx and HAProxy: the same client, endpoints and faults, for what all four do.
//!
//! Consistent hashing while an endpoint dies and comes back, ejection by what requests show, retries, and what it costs while nothing fails. Every run of a fault has a server of its own,
//! started for it, and sides have their turns, in an order that rotates; the load is paced, so counts are of the same requests. Before anything is measured, each side has to show that it does what is
//! compared. Invariant: ratios are of one run. Trade-off: four products do not have the same settings; `job` has what is asked of all, and each one's module what it has instead.

mod behind;
mod check;
mod ejection;
mod envoys;
mod haproxy;
mod hashing;
mod job;
mod nginx;
mod pace;
mod rate;
mod retries;
mod sides;

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::others::Accounts;
use super::progress;
use ejection::Fault;
use retries::Script;
use sides::Side;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every fault hits each side once in each.
    pub rounds: usize,
}

/// Rounds while nothing fails, for each of those with faults, and one more.
const MORE_ROUNDS: usize = 2;

/// Measures; returns the report's object.
///
/// # Errors
/// If a server does not start, or does not do what is compared.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let before = Accounts::now()?;
    let bar = progress("whether each does what is compared", Side::ALL.len() as u64);
    for side in Side::ALL {
        check::all(side).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut report = faults(size.rounds).await?;
    // Last, since it moves this process to other cores.
    rate::measure(&mut report, size.rounds * MORE_ROUNDS + 1).await?;
    behind::add(&mut report);
    report.insert("rounds".to_owned(), json!(size.rounds));
    report.insert("cpu_of_others".to_owned(), json!(Accounts::now()?.others_since(before)));
    Ok(Value::Object(report))
}

/// All runs of all faults.
async fn faults(rounds: usize) -> anyhow::Result<Map<String, Value>> {
    let mut hashed: BTreeMap<Side, Vec<hashing::Seen>> = BTreeMap::new();
    let mut ejected: BTreeMap<(Fault, Side), Vec<ejection::Seen>> = BTreeMap::new();
    let mut retried: BTreeMap<(Script, Side), Vec<retries::Seen>> = BTreeMap::new();
    let runs = 1 + Fault::ALL.len() + Script::ALL.len();
    let bar = progress("faults on each side", (rounds * runs * Side::ALL.len()) as u64);
    for round in 0..rounds {
        for side in Side::in_turn(round) {
            let seen = hashing::whole(side).await;
            hashed.entry(side).or_default().push(seen.with_context(|| format!("{} hashing", side.name()))?);
            bar.inc(1);
        }
        for (fault, side) in all(Fault::ALL, round) {
            let seen = ejection::run(side, fault).await;
            let seen = seen.with_context(|| format!("{} {}", side.name(), fault.name()))?;
            ejected.entry((fault, side)).or_default().push(seen);
            bar.inc(1);
        }
        for (script, side) in all(Script::ALL, round) {
            let seen = retries::run(side, script).await;
            let seen = seen.with_context(|| format!("{} {}", side.name(), script.name()))?;
            retried.entry((script, side)).or_default().push(seen);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let hashed = hashed.iter().map(|(side, runs)| (side.name().to_owned(), hashing::figures(runs)));
    let ejected = ejected.iter().map(|((fault, side), runs)| (fault.name(), *side, ejection::figures(runs)));
    let retried = retried.iter().map(|((script, side), runs)| (script.name(), *side, retries::figures(runs)));
    Ok([
        ("hashing".to_owned(), Value::Object(hashed.collect())),
        ("ejection".to_owned(), grouped(ejected)),
        ("retries".to_owned(), grouped(retried)),
    ]
    .into_iter()
    .collect())
}

/// Every one of these on every side.
fn all<T: Copy>(of: impl IntoIterator<Item = T>, round: usize) -> impl Iterator<Item = (T, Side)> {
    of.into_iter().flat_map(move |one| Side::in_turn(round).map(|side| (one, side)))
}

/// `{fault: {side: figures}}`.
fn grouped(all: impl Iterator<Item = (&'static str, Side, Value)>) -> Value {
    let mut groups: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (fault, side, figures) in all {
        groups.entry(fault).or_default().insert(side.name().to_owned(), figures);
    }
    json!(groups)
}
