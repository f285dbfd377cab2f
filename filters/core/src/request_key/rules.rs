//! Which of a request's headers are in its key, and as what.
//!
//! Invariants: a header is left out only because it is [neutral](super::neutral), or because the operator says so by its name; by a
//! pattern nobody leaves out who asks. What says on which condition a request is made is never left out.
//! Trade-off: every header's name is looked up, which a request on a route that shares nothing does not pay for.

use super::{Known, Pattern, cookies, fold, names_principal, neutral, pairs, part, query};
use std::borrow::Cow;

/// What an operator may say about the keys of a route, for whatever its requests share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// Headers that are in the key, whatever else is said, in lower case; credentials among them.
    pub headers: Vec<Box<str>>,
    /// Headers that are not.
    pub ignore_headers: Vec<Pattern>,
    /// Cookies that are taken for not there.
    pub ignore_cookies: Vec<Pattern>,
    /// Parameters of the query that are taken for not there.
    pub ignore_query: Vec<Pattern>,
    /// Parameters of the query count, and their order does not.
    pub query_in_any_order: bool,
    /// How much of `accept-language` counts.
    pub languages: Languages,
    /// What the proxy knows of who asks, and answers do not depend on: names of [`Known`].
    pub ignore_attributes: Vec<Pattern>,
}

/// How much of `accept-language` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Languages {
    /// All of it, as it is written.
    #[default]
    Whole,
    /// The first language.
    First,
}

/// What a header is to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Nothing.
    Neutral,
    /// A part of it, with this value.
    Keyed(Cow<'a, [u8]>),
    /// `authorization`, `proxy-authorization` or `cookie`, which nobody has put into the key: what becomes of such a request is for
    /// its section to say.
    Credentials(Cow<'a, [u8]>),
}

/// Why a header cannot be left out of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariable {
    /// It is left out already.
    Neutral,
    /// An answer to one condition is no answer to another.
    Condition,
    /// It says who asks.
    Credentials,
}

impl KeyRules {
    /// Why an operator cannot leave out this header, if so.
    ///
    /// # Errors
    /// The reason.
    pub fn may_ignore(name: &str) -> Result<(), Invariable> {
        match name.as_bytes() {
            b"authorization" | b"proxy-authorization" | b"cookie" => Err(Invariable::Credentials),
            condition if is_condition(condition) => Err(Invariable::Condition),
            neutral if neutral::reason(neutral).is_some() => Err(Invariable::Neutral),
            _ => Ok(()),
        }
    }

    /// Whether a header is in the key because it is named.
    pub(crate) fn names(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|header| header.as_bytes() == name)
    }

    /// What this header is to the key.
    pub(crate) fn place<'a>(&self, name: &[u8], value: &'a [u8]) -> Place<'a> {
        let named = self.names(name);
        match name {
            b"cookie" => match cookies::counting(value, &self.ignore_cookies) {
                // All that there was is ignored.
                Cow::Owned(left) if left.is_empty() => Place::Neutral,
                left if named => Place::Keyed(left),
                left => Place::Credentials(left),
            },
            _ if named => Place::Keyed(self.folded(name, value)),
            b"authorization" | b"proxy-authorization" => Place::Credentials(Cow::Borrowed(value)),
            _ if neutral::reason(name).is_some() || self.ignores(name) => Place::Neutral,
            // Only `1` asks for anything.
            b"dnt" | b"sec-gpc" if value.trim_ascii() != b"1" => Place::Neutral,
            _ => Place::Keyed(self.folded(name, value)),
        }
    }

    /// Whether requests of one key have the same in this header, or what means the same: then a `vary` by it asks for no more.
    pub(crate) fn tells_apart_by(&self, name: &[u8]) -> bool {
        // Only where it stood is in the key, whether it is `1`, and of the cookies only those that count.
        let in_part = matches!(name, b"referer" | b"dnt" | b"sec-gpc")
            || name == b"cookie" && !self.ignore_cookies.is_empty();
        // The first are in a key only if they are named; what the others say is looked at by itself.
        let named_alone = matches!(
            name,
            b"authorization" | b"proxy-authorization" | b"cookie" | b"cache-control" | b"pragma"
        );
        let left_out = || named_alone || neutral::reason(name).is_some() || self.ignores(name);
        let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'*');
        is_name && !in_part && (self.names(name) || !left_out())
    }

    fn ignores(&self, name: &[u8]) -> bool {
        let ignores =
            |pattern: &Pattern| pattern.matches(name) && !(pattern.is_open() && names_principal(name));
        !is_condition(name) && !name.starts_with(b":") && self.ignore_headers.iter().any(ignores)
    }

    fn folded<'a>(&self, name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
        match name {
            b"accept-encoding" => fold::encodings(value),
            b"accept-language" if self.languages == Languages::First => {
                Cow::Owned(fold::first_language(value))
            }
            b"referer" => Cow::Borrowed(fold::origin(value)),
            _ => Cow::Borrowed(value),
        }
    }

    /// What of a path with its query counts.
    pub(crate) fn target<'a>(&self, target: &'a [u8]) -> Cow<'a, [u8]> {
        query::counting(target, &self.ignore_query, self.query_in_any_order)
    }

    /// Appends what the proxy knows of who asks.
    pub(crate) fn known(&self, key: &mut Vec<u8>, known: &Known) {
        pairs(key, self.counting(known));
    }

    /// What of that the operator has not left out.
    pub(crate) fn counting<'a>(&self, known: &'a Known) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let counts = |name: &[u8]| !self.ignore_attributes.iter().any(|pattern| pattern.matches(name));
        known.facts().filter(move |(name, _)| counts(name))
    }

    /// Appends the rules themselves. Two configurations may be in force at a time; they share no key if one of them tells requests
    /// apart that the other does not.
    pub(crate) fn write(&self, key: &mut Vec<u8>) {
        key.push(u8::from(self.query_in_any_order) | u8::from(self.languages == Languages::First) << 1);
        self.headers.iter().for_each(|name| part(key, Some(name.as_bytes())));
        part(key, None);
        for patterns in
            [&self.ignore_headers, &self.ignore_cookies, &self.ignore_query, &self.ignore_attributes]
        {
            patterns.iter().flat_map(Pattern::bytes).for_each(|text| part(key, Some(text)));
            part(key, None);
        }
    }
}

/// Whether a header says on which condition, or for which part, a request is made.
fn is_condition(name: &[u8]) -> bool {
    matches!(
        name,
        b"if-match"
            | b"if-none-match"
            | b"if-modified-since"
            | b"if-unmodified-since"
            | b"if-range"
            | b"range"
    )
}
