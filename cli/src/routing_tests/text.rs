//! A report as text.

use super::verdict::Report;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Writes a report: each test, then the routes that none meets, then the sums.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for verdict in &report.verdicts {
        let (style, word) = if verdict.mismatches.is_empty() { (GOOD, "ok  ") } else { (BAD, "FAIL") };
        writeln!(out, "{style}{word}{style:#} {}", verdict.name)?;
        for mismatch in &verdict.mismatches {
            writeln!(out, "       {mismatch}")?;
        }
    }
    let coverage = &report.coverage;
    let met = coverage.routes - coverage.unmet.len();
    writeln!(out, "\nroutes met: {met} of {} ({:.0} %)", coverage.routes, coverage.percent().floor())?;
    if !coverage.unmet.is_empty() {
        writeln!(out, "no test meets {}", coverage.unmet.join(", "))?;
    }
    let failed = report.failed();
    writeln!(out, "{} passed, {failed} failed", report.verdicts.len() - failed)
}
