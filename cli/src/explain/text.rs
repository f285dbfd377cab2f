//! An account as text.

use super::account::{Account, Split};
use crate::decision::{Alone, Batched, Coalesced, Explanation, Failed, Hashed, PassedOver, Retrying};
use std::io::{self, Write};

/// How wide the names of the left column are.
const WIDTH: usize = 12;

/// Writes an account.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(account: &Account, out: &mut impl Write) -> io::Result<()> {
    let [method, path, host] = &account.request;
    let host = if host.is_empty() { String::new() } else { format!("  host {host}") };
    let path = if path.is_empty() { String::new() } else { format!(" {path}") };
    writeln!(out, "{method}{path}{host}\n")?;
    route(account, out)?;
    if account.explanation.is_some() {
        upstream(account, out)?;
        choice(account, out)?;
        retry(account.retry.as_ref(), out)?;
        coalesce(account.coalesce.as_ref(), out)?;
        batch(account.batch.as_ref(), out)?;
    }
    for note in &account.notes {
        line(out, "note", note)?;
    }
    match &account.explanation {
        // A running Envoy names endpoints, and not none.
        Some(one) if account.endpoints_from.is_some() => {
            let text = one.text.replace("candidates=none", "candidates=?");
            writeln!(out, "\nx-switchyard-explain: {text}")
        }
        Some(explanation) => writeln!(out, "\nx-switchyard-explain: {}", explanation.text),
        None => Ok(()),
    }
}

fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{name:WIDTH$}{text}")
}

fn route(account: &Account, out: &mut impl Write) -> io::Result<()> {
    match (&account.explanation, account.position, &account.condition) {
        (Some(one), Some(position), Some(condition)) => {
            line(out, "route", &format!("{} (routes[{position}]): {condition}", one.route))?;
        }
        (Some(one), ..) => line(out, "route", &format!("{}: Envoy's own, by its cluster", one.route))?,
        (None, ..) => line(out, "route", "none: Envoy's own route decides")?,
    }
    for passed in &account.passed.before {
        line(out, "", &passed_over(passed))?;
    }
    if account.passed.not_shown > 0 {
        line(out, "", &format!("and not {} more", account.passed.not_shown))?;
    }
    if !account.passed.also_met.is_empty() {
        line(out, "", &format!("later ones that are for it, too: {}", account.passed.also_met.join(", ")))?;
    }
    Ok(())
}

fn passed_over(passed: &PassedOver) -> String {
    let failed = |one: &Failed| {
        let has = one.has.as_ref().map_or_else(|| "is missing".to_owned(), |value| format!("is {value:?}"));
        format!("{} {has}, wants {}", one.part, one.wants)
    };
    let failed: Vec<_> = passed.failed.iter().map(failed).collect();
    format!("not {} (routes[{}]): {}", passed.route, passed.position, failed.join("; "))
}

fn upstream(account: &Account, out: &mut impl Write) -> io::Result<()> {
    let Some(one) = &account.explanation else { return Ok(()) };
    let cluster = account.cluster.as_deref().unwrap_or_default();
    line(out, "upstream", &format!("{}, Envoy's cluster {cluster}", one.upstream))?;
    let Some(Split { shares, hashed }) = &account.split else { return Ok(()) };
    let shares: Vec<_> = shares.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
    let how = match (account.drawn.upstream, hashed.looks_at.is_empty()) {
        (true, true) => "at random: it has no split_on; this is one draw".to_owned(),
        (true, false) if hashed.makes_cookie => {
            format!(
                "at random, and a cookie keeps it: the request has no {}; this is one draw",
                hashed.looks_at.join(", ")
            )
        }
        (true, false) => {
            format!("at random: the request has no {}; this is one draw", hashed.looks_at.join(", "))
        }
        (false, _) => format!("by its key, {}", parts(hashed)),
    };
    line(out, "", &format!("of the split {}: {how}", shares.join(", ")))
}

fn parts(hashed: &Hashed) -> String {
    let part = |part: &crate::decision::Part| match &part.value {
        Some(value) => format!("{} {value:?}", part.from),
        None => part.from.clone(),
    };
    hashed.parts.iter().map(part).collect::<Vec<_>>().join(" and ")
}

/// The hash and its parts, or why there is none.
fn hash(one: &Explanation, hashed: &Hashed) -> String {
    match (&one.hash, hashed.looks_at.is_empty()) {
        (Some(hash), _) if hashed.makes_cookie => {
            format!("{hash}, of a cookie that is made: this is one draw")
        }
        (Some(hash), _) => format!("{hash}, of {}", parts(hashed)),
        (None, true) => "none: the policy has no use for one".to_owned(),
        (None, false) => format!(
            "none: the request has no {}, so the policy for such requests chose",
            hashed.looks_at.join(", ")
        ),
    }
}

