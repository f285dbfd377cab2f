//! What is hashed, of upstreams and of splits.

use super::{check_header_name, hosts};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw;
use core::time::Duration;
use switchyard_core::hash::{Cookie, HashOn, SameSite, Source};

/// Each entry costs every request a look.
const MAX_ENTRIES: usize = 16;

/// The entries in order; those that are wrong are left out, with an error.
pub(super) fn resolve(list: &[raw::HashOn], at: &Path<'_>, errors: &mut Errors) -> Vec<HashOn> {
    if list.is_empty() {
        errors.add(at, "is empty; name what is hashed, as in [{header: x-user}]");
    }
    if list.len() > MAX_ENTRIES {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("has {} entries; it takes at most {MAX_ENTRIES}", list.len()),
        );
    }
    list.iter().enumerate().filter_map(|(index, raw)| entry(raw, &at.index(index), errors)).collect()
}

fn entry(raw: &raw::HashOn, at: &Path<'_>, errors: &mut Errors) -> Option<HashOn> {
    for (name, flag) in [("source_ip", raw.source_ip), ("path", raw.path)] {
        if flag == Some(false) {
            errors.add(&at.field(name), "false says nothing; write true or remove it");
        }
    }
    let mut sources = Vec::new();
    if let Some(header) = &raw.header {
        check_header_name(header, &at.field("header"), errors);
        sources.push(Source::Header(header.as_str().into()));
    }
    if let Some(raw) = &raw.cookie {
        sources.extend(cookie(raw, &at.field("cookie"), errors).map(Source::Cookie));
    }
    if let Some(name) = &raw.query_parameter {
        if name.is_empty() {
            errors.add(&at.field("query_parameter"), "is empty; name a parameter");
        }
        sources.push(Source::QueryParameter(name.as_str().into()));
    }
    sources.extend(raw.source_ip.filter(|on| *on).map(|_| Source::SourceIp));
    sources.extend(raw.path.filter(|on| *on).map(|_| Source::Path));
    let known = "header, cookie, query_parameter, source_ip, path";
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Some(HashOn { source, terminal: raw.terminal.unwrap_or_default() }),
        (None, _) if !raw.bad.is_empty() || raw.cookie.is_some() => None,
        (None, _) if raw.source_ip.is_some() || raw.path.is_some() => None,
        (None, _) => {
            errors.add(at, format!("names nothing to hash; it takes one of {known}"));
            None
        }
        (Some(_), false) => {
            errors.add(at, format!("names several parts; one entry takes one of {known}"));
            None
        }
    }
}

fn cookie(raw: &raw::Cookie, at: &Path<'_>, errors: &mut Errors) -> Option<Cookie> {
    let token = |letter: char| letter.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(letter);
    let name = raw.name.as_deref();
    if let Some(name) = name.filter(|name| name.is_empty() || !name.chars().all(token)) {
        errors.add_as(Fault::WrongType, &at.field("name"), format!("{:?} is not a cookie name", cut(name)));
    }
    let path = raw.path.as_deref();
    if path.is_some_and(|path| !path.starts_with('/') || path.contains(';') || !path.is_ascii()) {
        errors.add_as(
            Fault::WrongType,
            &at.field("path"),
            "is not a path; write \"/\" or another that begins with a slash",
        );
    }
    let domain = raw.domain.as_deref();
    if let Some(problem) =
        domain.and_then(|domain| hosts::problem(domain.strip_prefix('.').unwrap_or(domain)))
    {
        errors.add(&at.field("domain"), format!("{:?} {problem}", cut(domain.unwrap_or_default())));
    }
    new_cookies_only(raw, at, errors);
    browsers_take(raw, at, errors);
    Some(Cookie {
        name: name?.into(),
        ttl: raw.ttl.map(|ttl| Duration::from_secs(ttl.0.as_secs())),
        path: path.map(Into::into),
        domain: domain.map(Into::into),
        same_site: raw.same_site.map(|word| match word {
            raw::SameSite::Strict => SameSite::Strict,
            raw::SameSite::Lax => SameSite::Lax,
            raw::SameSite::None => SameSite::None,
        }),
        secure: raw.secure.unwrap_or_default(),
    })
}

/// Attributes say nothing of a cookie that is only read.
fn new_cookies_only(raw: &raw::Cookie, at: &Path<'_>, errors: &mut Errors) {
    let attributes = [
        ("path", raw.path.is_some()),
        ("domain", raw.domain.is_some()),
        ("same_site", raw.same_site.is_some()),
        ("secure", raw.secure.is_some()),
    ];
    let makes_none = raw.ttl.is_none() && !raw.bad.contains(&"ttl");
    for (attribute, _) in attributes.into_iter().filter(|(_, is_there)| makes_none && *is_there) {
        errors.add(&at.field(attribute), "is for new cookies; give a ttl too, or remove it");
    }
}

/// What browsers throw away would be made anew with every answer, and its client would never have a key (RFC 6265bis, sections
/// 4.1.3 and 5.7).
fn browsers_take(raw: &raw::Cookie, at: &Path<'_>, errors: &mut Errors) {
    if raw.ttl.is_none() || !raw.bad.is_empty() {
        return;
    }
    let secure = raw.secure == Some(true);
    if raw.same_site == Some(raw::SameSite::None) && !secure {
        errors.add(&at.field("same_site"), "none is taken by browsers with `secure: true` alone; add it");
    }
    let name = raw.name.as_deref().unwrap_or_default().to_ascii_lowercase();
    if name.starts_with("__secure-") && !secure {
        errors.add(
            &at.field("name"),
            "begins with __Secure-, which browsers take with `secure: true` alone; add it",
        );
    }
    if name.starts_with("__host-") && !(secure && raw.path.as_deref() == Some("/") && raw.domain.is_none()) {
        let problem = "begins with __Host-, which browsers take with `secure: true` and `path: /`, and without a domain";
        errors.add(&at.field("name"), problem);
    }
}
