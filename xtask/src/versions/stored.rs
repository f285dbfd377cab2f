//! What the scenarios said on one Envoy, as it is stored: a file for each version.
//!
//! Invariant: a part that was run takes the place of what it said before, and the others stay.

use super::folder;
use crate::test::Counts;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Of one Envoy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Runs {
    pub(super) envoy: String,
    /// By the part of the scenarios: `router`.
    pub(super) parts: BTreeMap<String, Part>,
}

/// What one part said when it was run last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) passed: u64,
    /// The names of those that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<String>,
    /// `a1b2c3d`, with `+` where something was changed.
    pub(super) commit: String,
    /// `2026-11-30`.
    pub(super) date: String,
}

impl Runs {
    /// Those that are stored; none if nothing is.
    pub(super) fn of(version: &str) -> Result<Self> {
        let path = path(version);
        if !path.is_file() {
            return Ok(Self { envoy: version.to_owned(), ..Self::default() });
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not what a run stores", path.display()))
    }

    /// Takes in what was run, of this commit on this day.
    pub(super) fn take(&mut self, said: &Counts, (commit, date): (&str, &str)) {
        for (name, part) in parts(said) {
            self.parts.insert(name, Part { commit: commit.to_owned(), date: date.to_owned(), ..part });
        }
    }

    pub(super) fn store(&self) -> Result<()> {
        let path = path(&self.envoy);
        fs::create_dir_all(folder())?;
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("writing {}", path.display()))
    }
}

fn path(version: &str) -> PathBuf {
    folder().join(format!("{version}.json"))
}

/// How nextest names what the scenarios are in.
const PROGRAM: &str = "switchyard-scenarios::scenarios ";

/// The scenarios in what was run, by their part; the harness's own tests are not among them.
fn parts(said: &Counts) -> BTreeMap<String, Part> {
    let mut parts = BTreeMap::<String, Part>::new();
    for (name, passed) in &said.tests {
        let Some(test) = name.strip_prefix(PROGRAM) else { continue };
        let part = parts.entry(test.split("::").next().unwrap_or(test).to_owned()).or_default();
        if *passed {
            part.passed += 1;
        } else {
            part.failed.push(test.to_owned());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_count_for_their_part_and_other_tests_for_none() {
        let said = [
            ("switchyard-scenarios::scenarios router::split::by_weight", true),
            ("switchyard-scenarios::scenarios router::sticky", false),
            ("switchyard-scenarios::scenarios unread", true),
            ("switchyard-test-harness bench::cpu", true),
        ];
        let said = said.map(|(name, passed)| (name.to_owned(), passed)).into();
        let parts = parts(&Counts { tests: said, ..Counts::default() });
        let router = &parts["router"];
        assert_eq!((router.passed, &*router.failed), (1, &["router::sticky".to_owned()][..]));
        assert_eq!((parts["unread"].passed, parts.len()), (1, 2));
    }

    #[test]
    fn a_part_that_was_run_takes_the_place_of_what_it_said_before_and_others_stay() {
        let part = |passed| Part { passed, ..Part::default() };
        let parts = [("router".to_owned(), part(5)), ("batch".to_owned(), part(7))].into();
        let mut runs = Runs { envoy: "1.40.0".to_owned(), parts };
        let said = [(format!("{PROGRAM}router::a"), true)].into();
        runs.take(&Counts { tests: said, ..Counts::default() }, ("a1b2c3d", "2026-11-30"));
        assert_eq!((runs.parts["router"].passed, runs.parts["batch"].passed), (1, 7));
        assert_eq!(runs.parts["router"].commit, "a1b2c3d");
    }
}
