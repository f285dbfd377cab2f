//! From what every run saw to the report: shares of sums, medians of times and peaks; of our two engines the worse one counts.

use serde_json::{Map, Value, json};

use super::Seen;
use super::scripts::Script;
use super::sides::Side;
use crate::bench::aims::{self, Aim};
use crate::bench::median;

type All = [(Script, Side, Seen)];

/// What each figure ought to be, and whether that is a least or a most.
const AIMS: [Aim; 8] = [
    ("success_rate", ">=", 0.9999),
    ("amplification", "<=", 1.30),
    ("outage_peak_vs_native", "<=", 1.0),
    ("outage_peak_vs_load", "<=", 1.4),
    ("outage_peak_vs_load_router", "<=", 1.7),
    ("p99_hedged_vs_native", "<=", 0.5),
    ("host_calls_per_request", "<=", 2.0),
    ("host_calls_per_request_router", "<=", 3.0),
];

/// One side under one script, over all rounds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    requests: u64,
    success_rate: f64,
    attempts_per_request: f64,
    p50_ms: f64,
    p99_ms: f64,
    peak: Option<f64>,
    peak_after: Option<f64>,
    peak_vs_load: Option<f64>,
    disturbed: u64,
}

/// The value that this share of the sorted ones does not exceed, by nearest rank; 0 without values.
pub(super) fn rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// `per` of nothing is nothing.
fn per(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

fn figures(all: &All, script: Script, side: Side) -> Figures {
    let wanted = all.iter().filter(|(one, who, _)| (*one, *who) == (script, side));
    let all: Vec<Seen> = wanted.map(|(_, _, seen)| *seen).collect();
    let sum = |count: fn(&Seen) -> u64| all.iter().map(count).sum::<u64>();
    let middle = |time: fn(&Seen) -> f64| median(&all.iter().map(time).collect::<Vec<_>>());
    let peak = |peak: fn(&Seen) -> Option<f64>| {
        let peaks: Vec<f64> = all.iter().filter_map(peak).collect();
        (!peaks.is_empty()).then(|| median(&peaks))
    };
    let requests = sum(|one| one.requests);
    Figures {
        requests,
        success_rate: 1.0 - per(sum(|one| one.failures), requests),
        attempts_per_request: per(sum(|one| one.attempts), requests),
        p50_ms: middle(|one| one.p50_ms),
        p99_ms: middle(|one| one.p99_ms),
        peak: peak(|one| one.peak),
        peak_after: peak(|one| one.peak_after),
        peak_vs_load: peak(|one| one.peak_vs_load),
        disturbed: sum(|one| one.disturbed.into()),
    }
}

impl Figures {
    fn object(&self) -> Value {
        let mut object = json!({
            "requests": self.requests,
            "success_rate": self.success_rate,
            "attempts_per_request": self.attempts_per_request,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
        });
        let peaks = [
            ("peak_per_second", self.peak),
            ("peak_per_second_after", self.peak_after),
            ("peak_vs_load", self.peak_vs_load),
            ("disturbed_runs", self.peak.map(|_| self.disturbed as f64)),
        ];
        for (key, peak) in peaks {
            if let (Some(peak), Some(object)) = (peak, object.as_object_mut()) {
                object.insert(key.to_owned(), json!(peak));
            }
        }
        object
    }
}

/// The report, without what is measured apart.
pub(super) fn of(all: &All) -> Map<String, Value> {
    let of = |script, side| figures(all, script, side);
    let engines = |script| [Side::Router, Side::Filter].map(|side| of(script, side));
    let worst = |script, figure: fn(&Figures) -> f64| engines(script).iter().map(figure).fold(0.0, f64::max);
    let against = |ours: f64, native: f64| ours / native.max(f64::EPSILON);
    let failed = worst(Script::OneOfFour, |one| 1.0 - one.success_rate);
    let peak = |one: &Figures| one.peak.unwrap_or_default();
    let scripts = Script::ALL.into_iter().map(|script| {
        let sides = Side::ALL.into_iter().map(|side| (side.name().to_owned(), of(script, side).object()));
        (script.name().to_owned(), Value::Object(sides.collect()))
    });
    let (outage, slow) = (Script::Outage, Script::Slow);
    let vs_load = |side| json!(of(outage, side).peak_vs_load);
    [
        ("success_rate", json!(1.0 - failed)),
        ("amplification", json!(worst(Script::OneOfFour, |one| one.attempts_per_request))),
        ("outage_peak_vs_native", json!(against(worst(outage, peak), peak(&of(outage, Side::Native))))),
        ("outage_peak_vs_load", vs_load(Side::Filter)),
        ("outage_peak_vs_load_router", vs_load(Side::Router)),
        (
            "p99_hedged_vs_native",
            json!(against(of(slow, Side::Filter).p99_ms, of(slow, Side::Native).p99_ms)),
        ),
        ("scripts", Value::Object(scripts.collect())),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}

/// Adds `aims`: of every figure that has one, whether it was reached.
pub(super) fn judge(report: &mut Map<String, Value>) {
    aims::judge(report, &AIMS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(requests: u64, failures: u64, attempts: u64, p99_ms: f64, peak: Option<f64>) -> Seen {
        let peak_vs_load = peak.map(|peak| peak / 100.0);
        let (p50_ms, peak_after, disturbed) = (1.0, peak, false);
        Seen { requests, failures, attempts, p50_ms, p99_ms, peak, peak_after, peak_vs_load, disturbed }
    }

    fn runs() -> Vec<(Script, Side, Seen)> {
        vec![
            (Script::OneOfFour, Side::Router, seen(100, 2, 130, 9.0, None)),
            (Script::OneOfFour, Side::Filter, seen(100, 0, 110, 9.0, None)),
            (Script::OneOfFour, Side::Filter, seen(300, 4, 330, 9.0, None)),
            (Script::Outage, Side::Native, seen(10, 10, 30, 9.0, Some(200.0))),
            (Script::Outage, Side::Router, seen(10, 10, 30, 9.0, Some(100.0))),
            (Script::Outage, Side::Filter, seen(10, 10, 30, 9.0, Some(300.0))),
            (Script::Slow, Side::Native, seen(10, 0, 10, 80.0, None)),
            (Script::Slow, Side::Router, seen(10, 0, 10, 160.0, None)),
            (Script::Slow, Side::Filter, seen(10, 0, 10, 20.0, None)),
        ]
    }

    #[test]
    fn the_worse_engine_counts_and_hedges_are_the_filters() {
        let report = of(&runs());
        let figure = |key: &str| report.get(key).and_then(Value::as_f64);
        assert_eq!(figure("success_rate"), Some(0.98));
        assert_eq!(figure("amplification"), Some(1.3));
        assert_eq!(figure("outage_peak_vs_native"), Some(1.5));
        assert_eq!(
            [figure("outage_peak_vs_load"), figure("outage_peak_vs_load_router")],
            [Some(3.0), Some(1.0)]
        );
        assert_eq!(figure("p99_hedged_vs_native"), Some(0.25));
    }

    #[test]
    fn rounds_are_summed_and_only_an_outage_has_peaks() {
        let report = Value::Object(of(&runs()));
        let filter = &report["scripts"]["one_of_four_fails"]["filter"];
        assert_eq!((&filter["requests"], &filter["success_rate"]), (&json!(400), &json!(0.99)));
        assert_eq!(filter.get("peak_per_second"), None);
        assert_eq!(report["scripts"]["outage"]["filter"]["peak_per_second_after"], json!(300.0));
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_not_beyond() {
        let mut report = of(&runs());
        judge(&mut report);
        let aims = &report["aims"];
        assert_eq!(aims["amplification"], "met: <= 1.3");
        assert_eq!(aims["success_rate"], "missed: >= 0.9999");
        assert_eq!(aims.get("host_calls_per_request"), None, "it was not measured");
    }

    #[test]
    fn a_rank_is_the_nearest() {
        assert_eq!([rank(&[], 0.5), rank(&[1.0, 2.0, 3.0], 0.5), rank(&[1.0, 2.0], 0.99)], [0.0, 2.0, 2.0]);
    }
}
