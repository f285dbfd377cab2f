//! Where others are better than we are, by figures of one run: a report that has to be searched for it would hide it.
//!
//! Trade-off: a twentieth, or one in counts of few, is noise and counts for nothing.

use serde_json::{Map, Value, json};

use super::sides::Side;

/// What is noise.
const NOISE: f64 = 0.05;

/// Figures of which less is better, and those of which more is.
const LESS: [&str; 8] =
    ["errors", "keys_moved", "home_ms", "bad_requests", "p50_ms", "p99_ms", "cpu_us", "cpu_us_at_rate"];
const MORE: [&str; 2] = ["per_second", "success_rate"];
/// Less is better, too, but not than what it takes to succeed: judged where nobody does.
const ATTEMPTS: &str = "attempts_per_request";

/// Adds `ours_vs`, by what our figures at the rate are more than another's, and `behind`: of every figure that is worse than another's, whose.
pub(super) fn add(report: &mut Map<String, Value>) {
    let mut behind = Map::new();
    for (name, group) in report.iter() {
        search(name, group, &mut behind);
    }
    let ratios = Side::ALL.into_iter().filter(|side| *side != Side::Ours);
    let ratios: Map<_, _> =
        ratios.map(|side| (side.name().to_owned(), ratios_to(report.get("rate"), side))).collect();
    report.insert("ours_vs".to_owned(), Value::Object(ratios));
    report.insert("behind".to_owned(), Value::Object(behind));
}

/// Compares in every object that has all sides.
fn search(path: &str, group: &Value, behind: &mut Map<String, Value>) {
    let Some(ours) = group.get(Side::Ours.name()).and_then(Value::as_object) else {
        for (name, inner) in group.as_object().into_iter().flatten() {
            search(&format!("{path}.{name}"), inner, behind);
        }
        return;
    };
    for (key, own) in ours {
        let better = Side::ALL.into_iter().filter(|side| {
            let theirs = group.get(side.name()).and_then(|side| side.get(key)).and_then(Value::as_f64);
            own.as_f64().zip(theirs).is_some_and(|(own, theirs)| is_better(path, key, theirs, own))
        });
        let better: Vec<_> = better.map(Side::name).collect();
        if !better.is_empty() {
            behind.insert(format!("{path}.{key}"), json!(better.join(", ")));
        }
    }
}

fn is_better(path: &str, key: &str, theirs: f64, own: f64) -> bool {
    let counted = key == ATTEMPTS && path.ends_with("outage");
    if key == "success_rate" {
        theirs > own + 0.001
    } else if MORE.contains(&key) {
        theirs > own * (1.0 + NOISE)
    } else if LESS.contains(&key) || counted {
        let few = if matches!(key, "errors" | "keys_moved" | "bad_requests") { 1.0 } else { 0.0 };
        theirs < own * (1.0 - NOISE) - few
    } else {
        false
    }
}

fn ratios_to(rate: Option<&Value>, side: Side) -> Value {
    let of = |side: Side, key: &str| rate.and_then(|rate| rate.get(side.name())?.get(key)?.as_f64());
    let ratio = |key: &str| Some(of(Side::Ours, key)? / of(side, key)?.max(f64::EPSILON));
    let keys = ["per_second", "p50_ms", "p99_ms", "cpu_us", "cpu_us_at_rate"];
    keys.into_iter().map(|key| (key.to_owned(), json!(ratio(key)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_do_better_is_named_and_noise_is_not() {
        let side = |errors: u64, per_second: f64| json!({ "errors": errors, "per_second": per_second, "requests": 9 });
        let mut report = Map::new();
        let all = json!({ "ours": side(9, 100.0), "native": side(8, 104.0), "nginx": side(5, 200.0) });
        report.insert("rate".to_owned(), all.clone());
        report.insert("ejection".to_owned(), json!({ "hang": all }));
        add(&mut report);
        let expected = json!({
            "rate.errors": "nginx", "rate.per_second": "nginx",
            "ejection.hang.errors": "nginx", "ejection.hang.per_second": "nginx",
        });
        assert_eq!(report["behind"], expected);
        assert_eq!(report["ours_vs"]["nginx"]["per_second"], json!(0.5));
    }

    #[test]
    fn attempts_count_where_nobody_succeeds() {
        assert!(is_better("retries.outage", ATTEMPTS, 1.0, 3.0));
        assert!(!is_better("retries.one_of_four_fails", ATTEMPTS, 1.0, 1.3));
        assert!(is_better("retries.outage", "success_rate", 1.0, 0.99));
    }
}
