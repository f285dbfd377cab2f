//! What a request's head says about sharing its answer, read in one pass: every request pays for it.
//!
//! Invariant: of headers with one name all count; one that the configuration has put into the key keeps no request from being
//! coalesced.

use crate::HeadView;
use crate::http::says_body;
use crate::request_key::{KeyRules, Place};
use std::borrow::Cow;

/// What a request's head says.
#[derive(Debug, Default)]
pub(super) struct ReadHead<'a> {
    /// What it is for: method, scheme, authority, and path with query; the first of each.
    pub(super) target: [Option<&'a [u8]>; 4],
    /// What of its headers is in the key, by name; those of one name in the order that they came in.
    pub(super) keyed: Vec<(&'a [u8], Cow<'a, [u8]>)>,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
    /// It says that it has a body.
    pub(super) body: bool,
    /// It says who asks, in a header that is not in the key.
    pub(super) credentials: bool,
    /// It asks for partial content.
    pub(super) range: bool,
    /// It asks for what may be answered only if something has not changed.
    pub(super) conditional: bool,
    /// It says something about caches.
    pub(super) caching: bool,
}

impl<'a> ReadHead<'a> {
    /// The head of `request`, whose key these rules make.
    pub(super) fn read(request: &'a impl HeadView, rules: &KeyRules) -> Self {
        let mut head = Self { keyed: Vec::with_capacity(16), ..Self::default() };
        for (name, value) in request.pairs() {
            head.take(name, value, rules);
        }
        crate::sort::sort_by(&mut head.keyed, |(one, _), (other, _)| one.cmp(other));
        head
    }

    /// The method, or nothing.
    pub(super) fn method(&self) -> &'a [u8] {
        let [method, ..] = self.target;
        method.unwrap_or_default()
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8], rules: &KeyRules) {
        let [method, scheme, authority, path] = &mut self.target;
        match name {
            b":method" => return *method = method.or(Some(value)),
            b":scheme" => return *scheme = scheme.or(Some(value)),
            b":authority" => return *authority = authority.or(Some(value)),
            b":path" => return *path = path.or(Some(value)),
            b"upgrade" => self.upgrade = true,
            b"transfer-encoding" | b"content-length" => self.body |= says_body(name, value),
            b"range" | b"if-range" => self.range |= !rules.names(name),
            b"if-match" | b"if-unmodified-since" => self.conditional |= !rules.names(name),
            // What they say is looked at by itself, and makes no other answer.
            b"cache-control" | b"pragma" => {
                self.caching = true;
                if !rules.names(name) {
                    return;
                }
            }
            _ => {}
        }
        match rules.place(name, value) {
            Place::Neutral => {}
            Place::Keyed(value) => self.keyed.push((name, value)),
            Place::Credentials(_) => self.credentials = true,
        }
    }
}
