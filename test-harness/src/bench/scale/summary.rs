//! From what every Envoy showed to the report, and the aims.

use serde_json::{Map, Value, json};

use super::Pair;
use super::observe::Seen;
use crate::bench::aims::{self, Aim};

/// What figures ought to be.
const AIMS: [Aim; 6] = [
    ("idle_cpu_added_percent_200", "<=", 0.5),
    // Four times the clusters.
    ("config_bytes_200_vs_50", "<=", 4.2),
    ("rss_added_mib_200", "<=", 40.0),
    ("rss_added_mib_20x1000", "<=", 120.0),
    ("ready_added_s", "<=", 0.8),
    ("rss_added_mib_16_workers", "<=", 90.0),
];

/// What one Envoy showed.
pub(super) fn one(seen: &Seen) -> Value {
    json!({
        "idle_cpu_percent_before": seen.idle_before_percent,
        "idle_cpu_percent_after": seen.idle_after_percent,
        "config_bytes": seen.config_bytes,
        "rss_mib": seen.rss_mib,
        "ready_s": seen.ready_s,
    })
}

/// One shape with the filters and without, and what they add.
pub(super) fn pair((with, without): &Pair) -> Value {
    let before = with.idle_before_percent - without.idle_before_percent;
    let after = with.idle_after_percent - without.idle_after_percent;
    json!({
        "with": one(with),
        "without": one(without),
        "idle_cpu_added_percent": before.max(after),
        "rss_added_mib": with.rss_mib - without.rss_mib,
        "ready_added_s": with.ready_s - without.ready_s,
    })
}

/// The figures that are asked for by name in front of all others, and whether the aims were reached.
pub(super) fn of(parts: Value) -> Map<String, Value> {
    let figure = |path: &str| parts.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let worst = |key: &str| {
        let all = parts.pointer("/workers").and_then(Value::as_object);
        let values = all.into_iter().flatten().filter_map(|(_, one)| one.get(key)?.as_f64());
        values.fold(f64::NEG_INFINITY, f64::max)
    };
    let idle = figure("/clusters/200x3/with/idle_cpu_percent_before")
        .max(figure("/clusters/200x3/with/idle_cpu_percent_after"));
    let growth =
        figure("/clusters/200x3/with/config_bytes") / figure("/clusters/50x3/with/config_bytes").max(1.0);
    let of_15_workers = |side: &str| {
        figure(&format!("/workers/16/{side}/rss_mib")) - figure(&format!("/workers/1/{side}/rss_mib"))
    };
    let of_15_workers = json!({ "with": of_15_workers("with"), "without": of_15_workers("without") });
    let mut report = Map::new();
    for (key, value) in [
        ("idle_cpu_percent_200", json!(idle)),
        ("idle_cpu_added_percent_200", json!(figure("/clusters/200x3/idle_cpu_added_percent"))),
        ("config_bytes_200", parts.pointer("/clusters/200x3/with/config_bytes").cloned().unwrap_or_default()),
        ("config_bytes_200_vs_50", json!(growth)),
        ("rss_added_mib_200", json!(figure("/clusters/200x3/rss_added_mib"))),
        ("ready_s_200", json!(figure("/clusters/200x3/with/ready_s"))),
        ("rss_added_mib_20x1000", json!(figure("/clusters/20x1000/rss_added_mib"))),
        ("ready_added_s", json!(worst("ready_added_s"))),
        ("rss_added_mib_16_workers", json!(figure("/workers/16/rss_added_mib"))),
        ("rss_mib_of_15_workers", of_15_workers),
    ] {
        report.insert(key.to_owned(), value);
    }
    aims::judge(&mut report, &AIMS);
    if let Value::Object(parts) = parts {
        report.extend(parts);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_the_difference_and_an_aim_is_met_at_its_bound() {
        let with = Seen {
            idle_before_percent: 1.0,
            idle_after_percent: 1.5,
            config_bytes: 400,
            rss_mib: 140.0,
            ready_s: 2.0,
        };
        let without = Seen { idle_before_percent: 0.9, idle_after_percent: 1.0, rss_mib: 100.0, ..with };
        let seen = pair(&(with, without));
        let workers = json!({ "1": { "with": { "rss_mib": 90.0 } }, "16": seen });
        let parts = json!({ "clusters": { "200x3": seen, "50x3": seen }, "workers": workers });
        let report = of(parts);
        assert_eq!(report["idle_cpu_percent_200"], 1.5);
        assert_eq!(report["rss_added_mib_200"], 40.0);
        assert_eq!(report["rss_mib_of_15_workers"], json!({ "with": 50.0, "without": null }));
        let aims = &report["aims"];
        assert_eq!(aims["idle_cpu_added_percent_200"], "met: <= 0.5");
        assert_eq!(aims["rss_added_mib_200"], "met: <= 40");
        assert_eq!(aims["rss_added_mib_20x1000"], "missed: <= 120", "nobody measured it");
    }
}
