//! Which requests a route is for: the conditions on path, methods and headers.

use super::check_header_name;
use crate::error::{Errors, Path, cut};
use crate::raw;
use switchyard_core::route::{HeaderMatch, HeaderRule, Matcher, PathMatch, full_match};

/// The longest regular expression; compiled ones are bounded by regex-lite itself.
const MAX_REGEX: usize = 1024;

/// The condition that `match` means; what is wrong in it is added to `errors`.
pub(super) fn matcher(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> Matcher {
    let headers = raw.headers.as_deref().unwrap_or_default().iter().enumerate();
    let headers_at = at.field("headers");
    Matcher {
        path: path_match(raw, at, errors),
        methods: methods(raw, &at.field("methods"), errors),
        headers: headers
            .filter_map(|(index, raw)| header_match(raw, &headers_at.index(index), errors))
            .collect(),
    }
}

fn path_match(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> PathMatch {
    let rules = [raw.path_prefix.is_some(), raw.path.is_some(), raw.path_regex.is_some()];
    if rules.iter().filter(|rule| **rule).count() > 1 {
        errors.add(at, "has several rules for the path; keep one of path_prefix, path, path_regex");
    }
    for (name, text) in [("path_prefix", &raw.path_prefix), ("path", &raw.path)] {
        let Some(text) = text.as_deref() else { continue };
        let problem = if !text.starts_with('/') {
            "begins with no slash, so no path can match it"
        } else if text.contains(['?', '#']) {
            "holds ? or #; a path is matched without its query"
        } else {
            continue;
        };
        errors.add(&at.field(name), format!("{:?} {problem}", cut(text)));
    }
    if let Some(regex) = &raw.path_regex {
        return compile(regex, &at.field("path_regex"), errors).map(PathMatch::Regex).unwrap_or_default();
    }
    match (&raw.path_prefix, &raw.path) {
        (Some(prefix), _) => PathMatch::Prefix(prefix.as_str().into()),
        (None, Some(path)) => PathMatch::Exact(path.as_str().into()),
        (None, None) => PathMatch::Any,
    }
}

pub(super) fn compile(pattern: &str, at: &Path<'_>, errors: &mut Errors) -> Option<regex_lite::Regex> {
    if pattern.len() > MAX_REGEX {
        errors.add(at, format!("is {} bytes long; it takes at most {MAX_REGEX}", pattern.len()));
        return None;
    }
    match full_match(pattern) {
        Ok(regex) => Some(regex),
        Err(problem) => {
            errors.add(at, format!("{:?} is not a regular expression: {problem}", cut(pattern)));
            None
        }
    }
}

fn methods(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> Vec<Box<str>> {
    let Some(list) = &raw.methods else { return Vec::new() };
    if list.is_empty() {
        errors.add(at, "is empty, so no request can match; remove it to allow every method");
    }
    for (index, method) in list.iter().enumerate() {
        let Some(method) = method else { continue };
        if method.is_empty()
            || !method.chars().all(|letter| letter.is_ascii_uppercase() || "-_".contains(letter))
        {
            let problem = format!("{:?} is not a method; write it in capitals, as in GET", cut(method));
            errors.add(&at.index(index), problem);
        }
    }
    list.iter().flatten().map(|method| method.as_str().into()).collect()
}

pub(super) fn header_match(
    raw: &raw::HeaderMatch,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<HeaderMatch> {
    let name = raw.name.as_deref();
    if let Some(name) = name {
        check_header_name(name, &at.field("name"), errors);
    }
    for (field, text) in [("exact", &raw.exact), ("prefix", &raw.prefix)] {
        if text.as_deref() == Some("") {
            errors.add(&at.field(field), "is empty; name a value or use present");
        }
    }
    let mut rules = Vec::new();
    rules.extend(raw.exact.as_deref().map(|text| HeaderRule::Exact(text.into())));
    rules.extend(raw.prefix.as_deref().map(|text| HeaderRule::Prefix(text.into())));
    if let Some(pattern) = &raw.regex {
        rules.push(
            compile(pattern, &at.field("regex"), errors).map_or(HeaderRule::Present, HeaderRule::Regex),
        );
    }
    let mut invert = raw.invert.unwrap_or_default();
    if let Some(present) = raw.present {
        rules.push(HeaderRule::Present);
        // `present: false` is Envoy's way to ask for a missing header.
        invert ^= !present;
    }
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Some(HeaderMatch { name: name?.into(), rule, invert }),
        (None, _) => {
            if !raw.bad.iter().any(|field| ["exact", "prefix", "regex", "present"].contains(field)) {
                errors.add(at, "says nothing about the value; add one of exact, prefix, regex, present");
            }
            None
        }
        (Some(_), false) => {
            errors.add(at, "has several rules for the value; keep one of exact, prefix, regex, present");
            None
        }
    }
}
