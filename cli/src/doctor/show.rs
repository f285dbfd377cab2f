//! How checks are shown.

use super::check::{Check, Verdict, count};
use crate::admin::Picture;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde_json::json;
use std::io::Write;

/// What counts as wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FailOn {
    /// What does not work.
    #[default]
    Bad,
    /// What hurts, too.
    Warning,
}

impl FailOn {
    /// The least of the verdicts that do.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Bad => Verdict::Bad,
            Self::Warning => Verdict::Warning,
        }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn mark(verdict: Verdict) -> (&'static str, Style) {
    let style = |colour: AnsiColor| colour.on_default();
    match verdict {
        Verdict::Good => ("✓", style(AnsiColor::Green)),
        Verdict::Note => ("·", style(AnsiColor::Cyan)),
        Verdict::Warning => ("!", style(AnsiColor::Yellow)),
        Verdict::Bad => ("✗", style(AnsiColor::Red)),
    }
}

/// Lines for people: groups of marks, and a sum.
pub(super) fn text(picture: &Picture, checks: &[Check], out: &mut impl Write) -> Result<()> {
    let mut group = None;
    for check in checks {
        if group != Some(check.group) {
            let line = if group.is_some() { "\n" } else { "" };
            writeln!(out, "{line}{BOLD}{}{BOLD:#}", check.group)?;
            group = Some(check.group);
        }
        let (mark, style) = mark(check.verdict);
        write!(out, "  {style}{mark}{style:#} {}", check.said)?;
        if check.verdict == Verdict::Good {
            writeln!(out)?;
        } else {
            writeln!(out, "  {DIM}{}{DIM:#}\n    → {}", check.code.id, check.next)?;
        }
    }
    let of = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let (bad, warnings) = (of(Verdict::Bad), of(Verdict::Warning));
    let sum = match (bad, warnings) {
        (0, 0) => format!("{}: nothing is wrong", picture.address),
        (0, _) => {
            format!("{}: {}, and nothing that does not work", picture.address, count(warnings, "warning"))
        }
        _ => format!("{}: {} not work, {}", picture.address, does(bad), count(warnings, "warning")),
    };
    Ok(writeln!(out, "\n{sum}")?)
}

/// `1 thing does`, `2 things do`.
fn does(number: usize) -> String {
    format!("{} {}", count(number, "thing"), if number == 1 { "does" } else { "do" })
}

/// For programs.
pub(super) fn json(picture: &Picture, checks: &[Check], out: &mut impl Write) -> Result<()> {
    let check = |check: &Check| {
        json!({
            "group": check.group.to_string(),
            "code": check.code.id,
            "title": check.code.title,
            "verdict": check.verdict.name(),
            "said": check.said,
            "next": check.next,
        })
    };
    let all = json!({
        "envoy": { "address": picture.address.to_string(), "version": picture.server.version },
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
    });
    Ok(writeln!(out, "{all:#}")?)
}
