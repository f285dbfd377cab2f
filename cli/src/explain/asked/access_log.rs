//! A line of Envoy's access log in its default format.
//!
//! Source: Envoy's documentation, "Access logging", default format string. A line has no header but user agent, `x-forwarded-for`,
//! `x-request-id` and the host; what else decides must be added.

use super::{Asked, line};
use anyhow::{Context as _, Result, bail};

/// The request of this line.
///
/// # Errors
/// When the line has another format.
pub fn from_access_log(text: &str) -> Result<Asked> {
    let fields = fields(text.trim()).context("is no line of Envoy's default format")?;
    let [request, received, forwarded, agent, id, authority, went_to] = places(&fields)?;
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // A CONNECT has no path, and the log a dash.
    let target = if method == "CONNECT" { authority } else { path };
    let mut asked = Asked::from(line::of_target(method, target)?);
    let known = [
        (":authority", authority),
        ("user-agent", agent),
        ("x-request-id", id),
        ("x-forwarded-for", forwarded),
    ];
    for (name, value) in known.into_iter().filter(|(_, value)| *value != "-") {
        asked.request.add(name, value);
    }
    asked.notes.push("the log has no other headers: add those that decide with -H".to_owned());
    if let Some(last) =
        forwarded.rsplit(',').next().map(str::trim).filter(|last| last.parse::<core::net::IpAddr>().is_ok())
    {
        asked.request.source_ip = Some(last.to_owned());
        asked.notes.push(format!("the client's address is taken to be {last}, the last of x-forwarded-for"));
    }
    if received != "0" {
        asked.notes.push(format!(
            "the log has no body, of which {received} bytes were received: add it with --body"
        ));
    }
    asked.went_to = Some(went_to).filter(|address| *address != "-").map(str::to_owned);
    Ok(asked)
}

/// Of the fields of a line those that say something here.
fn places<'a>(fields: &[&'a str]) -> Result<[&'a str; 7]> {
    // start, request, code, flags, received, sent, duration, upstream's time, forwarded, agent, id, authority, upstream
    match fields {
        [_, request, _, _, received, _, _, _, forwarded, agent, id, authority, went_to] => {
            Ok([request, received, forwarded, agent, id, authority, went_to])
        }
        _ => bail!("has {} fields; Envoy's default format has 13", fields.len()),
    }
}

/// Words, texts in quotes and what stands in brackets; `None` if one of them does not end.
fn fields(text: &str) -> Option<Vec<&str>> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = match rest.chars().next() {
            Some('"') => rest.get(1..)?.split_once('"')?,
            Some('[') => rest.get(1..)?.split_once(']')?,
            _ => rest
                .split_once(' ')
                .map_or((rest, ""), |(field, _)| (field, rest.get(field.len()..).unwrap_or_default())),
        };
        fields.push(field);
        rest = after.trim_start();
    }
    Some(fields)
}
