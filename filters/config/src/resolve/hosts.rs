//! Hosts: which a route is for, and which a cookie goes to.

use crate::error::{Errors, Fault, Path, cut};
use crate::raw;
use switchyard_core::route::HostPattern;

/// A route is entered once for each.
const MAX_HOSTS: usize = 64;
/// The longest name that there can be (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// The hosts of a route; none: every one.
pub(super) fn resolve(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> Vec<HostPattern> {
    let Some(list) = &raw.hosts else { return Vec::new() };
    if list.is_empty() {
        errors.add(at, "is empty, so no request can match; remove it to allow every host");
    }
    if list.len() > MAX_HOSTS {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("has {} entries; it takes at most {MAX_HOSTS}", list.len()),
        );
    }
    for (index, host) in list.iter().enumerate() {
        let Some(host) = host else { continue };
        if let Some(problem) = problem_of_pattern(host) {
            errors.add(&at.index(index), format!("{:?} {problem}", cut(host)));
        }
    }
    list.iter().flatten().map(|host| HostPattern::new(host)).collect()
}

fn problem_of_pattern(pattern: &str) -> Option<&'static str> {
    if pattern == "*" {
        return None;
    }
    match pattern.strip_prefix('*').or_else(|| pattern.strip_suffix('*')) {
        Some(rest) if rest.contains('*') => {
            Some("has several stars; it takes one, at its beginning or its end")
        }
        // Part of a name, which may begin or end with what no name does.
        Some(rest) => problem(rest.trim_matches(['.', '-'])),
        None if pattern.contains('*') => Some("has a star inside; it takes one, at its beginning or its end"),
        None => problem(pattern),
    }
}

/// What is wrong with this name of a host.
pub(super) fn problem(name: &str) -> Option<&'static str> {
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if v6.is_some_and(|inner| inner.parse::<core::net::Ipv6Addr>().is_ok()) {
        return None;
    }
    let has_port =
        || name.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if name.is_empty() {
        Some("is empty; name a host")
    } else if name.contains("://") || name.contains('/') {
        Some("is a URL or a path; name the host alone")
    } else if has_port() {
        Some("has a port, which is not compared; remove it")
    } else if !name.is_ascii() {
        Some(
            "is not as hosts are written in a request; write its labels in Punycode, as in xn--bcher-kva.example",
        )
    } else if name.len() > MAX_NAME
        || name.starts_with('.')
        || name.ends_with('.')
        || !name.bytes().all(is_of_names)
    {
        Some("is not a host; write one as in shop.example.com or [2001:db8::1]")
    } else {
        None
    }
}

fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}
