//! One route's condition.
//!
//! Invariants: a prefix is one of whole segments, as in Envoy's `path_separated_prefix`: `/admin` is none of `/administrator`. A regex must match all of its subject (Envoy's `safe_regex`), and never matches bytes that are
//! not UTF-8. regex-lite takes time linear in the subject, so no request can stall a worker.

use super::hosts::{HostPattern, Nearness};
use crate::RequestView;
use regex_lite::Regex;

/// What a request must look like. All parts must hold.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// The hosts; empty: any.
    pub hosts: Vec<HostPattern>,
    /// Condition on the path without its query.
    pub path: PathMatch,
    /// Whether a literal path is compared without regard to the case of its letters (of ASCII).
    pub ignore_case: bool,
    /// The methods allowed; empty: any.
    pub methods: Vec<Box<str>>,
    /// Conditions on headers.
    pub headers: Vec<HeaderMatch>,
    /// Conditions on parameters of the query.
    pub query: Vec<QueryMatch>,
}

/// A condition on the path.
#[derive(Clone, Debug, Default)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// This path, and those below it; with a slash at its end only these.
    Prefix(Box<str>),
    /// This path.
    Exact(Box<str>),
    /// Paths that this expression matches whole; see [`full_match`].
    Regex(Regex),
}

/// A condition on one header.
#[derive(Clone, Debug)]
pub struct HeaderMatch {
    /// Its name, lower case.
    pub name: Box<str>,
    /// What its value must be. Several values are joined with commas first, as Envoy does.
    pub rule: HeaderRule,
    /// Turns the answer round. A missing header matches no rule about its value, inverted or not, as in Envoy;
    /// an inverted `Present` is how to ask that it be missing.
    pub invert: bool,
}

/// A condition on one parameter of the query.
#[derive(Clone, Debug)]
pub struct QueryMatch {
    /// Its name, as it stands in the path.
    pub name: Box<str>,
    /// What the first of its values must be, as it stands in the path.
    pub rule: HeaderRule,
    /// Turns the answer round; as for headers, a missing one meets none but an inverted `Present`.
    pub invert: bool,
}

/// What a value, of a header or of a parameter, must be.
#[derive(Clone, Debug)]
pub enum HeaderRule {
    /// This text.
    Exact(Box<str>),
    /// Text that begins so.
    Prefix(Box<str>),
    /// Anything, even nothing.
    Present,
    /// Text that this expression matches whole; see [`full_match`].
    Regex(Regex),
}

/// Compiles `pattern` so that it must match the whole text.
///
/// # Errors
/// What regex-lite says of a pattern that it does not accept.
pub fn full_match(pattern: &str) -> Result<Regex, regex_lite::Error> {
    // On its own first: `a)|(b` is only valid inside the group below.
    Regex::new(pattern)?;
    Regex::new(&format!(r"\A(?:{pattern})\z"))
}

impl Matcher {
    /// Whether `request` is what this asks for.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        self.nearness(request).is_some()
    }

    /// How near this is to the host of `request`, if that is what this asks for.
    pub fn nearness(&self, request: &impl RequestView) -> Option<Nearness> {
        let nearness = match self.hosts.as_slice() {
            [] => HostPattern::Any.nearness(&[]),
            hosts => hosts.iter().filter_map(|pattern| pattern.nearness(&request.host())).min(),
        };
        let matches = || self.path.matches(request.path(), self.ignore_case) && self.matches_rest(request);
        nearness.filter(|_| matches())
    }

    /// Whether `request` is what this asks for, host and path aside.
    pub(super) fn matches_rest(&self, request: &impl RequestView) -> bool {
        let method = || self.methods.iter().any(|method| method.as_bytes() == request.method());
        (self.methods.is_empty() || method())
            && self.headers.iter().all(|header| header.matches(request))
            && self.query.iter().all(|parameter| parameter.matches(request))
    }
}

impl PathMatch {
    /// Whether `path`, without its query, is what this asks for; a literal one perhaps in other letters.
    pub fn matches(&self, path: &[u8], ignore_case: bool) -> bool {
        let same = |one: &[u8], other: &str| match ignore_case {
            true => one.eq_ignore_ascii_case(other.as_bytes()),
            false => one == other.as_bytes(),
        };
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => {
                let begins = path.get(..prefix.len()).is_some_and(|start| same(start, prefix));
                begins && is_of_whole_segments(prefix.as_bytes(), path)
            }
            Self::Exact(exact) => same(path, exact),
            Self::Regex(regex) => matches_whole(regex, path),
        }
    }
}

/// Whether `path`, which begins with `prefix`, has it as whole segments.
pub(super) fn is_of_whole_segments(prefix: &[u8], path: &[u8]) -> bool {
    matches!(prefix.last(), None | Some(b'/')) || matches!(path.get(prefix.len()), None | Some(b'/'))
}

impl QueryMatch {
    /// Whether the parameter in the query of `request` is what this asks for.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        match request.query_values(&self.name).next() {
            None => self.invert && matches!(self.rule, HeaderRule::Present),
            Some(value) => self.rule.matches(value) != self.invert,
        }
    }
}

impl HeaderMatch {
    /// Whether the header of `request` is what this asks for.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        let mut values = request.header_values(&self.name);
        let holds = match (values.next(), values.next()) {
            (None, _) => return self.invert && matches!(self.rule, HeaderRule::Present),
            (Some(value), None) => self.rule.matches(value),
            (Some(first), Some(second)) => {
                let mut all = vec![first, second];
                all.extend(values);
                self.rule.matches(&all.join(&b','))
            }
        };
        holds != self.invert
    }
}

impl HeaderRule {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => value == exact.as_bytes(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
            Self::Present => true,
            Self::Regex(regex) => matches_whole(regex, value),
        }
    }
}

fn matches_whole(regex: &Regex, bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    regex.find(text).is_some_and(|found| found.range() == (0..text.len()))
}
