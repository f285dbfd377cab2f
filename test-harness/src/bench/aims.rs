//! What figures of a benchmark ought to be, and whether they are.

use serde_json::{Map, Value, json};

/// A figure's key, whether what follows is a least (`>=`) or a most (`<=`), and that.
pub(super) type Aim = (&'static str, &'static str, f64);

/// Adds `aims`: of every figure that has one, whether it was reached; one that came to no number was not.
pub(super) fn judge(report: &mut Map<String, Value>, aims: &[Aim]) {
    let verdict = |(key, sign, aim): &Aim| {
        let figure = report.get(*key)?.as_f64();
        let met = figure.is_some_and(|figure| if *sign == "<=" { figure <= *aim } else { figure >= *aim });
        Some(((*key).to_owned(), json!(format!("{} {sign} {aim}", if met { "met:" } else { "missed:" }))))
    };
    let aims = aims.iter().filter_map(verdict).collect();
    report.insert("aims".to_owned(), Value::Object(aims));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_at_its_bound_and_not_beyond_and_what_is_not_measured_has_none() {
        let figures =
            json!({ "ratio": 0.72, "worse": 0.71, "bytes": 1_048_576, "more": 1_048_577, "none": null });
        let Value::Object(mut report) = figures else { return };
        let aims = [
            ("ratio", ">=", 0.72),
            ("worse", ">=", 0.72),
            ("bytes", "<=", 1_048_576.0),
            ("more", "<=", 1_048_576.0),
            ("none", "<=", 1.0),
            ("absent", "<=", 1.0),
        ];
        judge(&mut report, &aims);
        let expected = json!({
            "ratio": "met: >= 0.72", "worse": "missed: >= 0.72",
            "bytes": "met: <= 1048576", "more": "missed: <= 1048576", "none": "missed: <= 1",
        });
        assert_eq!(report.get("aims"), Some(&expected));
    }
}
