//! From what every variant showed to the report, and the aims.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::run::Figures;
use super::variants::Variant;
use crate::bench::aims::{self, Aim};

/// What each figure ought to be, and whether that is a least or a most.
const AIMS: [Aim; 5] = [
    ("chain_vs_separate", ">=", 1.35),
    ("chain_vs_noops", ">=", 0.95),
    ("chain_vs_plain", ">=", 0.72),
    ("crossings_per_request", "<=", 24.0),
    ("wasm_bytes", "<=", 1_048_576.0),
];
/// What the chain is compared with.
const OTHERS: [(&str, Variant); 10] = [
    ("chain_vs_plain", Variant::NoFilter),
    ("chain_vs_separate", Variant::Separate),
    ("chain_vs_noops", Variant::Noops),
    ("chain_vs_steered_noops", Variant::SteeredNoops),
    ("chain_vs_native", Variant::Native),
    ("chain_vs_noop", Variant::Noop),
    ("chain_vs_lua", Variant::Lua),
    ("chain_vs_engine_filter", Variant::ChainFilter),
    ("chain_vs_coalesce", Variant::ChainCoalesce),
    ("chain_vs_log_decisions", Variant::ChainLogDecisions),
];

/// How many requests the worker serves through the chain while it serves one through another variant; more is better.
pub(super) fn ratios(figures: &BTreeMap<Variant, Figures>) -> Map<String, Value> {
    let of = |variant, pick: fn(&Figures) -> f64| figures.get(&variant).map_or(f64::NAN, pick);
    let mut report = Map::new();
    for (key, other) in OTHERS {
        let cpu = of(other, Figures::cpu_us) / of(Variant::Chain, Figures::cpu_us);
        let wall = of(Variant::Chain, Figures::per_second) / of(other, Figures::per_second);
        report.insert(key.to_owned(), json!(cpu));
        report.insert(format!("{key}_wall"), json!(wall));
    }
    let named = |pick: fn(&Figures) -> f64| -> Value {
        figures.iter().map(|(variant, figures)| (variant.name().to_owned(), json!(pick(figures)))).collect()
    };
    report.insert("requests_per_second".to_owned(), named(Figures::per_second));
    report.insert("worker_cpu_us_per_request".to_owned(), named(Figures::cpu_us));
    report
}

/// Adds `aims`: of every figure that has one, whether it was reached.
pub(super) fn judge(report: &mut Map<String, Value>) {
    aims::judge(report, &AIMS);
}
