//! What docs/proof.md says of mutants: how many of each folder were caught, and who survived and why.
//!
//! Invariant: a survivor without a reason is listed as one without a reason.

use super::report::{Counts, HEADS, Survivor};
use super::stored::Stored;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const BEFORE: &str = "## Mutants

A mutant is a change of the sources that a test should notice. The share that was caught is of those that tests were asked about: not of what is no program
(`unviable`), is not in the tests' build (`elsewhere`) or could not be woven (`not tried`). `timed out` counts as caught.

";

/// The section, of what is stored of these crates.
pub(super) fn section(crates: &[Stored]) -> String {
    let mut text = BEFORE.to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| folder | {} | % caught | of |", HEADS.join(" | "));
    let _ = writeln!(text, "| --- |{} ---: | --- |", " ---: |".repeat(HEADS.len()));
    for stored in crates {
        let mut all = Counts::default();
        stored.folders.values().for_each(|counts| all.add(counts));
        let _ = writeln!(text, "{}", row(&format!("**{}**", stored.name), &all, &when(stored)));
        for (folder, counts) in stored.folders.iter().filter(|_| stored.folders.len() > 1) {
            let _ = writeln!(text, "{}", row(&format!("{}/{folder}", stored.name), counts, ""));
        }
    }
    for stored in crates {
        text.push_str(&survivors(stored));
    }
    text
}

fn when(stored: &Stored) -> String {
    format!("{}, {}", stored.date, stored.commit)
}

fn row(name: &str, counts: &Counts, when: &str) -> String {
    let numbers: Vec<_> = counts.numbers().iter().map(ToString::to_string).collect();
    format!("| {name} | {} | {:.1} | {when} |", numbers.join(" | "), counts.percent())
}

/// Those of a crate that survived, by why that is as it should be.
fn survivors(stored: &Stored) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&Survivor>> = BTreeMap::new();
    for survivor in &stored.survivors {
        by_reason
            .entry(survivor.reason.as_deref().unwrap_or("No reason is known."))
            .or_default()
            .push(survivor);
    }
    let mut text = String::new();
    if !by_reason.is_empty() {
        let _ = writeln!(text, "\n### Survivors in {}", stored.name);
    }
    for (reason, survivors) in by_reason {
        let _ = writeln!(text, "\n{reason}\n");
        for Survivor { place, change, reached, .. } in survivors {
            let unreached = if *reached { "" } else { " (no test reaches it)" };
            let _ = writeln!(text, "- {place}: `{change}`{unreached}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_has_its_figures_and_each_survivor_its_reason_or_none() {
        let json = r#"{"crate": "core", "date": "2026-11-30", "commit": "abc1234", "machine": "", "minutes": 1, "not_tried": [],
            "folders": {".": {"mutants": 8, "caught": 2, "timed_out": 1, "missed": 2, "unviable": 1, "elsewhere": 1, "not_tried": 1}},
            "survivors": [{"place": "a.rs:1", "change": "replace a", "reached": true, "reason": "It is the same."},
                {"place": "b.rs:2", "change": "replace b", "reached": false}]}"#;
        let text = section(&[serde_json::from_str(json).unwrap()]);
        assert!(
            text.contains("| **core** | 8 | 2 | 1 | 2 | 1 | 1 | 1 | 60.0 | 2026-11-30, abc1234 |\n"),
            "{text}"
        );
        assert!(text.contains("\nIt is the same.\n\n- a.rs:1: `replace a`\n"), "{text}");
        assert!(
            text.ends_with("\nNo reason is known.\n\n- b.rs:2: `replace b` (no test reaches it)\n"),
            "{text}"
        );
    }
}
