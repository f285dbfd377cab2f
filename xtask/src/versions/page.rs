//! docs/compatibility.md, made of what is stored.
//!
//! Invariant: nothing stands there that is not stored, but for what the words around the table say of all versions.

use super::stored::{Part, Runs};
use crate::setup::Envoy;
use crate::workspace::root;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

const BEFORE: &str = "# Compatibility

Which Envoys (V8 runtime) the scenarios passed on. Each number is how many scenarios of a part passed in its last run on that version, on
switchyard.wasm and outlier.wasm; one that did not is named below the table. What was not run has no number. This page is made of the runs'
own reports by `cargo xtask test --envoy all`, in pieces by `cargo xtask test --only router --envoy all`.

";
const AFTER: &str = "
Every change runs all scenarios on 1.40.0. What Envoys do differently, and what of it matters, is in
[platforms.md](platforms.md#faults-of-envoys-that-matter); which Istio and which Envoy Gateway has which Envoy, in [platforms.md](platforms.md).
";

/// Where it is, and what belongs into it.
///
/// # Errors
/// When what is stored cannot be read.
pub(crate) fn page() -> Result<(PathBuf, String)> {
    let runs = Envoy::versions().map(Runs::of).collect::<Result<Vec<_>>>()?;
    Ok((root().join("docs/compatibility.md"), text(&runs)))
}

fn text(runs: &[Runs]) -> String {
    let mut text = BEFORE.to_owned();
    let row = |text: &mut String, name: &str, cells: &mut dyn Iterator<Item = String>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    row(&mut text, "scenarios", &mut runs.iter().map(|run| run.envoy.clone()));
    row(&mut text, "---", &mut runs.iter().map(|_| "---".to_owned()));
    let parts: BTreeSet<_> = runs.iter().flat_map(|run| run.parts.keys()).collect();
    for part in parts {
        let cell = |run: &Runs| run.parts.get(part).map_or_else(String::new, result);
        row(&mut text, part, &mut runs.iter().map(cell));
    }
    row(&mut text, "run on", &mut runs.iter().map(days));
    row(&mut text, "commit", &mut runs.iter().map(commits));
    for run in runs {
        for failed in run.parts.values().flat_map(|part| &part.failed) {
            let _ = writeln!(text, "\nOn {} `{failed}` did not pass.", run.envoy);
        }
    }
    text + AFTER
}

fn result(part: &Part) -> String {
    match part.failed.len() {
        0 => part.passed.to_string(),
        failed => format!("{} of {}", part.passed, part.passed + failed as u64),
    }
}

fn days(run: &Runs) -> String {
    let days: BTreeSet<_> = run.parts.values().map(|part| part.date.as_str()).collect();
    let (first, last) = (days.first().copied().unwrap_or_default(), days.last().copied().unwrap_or_default());
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

fn commits(run: &Runs) -> String {
    let all: BTreeSet<_> = run.parts.values().map(|part| part.commit.as_str()).collect();
    all.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_passed_what_did_not_and_nothing_of_what_was_not_run() {
        let part = |passed, failed: &[&str], date: &str| Part {
            passed,
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            commit: "a1b2c3d".to_owned(),
            date: date.to_owned(),
        };
        let of = |envoy: &str, parts: &[(&str, Part)]| Runs {
            envoy: envoy.to_owned(),
            parts: parts.iter().map(|(name, part)| ((*name).to_owned(), part.clone())).collect(),
        };
        let text = text(&[
            of("1.36.4", &[("router", part(4, &["router::sticky"], "2026-11-29"))]),
            of("1.40.0", &[("router", part(5, &[], "2026-11-29")), ("batch", part(7, &[], "2026-11-30"))]),
        ]);
        for line in [
            "| scenarios | 1.36.4 | 1.40.0 |",
            "| batch |  | 7 |",
            "| router | 4 of 5 | 5 |",
            "| run on | 2026-11-29 | 2026-11-29 to 2026-11-30 |",
            "| commit | a1b2c3d | a1b2c3d |",
            "On 1.36.4 `router::sticky` did not pass.",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
