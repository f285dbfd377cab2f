//! The mutants of a crate, as `cargo mutants --list --json` prints them.
//!
//! Invariant: a mutant's number is its place in the list, and the same sources give the same numbers. Doors for the fuzzer are left out: no
//! module is built with them.

use crate::setup::CargoMutants;
use crate::workspace::quietly;
use anyhow::{Context, Result};
use serde::Deserialize;

/// What kind of change it is, by cargo-mutants' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Genre {
    /// A function gives another value at once.
    FnValue,
    /// `+` is another operator, or `+=` is.
    BinaryOperator,
    /// `!` or `-` is not there.
    UnaryOperator,
    /// An arm of a match is not there.
    MatchArm,
    /// The guard of an arm is `true` or `false`.
    MatchArmGuard,
    /// A field has the value that it has in the struct's base.
    StructField,
}

/// A line and a column of a file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// From here to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Span {
    pub(super) start: Position,
    pub(super) end: Position,
}

/// One change of one place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Mutant {
    /// From the checkout's top.
    pub(super) file: String,
    pub(super) genre: Genre,
    /// `FILE:LINE:COLUMN: CHANGE`
    name: String,
    pub(super) replacement: String,
    pub(super) span: Span,
}

impl Mutant {
    /// What is changed, in words: `replace + with - in total`.
    pub(super) fn change(&self) -> &str {
        self.name.splitn(2, ": ").last().unwrap_or_default()
    }

    /// `filters/core/src/time/mod.rs:12`
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file, self.span.start.line)
    }

    /// The folder of the crate's sources that it is in: `balance`, or `.` for a file in none.
    pub(super) fn folder(&self) -> &str {
        folder_of(&self.file)
    }

    fn is_of_the_fuzzer(&self) -> bool {
        self.file.ends_with("/fuzzing.rs") || self.file.contains("/fuzzing/")
    }
}

/// The folder of a crate's sources that a file is in, with or without a line.
pub(super) fn folder_of(file: &str) -> &str {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    inside.split_once('/').map_or(".", |(folder, _)| folder)
}

/// All of a package.
///
/// # Errors
/// When cargo-mutants cannot be had, or says something else.
pub(super) fn listed(package: &str) -> Result<Vec<Mutant>> {
    let mut list = CargoMutants::set_up()?.command();
    list.args(["--list", "--json", "--all-features", "--package", package]);
    parsed(&quietly("cargo mutants --list", &mut list)?)
}

fn parsed(json: &str) -> Result<Vec<Mutant>> {
    let mut all: Vec<Mutant> = serde_json::from_str(json).context("cargo-mutants printed another list")?;
    all.retain(|mutant| !mutant.is_of_the_fuzzer());
    Ok(all)
}

#[cfg(test)]
pub(super) fn example(genre: Genre, at: &str, text: &str, replacement: &str) -> Mutant {
    let position = |offset: usize| {
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        Position { line, column }
    };
    let start = text.find(at).unwrap();
    let span = Span { start: position(start), end: position(start + at.len()) };
    let name = format!("src/a.rs:{}:{}: replace {at}", span.start.line, span.start.column);
    Mutant { file: "src/a.rs".into(), genre, name, replacement: replacement.into(), span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(file: &str) -> String {
        format!(
            r#"{{"diff": "…", "file": "{file}", "function": null, "genre": "MatchArm", "name": "{file}:7:9: delete match arm A::B",
            "package": "p", "replacement": "", "span": {{"start": {{"line": 7, "column": 9}}, "end": {{"line": 7, "column": 20}}}}}}"#
        )
    }

    #[test]
    fn a_mutant_says_where_it_is_and_what_it_changes() {
        let text = format!(
            "[{}, {}, {}]",
            json("filters/core/src/a/b/c.rs"),
            json("filters/core/src/a/fuzzing.rs"),
            json("filters/core/src/d.rs")
        );
        let all = parsed(&text).unwrap();
        assert_eq!(all.iter().map(Mutant::folder).collect::<Vec<_>>(), ["a", "."]);
        assert_eq!(all[0].place(), "filters/core/src/a/b/c.rs:7");
        assert_eq!(all[0].change(), "delete match arm A::B");
        assert!(parsed("{}").is_err());
    }
}
