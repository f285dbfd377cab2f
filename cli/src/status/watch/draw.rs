//! How one look is drawn.
//!
//! Invariant: every line begins as this program has it: a name has no line end ([`super::form::Line`]), and before each line of a refusal's words, which
//! have some, stands a mark that no other line begins with.

use super::form::{Configuration, Counter, Endpoint, Page, Refusal, Upstream};
use crate::admin::Address;
use crate::status::show::{table, written};
use anstyle::Style;
use anyhow::Result;
use hashbrown::HashMap;
use std::io::Write;

const BOLD: Style = Style::new().bold();
/// As many counters and transitions are shown; the page has the others.
const MOST: usize = 20;
/// What stands before each line that somebody else wrote.
const QUOTED: &str = "|";

/// What counters stood at, and when.
pub(super) struct Before {
    at_ms: u64,
    values: HashMap<String, u64>,
}

impl Before {
    /// `None`: the page has none of what workers say, so there is nothing to compare with.
    pub(super) fn of(page: &Page) -> Option<Self> {
        let at_ms = page.counters_at_ms.filter(|_| !page.counters.is_empty())?;
        let values = page.counters.iter().map(|one| (named(one), one.value));
        Some(Self { at_ms, values: values.collect() })
    }

    /// Whether these are the page's.
    pub(super) fn are_of(&self, page: &Page) -> bool {
        page.counters_at_ms == Some(self.at_ms)
    }

    /// The time from these to those of the page, in milliseconds; `None`: it has the same ones still, or none.
    fn until(&self, page: &Page) -> Option<u64> {
        page.counters_at_ms?.checked_sub(self.at_ms).filter(|millis| *millis > 0)
    }

    /// What a counter did in a second.
    fn rate(&self, one: &Counter, millis: u64) -> Option<f64> {
        let more = one.value.saturating_sub(*self.values.get(&named(one))?);
        Some(more as f64 * 1000.0 / millis as f64)
    }
}

/// Whether it only grows: a gauge does nothing in a second. Every counter of the catalogue ends so, and what a histogram has counted.
fn is_counter(one: &Counter) -> bool {
    ["_total", "_count", "_sum"].iter().any(|end| one.name.ends_with(end))
}

/// `decisions_total route=api upstream=web`.
fn named(one: &Counter) -> String {
    let labels = one.labels.iter().map(|(label, value)| format!(" {label}={value}"));
    std::iter::once(one.name.to_string()).chain(labels).collect()
}

pub(super) fn draw(page: &Page, before: Option<&Before>, at: &Address, out: &mut impl Write) -> Result<()> {
    let asking = if page.asking { ", asking them" } else { "" };
    let roots = page.workers.len();
    writeln!(out, "{BOLD}Switchyard {}{BOLD:#} at {at}, {roots} roots in workers{asking}", page.build)?;
    configurations(page, out)?;
    for upstream in &page.upstreams {
        endpoints(upstream, out)?;
    }
    counters(page, before, out)?;
    transitions(page, out)
}

fn configurations(page: &Page, out: &mut impl Write) -> Result<()> {
    writeln!(out, "\n{BOLD}Documents{BOLD:#}")?;
    for one in &page.configurations {
        let root = format!("{} {}", one.module, one.root);
        match &one.in_force {
            Some(known) => {
                writeln!(out, "  {root}: {} for {}, {}", known.hash, span(known.age_ms), known.summary)?;
            }
            None => writeln!(out, "  {root}: none")?,
        }
        if let Some(refusal) = &one.last_refusal {
            refused(one, refusal, out)?;
        }
    }
    Ok(())
}

fn refused(one: &Configuration, refusal: &Refusal, out: &mut impl Write) -> Result<()> {
    let all = one.accepted.saturating_add(one.refused);
    writeln!(out, "    {} of {all} refused, the last {} ago:", one.refused, span(refusal.age_ms))?;
    for line in refusal.text.trim_end().lines() {
        writeln!(out, "    {QUOTED} {line}")?;
    }
    Ok(())
}

fn endpoints(upstream: &Upstream, out: &mut impl Write) -> Result<()> {
    let policy = upstream.policy.as_deref().unwrap_or("no worker has said anything");
    writeln!(out, "\n{BOLD}{}{BOLD:#} {policy}", upstream.name)?;
    let mut rows =
        table(&["endpoint", "state", "share", "until", "ejected", "failed", "p90", "in flight", "why"]);
    for one in &upstream.endpoints {
        rows.add_row(row(one));
    }
    written(&rows, out)?;
    if upstream.endpoints_left_out > 0 {
        writeln!(out, "  and {} more", upstream.endpoints_left_out)?;
    }
    Ok(())
}

fn row(one: &Endpoint) -> [String; 9] {
    let some = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let percent = |ppm: u64| format!("{:.1} %", ppm as f64 / 10_000.0);
    let why: Vec<&str> = one.reason.iter().chain(&one.evidence).map(|text| &**text).collect();
    [
        one.address.to_string(),
        format!("{}{}", if one.shadow { "shadow " } else { "" }, one.state.replace('_', " ")),
        some(one.share_ppm.map(percent)),
        some(one.until_in_ms.map(span)),
        one.times_ejected.to_string(),
        some(one.failure_rate_ppm.map(percent)),
        some(one.latency_p90_us.map(|us| format!("{:.1} ms", us as f64 / 1000.0))),
        some(one.in_flight.map(|count| count.to_string())),
        why.join(": "),
    ]
}

/// Those that move most.
fn counters(page: &Page, before: Option<&Before>, out: &mut impl Write) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    writeln!(out, "\n{BOLD}In a second{BOLD:#}")?;
    let Some(millis) = before.until(page) else {
        return Ok(writeln!(out, "  nothing new was said")?);
    };
    let counters = page.counters.iter().filter(|one| is_counter(one));
    let rated = counters.filter_map(|one| Some((before.rate(one, millis)?, one)));
    let mut moving: Vec<_> = rated.filter(|(rate, _)| *rate > 0.0).collect();
    moving.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| named(one.1).cmp(&named(other.1))));
    for (rate, one) in moving.iter().take(MOST) {
        writeln!(out, "  {rate:>10.1}  {}", named(one))?;
    }
    if moving.is_empty() {
        writeln!(out, "  nothing was counted")?;
    }
    Ok(())
}

fn transitions(page: &Page, out: &mut impl Write) -> Result<()> {
    if page.transitions.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}What became of endpoints{BOLD:#}")?;
    for one in page.transitions.iter().take(MOST) {
        let why =
            one.reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}: {}", one.evidence));
        let now = one.to.replace('_', " ");
        writeln!(out, "  {:>10} ago  {} of {} is {now}{why}", span(one.age_ms), one.address, one.upstream)?;
    }
    Ok(())
}

/// `5m 8s`.
fn span(millis: u64) -> String {
    crate::status::show::duration(millis / 1000)
}
