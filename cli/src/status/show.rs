//! How it is shown to people.

use super::summary::{Plugin, Summary};
use anstyle::Style;
use anyhow::Result;
use comfy_table::{Table, presets};
use std::fmt;
use std::io::Write;

const BOLD: Style = Style::new().bold();
/// The most places that a plugin is shown at.
const MOST_PLACES: usize = 4;

/// Tables for people.
pub(super) fn text(summary: &Summary, out: &mut impl Write) -> Result<()> {
    let envoy = &summary.envoy;
    writeln!(
        out,
        "{BOLD}Envoy {}{BOLD:#} at {}, {} for {}, {} workers",
        envoy.version,
        envoy.address,
        envoy.state,
        duration(envoy.uptime_seconds),
        envoy.workers
    )?;
    if summary.plugins.is_empty() {
        return Ok(writeln!(out, "\nIt runs no plugin of Switchyard's.")?);
    }
    plugins(summary, out)?;
    upstreams(summary, out)?;
    writeln!(out, "\n{BOLD}Counters since Envoy's start{BOLD:#}")?;
    pairs(&summary.counts, "nothing was counted", out)?;
    if !summary.budgets.is_empty() {
        writeln!(out, "\n{BOLD}Retries that are left{BOLD:#}")?;
        pairs(&summary.budgets, "", out)?;
    }
    writeln!(out, "\n{BOLD}Refused by Envoy{BOLD:#}")?;
    for rejected in &summary.rejected {
        writeln!(out, "  now: {rejected}")?;
    }
    pairs(&summary.refused, if summary.rejected.is_empty() { "nothing" } else { "" }, out)
}

pub(super) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

pub(super) fn written(table: &Table, out: &mut impl Write) -> Result<()> {
    for line in table.to_string().lines() {
        writeln!(out, " {}", line.trim_end())?;
    }
    Ok(())
}

fn plugins(summary: &Summary, out: &mut impl Write) -> Result<()> {
    let versions = summary.versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let versions = if versions.is_empty() { "of no known version" } else { &versions };
    writeln!(out, "\n{BOLD}Plugins{BOLD:#} {versions}")?;
    let mut rows = table(&["plugin", "root", "vm_id", "after a trap", "given bodies", "document", "module"]);
    for plugin in &summary.plugins {
        let bodies = if plugin.stop_flag { "yes" } else { "no" };
        let document = plugin.document.as_deref().unwrap_or("none of its own");
        rows.add_row([
            &plugin.name,
            &plugin.root_id,
            &plugin.vm_id,
            &plugin.failure_policy,
            bodies,
            document,
            &module(plugin),
        ]);
    }
    written(&rows, out)?;
    for plugin in &summary.plugins {
        let more = match plugin.places.len().saturating_sub(MOST_PLACES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let places: Vec<_> = plugin.places.iter().take(MOST_PLACES).map(String::as_str).collect();
        writeln!(out, "  {} in {}{more}", plugin.name, places.join(", "))?;
    }
    let said = match summary.one_document {
        Some(true) => "All that have a document have the same.",
        Some(false) => "Their documents differ.",
        None => "None of them has a document.",
    };
    Ok(writeln!(out, "  {said}")?)
}

fn module(plugin: &Plugin) -> String {
    match plugin.sha256.get(..12) {
        Some(sha256) => format!("{} sha256 {sha256}…", plugin.module),
        None => plugin.module.clone(),
    }
}

fn upstreams(summary: &Summary, out: &mut impl Write) -> Result<()> {
    if summary.upstreams.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}Upstreams{BOLD:#}")?;
    let mut rows =
        table(&["upstream", "cluster", "endpoints", "listed by", "ejected", "decisions", "in panic"]);
    for one in &summary.upstreams {
        let numbers =
            [one.endpoints, one.ejected, one.decisions, one.panics].map(|number| number.to_string());
        let [endpoints, ejected, decisions, panics] = &numbers;
        rows.add_row([&one.name, &one.cluster, endpoints, &one.source, ejected, decisions, panics]);
    }
    written(&rows, out)?;
    for one in &summary.upstreams {
        for (endpoint, why) in &one.out {
            writeln!(out, "  {}: {endpoint} is {why}", one.name)?;
        }
    }
    Ok(())
}

fn pairs<T: fmt::Display>(
    pairs: &std::collections::BTreeMap<String, T>,
    none: &str,
    out: &mut impl Write,
) -> Result<()> {
    if pairs.is_empty() && !none.is_empty() {
        writeln!(out, "  {none}")?;
    }
    let width = pairs.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in pairs {
        writeln!(out, "  {name:width$}  {value}")?;
    }
    Ok(())
}

/// `5m 8s`.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_parts() {
        let all = [(8, "8s"), (308, "5m 8s"), (7_260, "2h 1m"), (180_000, "2d 2h")];
        assert_eq!(all.map(|(seconds, _)| duration(seconds)), all.map(|(_, said)| said.to_owned()));
    }
}
