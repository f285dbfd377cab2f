//! Findings as they are written out: for people, as JSON, as SARIF for code hosts.
//!
//! Invariant: the same findings in the same order give the same bytes.

mod sarif;
mod text;

use super::{Finding, Severity};
use crate::output;
use crate::source::Refused;
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;

/// A form of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, which code hosts read; a result names its file, its line, and its path in it.
    Sarif,
}

/// What was looked at and is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The file, or the address of the Envoy.
    pub file: String,
    /// Where in it; empty for all of it.
    pub place: String,
    /// What is to be said of it: `ok, 3 upstreams, 5 routes`.
    pub says: String,
}

/// Everything that a command has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found, in the order in which it is shown.
    pub findings: Vec<Finding>,
    /// What is good.
    pub seen: Vec<Seen>,
    /// How many files were looked at.
    pub files: usize,
    /// Those that could not be, so that nobody takes them for good.
    pub unread: Vec<Refused>,
}

impl Report {
    /// How many findings are as bad as this.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.code.severity == severity).count()
    }

    /// Writes it out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, format: Format, out: &mut impl Write) -> Result<()> {
        match format {
            Format::Text => text::write(self, out),
            Format::Json => output::json(&self.json(), out),
            Format::Sarif => output::json(&sarif::log(self), out),
        }
    }

    fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "code": finding.code.id,
                "title": finding.code.title,
                "severity": finding.code.severity.word(),
                "file": finding.file,
                "place": finding.place,
                "path": finding.path,
                "line": finding.line,
                "value": finding.value,
                "problem": finding.problem,
                "fix": finding.fix,
                "page": finding.code.link(),
            })
        };
        let unread = |refused: &Refused| json!({"file": refused.file, "problem": refused.problem});
        let seen = |seen: &Seen| json!({"file": seen.file, "place": seen.place, "says": seen.says});
        json!({
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "good": self.seen.iter().map(seen).collect::<Vec<_>>(),
            "unread": self.unread.iter().map(unread).collect::<Vec<_>>(),
            "files": self.files,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
        })
    }
}

#[cfg(test)]
mod tests;
