//! What became of each test.

use super::case::Case;
use super::coverage::Coverage;
use super::expected::{Seen, mismatches};
use crate::decision::{Decider, Prepared};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// What is not as expected.
    pub mismatches: Vec<String>,
}

/// What became of all tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Each test's, in order.
    pub verdicts: Vec<Verdict>,
    /// The routes that they met.
    pub coverage: Coverage,
}

impl Report {
    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| !verdict.mismatches.is_empty()).count()
    }

    /// Whether any did.
    pub fn has_failed(&self) -> bool {
        self.failed() > 0
    }
}

/// Runs the tests against a document.
///
/// # Errors
/// When the router refuses the document.
pub fn check(document: &Prepared, cases: &[Case]) -> Result<Report> {
    let decider = Decider::new(document, 0)?;
    let seen: BTreeMap<&str, Seen<'_>> =
        cases.iter().map(|case| (case.name.as_str(), Seen::of(document, &decider, case))).collect();
    let met: BTreeSet<usize> = seen.values().filter_map(|seen| seen.position).collect();
    let verdicts = cases.iter().map(|case| {
        let mismatches =
            seen.get(case.name.as_str()).map(|own| mismatches(case, own, &seen)).unwrap_or_default();
        Verdict { name: case.name.clone(), mismatches }
    });
    Ok(Report { verdicts: verdicts.collect(), coverage: Coverage::of(document.document(), &met) })
}
