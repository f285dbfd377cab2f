//! Which requests a route is for: the conditions on host, path, methods, headers and query.

use super::{check_header_name, hosts};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw;
use switchyard_core::route::{HeaderMatch, HeaderRule, Matcher, PathMatch, QueryMatch, full_match};

/// The longest regular expression; compiled ones are bounded by regex-lite itself.
const MAX_REGEX: usize = 1024;

/// The condition that `match` means; what is wrong in it is added to `errors`.
pub(super) fn matcher(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> Matcher {
    let headers = raw.headers.as_deref().unwrap_or_default().iter().enumerate();
    let query = raw.query.as_deref().unwrap_or_default().iter().enumerate();
    let (headers_at, query_at) = (at.field("headers"), at.field("query"));
    Matcher {
        hosts: hosts::resolve(raw, &at.field("hosts"), errors),
        path: path_match(raw, at, errors),
        ignore_case: ignore_case(raw, &at.field("ignore_case"), errors),
        methods: methods(raw, &at.field("methods"), errors),
        headers: headers
            .filter_map(|(index, raw)| header_match(raw, &headers_at.index(index), errors))
            .collect(),
        query: query.filter_map(|(index, raw)| query_match(raw, &query_at.index(index), errors)).collect(),
    }
}

fn ignore_case(raw: &raw::Match, at: &Path<'_>, errors: &mut Errors) -> bool {
    if raw.ignore_case == Some(true) && raw.path_regex.is_some() {
        errors.add(at, "does not reach into path_regex; remove it, and begin the expression with (?i)");
    } else if raw.ignore_case.is_some()
        && raw.path_prefix.is_none()
        && raw.path.is_none()
        && !["path_prefix", "path", "path_regex"].iter().any(|path| raw.bad.contains(path))
    {
        errors.add(at, "is for path_prefix and path; add one of them or remove it");
    }
    raw.ignore_case.unwrap_or_default()
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
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("is {} bytes long; it takes at most {MAX_REGEX}", pattern.len()),
        );
        return None;
    }
    match full_match(pattern) {
        Ok(regex) => Some(regex),
        Err(problem) => {
            errors.add_as(
                Fault::WrongType,
                at,
                format!("{:?} is not a regular expression: {problem}", cut(pattern)),
            );
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
            errors.add_as(Fault::WrongType, &at.index(index), problem);
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
    let value = Value {
        exact: raw.exact.as_deref(),
        prefix: raw.prefix.as_deref(),
        regex: raw.regex.as_deref(),
        present: raw.present,
        invert: raw.invert,
        bad: &raw.bad,
    };
    let (rule, invert) = value.rule(at, errors)?;
    Some(HeaderMatch { name: name?.into(), rule, invert })
}

fn query_match(raw: &raw::QueryMatch, at: &Path<'_>, errors: &mut Errors) -> Option<QueryMatch> {
    let name = raw.name.as_deref();
    if name == Some("") {
        errors.add(&at.field("name"), "is empty; name a parameter");
    } else if let Some(name) = name.filter(|name| name.contains(['&', '=', '#', '?'])) {
        let problem = format!("{:?} is not a parameter's name; write it as it stands in the path", cut(name));
        errors.add_as(Fault::WrongType, &at.field("name"), problem);
    }
    let value = Value {
        exact: raw.exact.as_deref(),
        prefix: raw.prefix.as_deref(),
        regex: raw.regex.as_deref(),
        present: raw.present,
        invert: raw.invert,
        bad: &raw.bad,
    };
    let (rule, invert) = value.rule(at, errors)?;
    Some(QueryMatch { name: name?.into(), rule, invert })
}

/// What is said of a value, of a header or of a parameter.
struct Value<'a> {
    exact: Option<&'a str>,
    prefix: Option<&'a str>,
    regex: Option<&'a str>,
    present: Option<bool>,
    invert: Option<bool>,
    bad: &'a [&'static str],
}

impl Value<'_> {
    /// The one rule there is, and whether it is turned round.
    fn rule(&self, at: &Path<'_>, errors: &mut Errors) -> Option<(HeaderRule, bool)> {
        for (field, text) in [("exact", self.exact), ("prefix", self.prefix)] {
            if text == Some("") {
                errors.add(&at.field(field), "is empty; name a value or use present");
            }
        }
        let mut rules = Vec::new();
        rules.extend(self.exact.map(|text| HeaderRule::Exact(text.into())));
        rules.extend(self.prefix.map(|text| HeaderRule::Prefix(text.into())));
        if let Some(pattern) = self.regex {
            let compiled = compile(pattern, &at.field("regex"), errors);
            rules.push(compiled.map_or(HeaderRule::Present, HeaderRule::Regex));
        }
        let mut invert = self.invert.unwrap_or_default();
        if let Some(present) = self.present {
            rules.push(HeaderRule::Present);
            // `present: false` is Envoy's way to ask for what is missing.
            invert ^= !present;
        }
        match (rules.pop(), rules.is_empty()) {
            (Some(rule), true) => Some((rule, invert)),
            (None, _) => {
                if !self.bad.iter().any(|field| ["exact", "prefix", "regex", "present"].contains(field)) {
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
}
