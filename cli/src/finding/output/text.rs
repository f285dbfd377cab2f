//! Findings for people: a paragraph for each, the most telling first.

use super::super::{Finding, Severity};
use super::Report;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use std::io::Write;

const BAD: Style = AnsiColor::Red.on_default().bold();
const HURTS: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// Writes what was found, what is good, and a line that counts.
pub(super) fn write(report: &Report, out: &mut impl Write) -> Result<()> {
    for finding in &report.findings {
        paragraph(finding, out)?;
    }
    for seen in &report.seen {
        writeln!(out, "{}: {GOOD}{}{GOOD:#}", at(&seen.file, &seen.place), seen.says)?;
    }
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    if errors + warnings > 0 || report.files > 1 {
        let counted = [(errors, "error"), (warnings, "warning")].map(|(number, word)| many(number, word));
        writeln!(out, "{} in {}", counted.join(", "), many(report.files, "file"))?;
    }
    Ok(())
}

fn many(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn at(file: &str, place: &str) -> String {
    if place.is_empty() { file.to_owned() } else { format!("{file} ({place})") }
}

fn paragraph(finding: &Finding, out: &mut impl Write) -> Result<()> {
    let style = if finding.code.severity == Severity::Error { BAD } else { HURTS };
    let word = finding.code.severity.word();
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = at(&format!("{}{line}", finding.file), &finding.place);
    writeln!(out, "{style}{word} {}{style:#} {}: {place}", finding.code.id, finding.code.title)?;
    let path = if finding.path.is_empty() { None } else { Some(finding.path.as_str()) };
    // The program has the page wherever it is; the path is for who has the repository.
    let page = format!("switchyard check --explain {} ({})", finding.code.id, finding.code.link());
    let lines = [
        ("path", path),
        ("value", finding.value.as_deref()),
        ("problem", Some(finding.problem.as_str())),
        ("fix", finding.fix.as_deref()),
        ("page", Some(page.as_str())),
    ];
    for (name, text) in lines {
        let Some(text) = text else { continue };
        // Every line of a text stands below the first.
        let text = text.replace('\n', "\n             ");
        writeln!(out, "    {QUIET}{name:<8}{QUIET:#} {text}")?;
    }
    writeln!(out)?;
    Ok(())
}
