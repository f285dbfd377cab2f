//! Whether one condition holds for every request for which another one does.
//!
//! Invariant: "yes" is certain, for paths and values that are text. Trade-off: "no" may only mean that it is not seen: of expressions only
//! equal ones are compared, those that end with `.*`, and those that are held against one path.

use super::conditions::Condition;
use switchyard_core::route::{HeaderRule, Matcher, PathMatch, full_match};

/// Whether every request that meets `one`'s conditions, hosts aside, meets `other`'s.
pub(super) fn covers(other: &Matcher, one: &Matcher) -> bool {
    let methods = || {
        other.methods.is_empty()
            || !one.methods.is_empty() && one.methods.iter().all(|method| other.methods.contains(method))
    };
    path(other, one)
        && methods()
        && other.headers.iter().all(|wanted| {
            let wanted: Condition<'_> = (&wanted.name, &wanted.rule, wanted.invert);
            one.headers.iter().any(|has| implies(&(&has.name, &has.rule, has.invert), &wanted))
        })
        && other.query.iter().all(|wanted| {
            let wanted: Condition<'_> = (&wanted.name, &wanted.rule, wanted.invert);
            one.query.iter().any(|has| implies(&(&has.name, &has.rule, has.invert), &wanted))
        })
}

/// Whether two conditions are one.
pub(super) fn is_same(one: &Condition<'_>, other: &Condition<'_>) -> bool {
    one.0 == other.0 && one.2 == other.2 && same_rule(one.1, other.1)
}

fn same_rule(one: &HeaderRule, other: &HeaderRule) -> bool {
    match (one, other) {
        (HeaderRule::Exact(one), HeaderRule::Exact(other))
        | (HeaderRule::Prefix(one), HeaderRule::Prefix(other)) => one == other,
        (HeaderRule::Present, HeaderRule::Present) => true,
        (HeaderRule::Regex(one), HeaderRule::Regex(other)) => one.as_str() == other.as_str(),
        _ => false,
    }
}

/// Whether every value that meets `has` meets `wanted`.
pub(super) fn implies(has: &Condition<'_>, wanted: &Condition<'_>) -> bool {
    if has.0 != wanted.0 {
        return false;
    }
    if is_same(has, wanted) {
        return true;
    }
    match (has, wanted) {
        // A missing header meets no rule about its value, turned round or not.
        ((_, rule, invert), (_, HeaderRule::Present, false)) => {
            !(matches!(rule, HeaderRule::Present) && *invert)
        }
        ((_, HeaderRule::Exact(value), false), (_, rule, invert)) => match rule {
            HeaderRule::Exact(other) => (value == other) != *invert,
            HeaderRule::Prefix(prefix) => value.starts_with(&**prefix) != *invert,
            HeaderRule::Regex(regex) => regex.is_match(value) != *invert,
            HeaderRule::Present => false,
        },
        ((_, HeaderRule::Prefix(value), false), (_, HeaderRule::Prefix(prefix), false)) => {
            value.starts_with(&**prefix)
        }
        _ => false,
    }
}

