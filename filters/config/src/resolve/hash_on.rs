//! What is hashed, of upstreams and of splits.

use super::check_header_name;
use crate::error::{Errors, Path, cut};
use crate::raw;
use core::time::Duration;
use switchyard_core::hash::{Cookie, HashOn, Source};

/// Each entry costs every request a look.
const MAX_ENTRIES: usize = 16;

/// The entries in order; those that are wrong are left out, with an error.
pub(super) fn resolve(list: &[raw::HashOn], at: &Path<'_>, errors: &mut Errors) -> Vec<HashOn> {
    if list.is_empty() {
        errors.add(at, "is empty; name what is hashed, as in [{header: x-user}]");
    }
    if list.len() > MAX_ENTRIES {
        errors.add(at, format!("has {} entries; it takes at most {MAX_ENTRIES}", list.len()));
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
        errors.add(&at.field("name"), format!("{:?} is not a cookie name", cut(name)));
    }
    let path = raw.path.as_deref();
    if path.is_some_and(|path| !path.starts_with('/') || path.contains(';')) {
        errors.add(&at.field("path"), "is not a path; write \"/\" or another that begins with a slash");
    }
    if raw.path.is_some() && raw.ttl.is_none() && !raw.bad.contains(&"ttl") {
        errors.add(&at.field("path"), "is for new cookies; give a ttl too, or remove it");
    }
    Some(Cookie {
        name: name?.into(),
        ttl: raw.ttl.map(|ttl| Duration::from_secs(ttl.0.as_secs())),
        path: path.map(Into::into),
    })
}
