//! What `cargo xtask bench NAME` measures, and how it is shown.
//!
//! Invariant: figures go to standard output, and with `--json` nothing but one object does; progress goes to
//! standard error. Figures are medians of interleaved rounds, since a shared machine drifts.

mod aims;
pub mod batch;
mod beside;
pub mod chain;
pub mod coalesce;
pub mod core;
pub mod cpu;
pub mod discovery;
mod foreign;
pub mod movement;
mod others;
pub mod outlier;
pub mod peers;
pub mod retry;
pub mod router;
pub mod scale;
pub mod variants;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// The middle of the values (the upper one of two); 0 without values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// A bar of `steps` on standard error; in a log it is one line.
#[must_use]
pub fn progress(what: &str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if bar.is_hidden() {
        eprintln!("   {what}");
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// The object as a table for people: nested objects become indented blocks.
#[must_use]
pub fn table(report: &Value) -> String {
    let mut lines = Vec::new();
    block(report, 0, &mut lines);
    lines.join("\n")
}

fn block(value: &Value, depth: usize, lines: &mut Vec<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let name = format!("{:depth$}{key}", "");
        match value {
            Value::Object(_) => {
                lines.push(name);
                block(value, depth + 2, lines);
            }
            Value::Number(number) if number.is_f64() => {
                lines.push(format!("{name:<40} {:>12.3}", number.as_f64().unwrap_or_default()));
            }
            Value::String(text) => lines.push(format!("{name:<40} {text:>12}")),
            other => lines.push(format!("{name:<40} {other:>12}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_median_is_the_middle_value_whatever_the_order() {
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[]), median(&[2.0, 1.0])], [2.0, 0.0, 2.0]);
    }

    #[test]
    fn a_table_has_every_figure_under_its_name() {
        let text = table(&json!({ "outer": { "inner": 1.25 }, "rounds": 5, "envoy": "1.40.0" }));
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words, ["envoy", "1.40.0", "outer", "inner", "1.250", "rounds", "5"]);
    }
}
