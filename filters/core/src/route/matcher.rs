//! One route's condition.
//!
//! Invariant: a regex must match all of its subject (Envoy's `safe_regex`), and never matches bytes that are
//! not UTF-8. regex-lite takes time linear in the subject, so no request can stall a worker.

use crate::RequestView;
use regex_lite::Regex;

/// What a request must look like. All parts must hold.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// Condition on the path without its query.
    pub path: PathMatch,
    /// The methods allowed; empty: any.
    pub methods: Vec<Box<str>>,
    /// Conditions on headers.
    pub headers: Vec<HeaderMatch>,
}

/// A condition on the path.
#[derive(Clone, Debug, Default)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// Paths that begin with this text (plain text, not whole segments).
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

/// What a header's value must be.
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
        self.path.matches(request.path()) && self.matches_rest(request)
    }

    /// The same, the path aside.
    pub(super) fn matches_rest(&self, request: &impl RequestView) -> bool {
        let method = || self.methods.iter().any(|method| method.as_bytes() == request.method());
        (self.methods.is_empty() || method()) && self.headers.iter().all(|header| header.matches(request))
    }
}

impl PathMatch {
    /// Whether `path`, without its query, is what this asks for.
    pub fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => path.starts_with(prefix.as_bytes()),
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Regex(regex) => matches_whole(regex, path),
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
