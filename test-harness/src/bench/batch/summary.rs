//! From runs to the report.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Crowd;
use super::load::Run;
use super::sides::{Side, TARGET_MS};
use crate::bench::aims::{self, Aim};
use crate::bench::median;

type Report = Map<String, Value>;

/// The side whose figures have no name in their keys: the default policy; of adaptive ones the default estimator.
const DEFAULT: Side = Side::WhileBusy;
const ADAPTIVE: Side = Side::LeastSquares;

/// What each figure ought to be, and whether that is a least or a most.
const AIMS: [Aim; 5] = [
    ("throughput_gain", ">=", 18.0),
    ("p95_vs_unbatched", "<=", 0.3),
    ("low_load_added_ms", "<=", 0.5),
    ("wrong_answers", "<=", 0.0),
    ("vs_noop_pass_through", ">=", 0.85),
];

/// What 64 clients saw. The gain is that of the default policy; wrong answers are those of all.
pub(super) fn crowds(report: &mut Report, crowds: &BTreeMap<Side, Crowd>) {
    let figure = |side, of: fn(&Run) -> f64| crowds.get(&side).map_or(f64::NAN, |crowd| of(&crowd.run));
    let p95 = |run: &Run| run.percentile(0.95);
    let ratio = |side, of: fn(&Run) -> f64| figure(side, of) / figure(Side::Unbatched, of);
    for (key, of) in [("throughput_gain", Run::per_second as fn(&Run) -> f64), ("p95_vs_unbatched", p95)] {
        report.insert(key.to_owned(), json!(ratio(DEFAULT, of)));
    }
    let sizes =
        |side| crowds.get(&side).map_or(f64::NAN, |crowd| crowd.items as f64 / crowd.calls.max(1) as f64);
    report.insert("mean_batch_size".to_owned(), json!(sizes(DEFAULT)));
    let sides = crowds.keys().map(|side| {
        let figures = json!({
            "per_second": figure(*side, Run::per_second),
            "p50_ms": figure(*side, |run| run.percentile(0.5)),
            "p95_ms": figure(*side, p95),
            "mean_batch_size": sizes(*side),
            "throughput_gain": ratio(*side, Run::per_second),
            "p95_vs_unbatched": ratio(*side, p95),
        });
        (side.name().to_owned(), figures)
    });
    report.insert("crowd".to_owned(), sides.collect());
    add_wrong(report, crowds.values().map(|crowd| crowd.run.wrong).sum());
}

/// What each side added for one client: the median of the differences of neighbours.
pub(super) fn singles(report: &mut Report, turns: &[BTreeMap<Side, f64>]) {
    let added = |side: Side| {
        let pairs = turns.iter().filter_map(|turn| Some(turn.get(&side)? - turn.get(&Side::Unbatched)?));
        median(&pairs.collect::<Vec<_>>())
    };
    report.insert("low_load_added_ms".to_owned(), json!(added(DEFAULT)));
    let sides = Side::ALL.into_iter().filter(|side| *side != Side::Unbatched);
    let all = sides.map(|side| (side.name().to_owned(), json!(added(side)))).collect();
    report.insert("low_load_added".to_owned(), Value::Object(all));
}

/// How many answers came too late while the rate tripled.
pub(super) fn tripled(report: &mut Report, runs: &BTreeMap<Side, Run>) {
    let limit = TARGET_MS as f64;
    let late = |run: &Run| run.late(limit);
    let share = |run: &Run| late(run) as f64 / (run.took_ms.len() as u64 + run.wrong).max(1) as f64;
    let adaptive = runs.get(&ADAPTIVE);
    report.insert("slo_ms".to_owned(), json!(TARGET_MS));
    report.insert("slo_violations".to_owned(), json!(adaptive.map(late)));
    report.insert("slo_violation_share".to_owned(), json!(adaptive.map(share)));
    let sides = runs.iter().map(|(side, run)| {
        let figures = json!({
            "violations": late(run),
            "share": share(run),
            "requests": run.took_ms.len() as u64 + run.wrong,
            "p50_ms": run.percentile(0.5),
            "p95_ms": run.percentile(0.95),
            "p99_ms": run.percentile(0.99),
            "worst_ms": run.percentile(1.0),
        });
        (side.name().to_owned(), figures)
    });
    report.insert("tripled".to_owned(), sides.collect());
    add_wrong(report, runs.values().map(|run| run.wrong).sum());
}

fn add_wrong(report: &mut Report, wrong: u64) {
    let before = report.get("wrong_answers").and_then(Value::as_u64).unwrap_or_default();
    report.insert("wrong_answers".to_owned(), json!(before + wrong));
}

/// Adds `aims`: of every figure that has one, whether it was reached.
pub(super) fn judge(report: &mut Report) {
    aims::judge(report, &AIMS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn run(took_ms: &[f64], wrong: u64, seconds: u64) -> Run {
        Run { took_ms: took_ms.to_vec(), wrong, lasted: Duration::from_secs(seconds) }
    }

    #[test]
    fn gains_are_of_the_default_policy_and_wrong_answers_of_all() {
        let crowd = |took: &[f64], wrong, calls, items| Crowd { run: run(took, wrong, 1), calls, items };
        let all = BTreeMap::from([
            (Side::Unbatched, crowd(&[100.0, 100.0], 0, 2, 2)),
            (Side::WhileBusy, crowd(&[10.0; 40], 1, 8, 40)),
            (Side::FixedDelay, crowd(&[30.0; 10], 1, 5, 10)),
        ]);
        let mut report = Report::new();
        crowds(&mut report, &all);
        tripled(&mut report, &BTreeMap::from([(Side::LeastSquares, run(&[50.0, 50.1, 3.0], 1, 1))]));
        judge(&mut report);
        let figure = |key: &str| report.get(key).and_then(Value::as_f64).unwrap();
        assert_eq!((figure("throughput_gain"), figure("p95_vs_unbatched")), (20.0, 0.1));
        assert_eq!((figure("mean_batch_size"), figure("wrong_answers")), (5.0, 3.0));
        assert_eq!((figure("slo_violations"), figure("slo_violation_share")), (2.0, 0.5));
        assert_eq!(report["crowd"]["fixed_delay"]["throughput_gain"], 5.0);
        assert_eq!(report["aims"]["throughput_gain"], "met: >= 18");
        assert_eq!(report["aims"]["wrong_answers"], "missed: <= 0");
        assert_eq!(report["aims"].get("low_load_added_ms"), None, "it was not measured");
    }

    #[test]
    fn what_is_added_is_the_middle_of_the_differences_of_neighbours() {
        let turn = |unbatched, busy| BTreeMap::from([(Side::Unbatched, unbatched), (Side::WhileBusy, busy)]);
        let mut report = Report::new();
        singles(&mut report, &[turn(10.0, 10.5), turn(90.0, 90.25), turn(10.0, 90.0)]);
        assert_eq!(report["low_load_added_ms"], 0.5);
    }
}