fn choice(account: &Account, out: &mut impl Write) -> io::Result<()> {
    let Some(one) = &account.explanation else { return Ok(()) };
    line(out, "policy", &one.policy)?;
    line(out, "hash", &hash(one, &account.hashed))?;
    for cookie in &account.cookies {
        line(out, "", &format!("set-cookie: {cookie}"))?;
    }
    if let Some(source) = &account.endpoints_from {
        let text = format!(
            "? (not known here): endpoints of {} come from {source}; give them with --endpoints {}=ip:port,…",
            one.upstream, one.upstream
        );
        return line(out, "candidates", &text);
    }
    let drawn = if account.drawn.candidates {
        "  (drawn, or by turns: the next request may have others)"
    } else {
        ""
    };
    for (index, address) in one.candidates.iter().enumerate() {
        let name = if index == 0 { "candidates" } else { "" };
        let drawn = if index == 0 { drawn } else { "" };
        line(out, name, &format!("{}. {address}{drawn}", index + 1))?;
    }
    if one.candidates.is_empty() {
        let answer =
            account.answered.map(|status| format!("; it is answered with {status}")).unwrap_or_default();
        line(out, "candidates", &format!("none{answer}"))?;
    }
    Ok(())
}

fn retry(retry: Option<&Retrying>, out: &mut impl Write) -> io::Result<()> {
    let Some(one) = retry else {
        return line(out, "retry", "no: neither the route nor the upstream says how");
    };
    let times = if one.num_retries == 1 { "retry" } else { "retries" };
    line(
        out,
        "retry",
        &format!(
            "{} {times} at most, by the {}, after {}",
            one.num_retries,
            one.engine,
            one.retry_on.join(", ")
        ),
    )?;
    line(out, "", one.repeats.words())?;
    line(out, "", &format!("budget: {}", one.budget))?;
    line(out, "", &format!("back off: {}", one.back_off))?;
    line(out, "", &format!("time: {}", one.times))?;
    if let Some(hedge) = &one.hedge {
        line(out, "", &format!("hedge: {hedge}"))?;
    }
    if !one.fallback.is_empty() {
        line(out, "", &format!("fallback: {}", one.fallback.join(", then ")))?;
    }
    one.limits.iter().try_for_each(|limit| line(out, "", limit))
}

fn coalesce(coalesce: Option<&Coalesced>, out: &mut impl Write) -> io::Result<()> {
    let Some(one) = coalesce else { return line(out, "coalesce", "no: the route does not say so") };
    sharing(out, "coalesce", one.key.as_deref(), one.alone.as_ref(), one.shadow)?;
    headers(out, &one.keyed_headers, one.key.is_some())
}

fn batch(batch: Option<&Batched>, out: &mut impl Write) -> io::Result<()> {
    let Some(one) = batch else { return line(out, "batch", "no: the route does not say so") };
    sharing(out, "batch", one.key.as_deref(), one.alone.as_ref(), one.shadow)?;
    if let (Some(items), Some(is_repeatable)) = (one.items, one.is_repeatable) {
        let twice = if is_repeatable { "may be asked twice" } else { "must not be asked twice" };
        let items = if items == 1 { "1 item".to_owned() } else { format!("{items} items") };
        line(out, "", &format!("read as {}: {items}, {twice}", one.protocol))?;
    }
    headers(out, &one.keyed_headers, one.key.is_some())
}

fn sharing(
    out: &mut impl Write,
    name: &str,
    key: Option<&str>,
    alone: Option<&Alone>,
    shadow: bool,
) -> io::Result<()> {
    let shadow = if shadow { "; shadow: counted, and nothing is shared" } else { "" };
    match (key, alone) {
        (Some(key), _) => line(out, name, &format!("yes, key {key}{shadow}")),
        (None, Some(alone)) => line(out, name, &format!("no ({}): {}", alone.reason, alone.words)),
        (None, None) => line(out, name, "no"),
    }
}

fn headers(out: &mut impl Write, keyed: &[String], has_key: bool) -> io::Result<()> {
    match (has_key, keyed.is_empty()) {
        (false, _) => Ok(()),
        (true, true) => line(out, "", "none of its headers is in the key, but host, method and path"),
        (true, false) => {
            line(out, "", &format!("in the key besides host, method and path: {}", keyed.join(", ")))
        }
    }
}