/// Whether every path of `one` is one of `other`.
fn path(other: &Matcher, one: &Matcher) -> bool {
    // The same path in other letters is a path of `one`, and perhaps none of `other`.
    let respells = one.ignore_case && !other.ignore_case;
    let has_letters = |text: &str| text.bytes().any(|byte| byte.is_ascii_alphabetic());
    match (&other.path, &one.path) {
        (PathMatch::Any, _) => true,
        (_, PathMatch::Any) => false,
        (PathMatch::Prefix(literal), PathMatch::Prefix(path) | PathMatch::Exact(path)) => {
            other.path.matches(path.as_bytes(), other.ignore_case) && !(respells && has_letters(literal))
        }
        (PathMatch::Exact(literal), PathMatch::Exact(path)) => {
            other.path.matches(path.as_bytes(), other.ignore_case) && !(respells && has_letters(literal))
        }
        (PathMatch::Exact(_), PathMatch::Prefix(_) | PathMatch::Regex(_)) => false,
        (PathMatch::Regex(regex), PathMatch::Exact(path)) => {
            let any_case = written(regex.as_str()).starts_with("(?i)");
            regex.is_match(path) && (!one.ignore_case || any_case || !has_letters(path))
        }
        (PathMatch::Regex(regex), PathMatch::Prefix(path)) => {
            let pattern = written(regex.as_str());
            takes_all_below(pattern, path)
                && (!one.ignore_case || pattern.starts_with("(?i)") || !has_letters(path))
        }
        (PathMatch::Prefix(prefix), PathMatch::Regex(regex)) => {
            let start = beginning(written(regex.as_str()));
            let rest = start.strip_prefix(&**prefix);
            rest.is_some_and(|rest| prefix.ends_with('/') || rest.starts_with('/'))
        }
        (PathMatch::Regex(one), PathMatch::Regex(other)) => {
            let takes_all = [".*", "(?s).*", "(.*)"].contains(&written(one.as_str()));
            takes_all || one.as_str() == other.as_str()
        }
    }
}

/// An expression as its writer wrote it, without what makes it match all of a text.
fn written(regex: &str) -> &str {
    regex.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(regex)
}

/// Whether an expression takes `path` and every path that begins with it: it ends with `.*`, and what stands before that takes a beginning
/// of `path`. No path holds a line break, which is all that a dot does not take.
fn takes_all_below(pattern: &str, path: &str) -> bool {
    let Some(head) = pattern.strip_suffix(".*") else { return false };
    let escapes = head.bytes().rev().take_while(|byte| *byte == b'\\').count();
    let plain = head.strip_prefix("(?i)").unwrap_or(head);
    // Alternatives outside of groups, sets and flags are beyond what is looked at.
    if escapes % 2 == 1 || plain.contains(['|', '[', ']', '#']) || plain.replace("(?:", "").contains("(?") {
        return false;
    }
    let Ok(head) = full_match(head) else { return false };
    (0..=path.len()).filter_map(|end| path.get(..end)).any(|start| head.is_match(start))
}

/// The text with which every path begins that an expression takes.
fn beginning(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let special = |letter: char| r"\.+*?()[]{}^$#&~".contains(letter);
    let end = pattern.find(special).unwrap_or(pattern.len());
    let (start, rest) = pattern.split_at(end);
    // What is repeated may be there never.
    let repeated = rest.starts_with(['*', '?', '{']);
    let last = start.char_indices().next_back().map_or(0, |(place, _)| place);
    if repeated { start.get(..last).unwrap_or_default() } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_take_all_below_only_where_that_is_certain() {
        for (pattern, path, takes) in [
            (".*", "/api", true),
            ("/.*", "/api", true),
            ("/api.*", "/api/", true),
            ("/a[a-z]i.*", "/api/", false),
            ("/ap+i?.*", "/app/x", true),
            ("/v\\d/.*", "/v1/", true),
            ("/v\\d/.*", "/v1", false),
            ("/api\\.*", "/api", false),
            ("/b|/.*", "/api", false),
            ("(?x)/#.*", "/api", false),
            ("(?i)/API.*", "/api", true),
            ("/api/.+", "/api/", false),
        ] {
            assert_eq!(takes_all_below(pattern, path), takes, "{pattern} {path}");
        }
    }

    #[test]
    fn the_beginning_of_an_expression_is_what_is_never_missing() {
        for (pattern, start) in [
            ("/api/.*", "/api/"),
            ("/apis?/x", "/api"),
            ("/a|/b", ""),
            ("/a{0,1}", "/"),
            ("/abc", "/abc"),
            ("(?i)/a", ""),
        ] {
            assert_eq!(beginning(pattern), start, "{pattern}");
        }
    }
}
