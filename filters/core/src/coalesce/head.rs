//! What a request's head says about sharing its answer, read in one pass: every request pays for it.
//!
//! Invariant: of headers with one name all count; one that the configuration has put into the key keeps no request from being
//! coalesced.

use crate::HeadView;
use crate::request_key::{names_principal, shapes_answers};

/// What a request's head says.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    /// What it is for: method, scheme, authority, and path with query; the first of each.
    pub(super) target: [Option<&'a [u8]>; 4],
    /// Headers that are in the key of every request that has them, by name; those of one name in the order that they came in.
    pub(super) always: Vec<(&'a [u8], &'a [u8])>,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
    /// It says that it has a body.
    pub(super) body: bool,
    /// It says who asks, in a header that is not in the key.
    pub(super) credentials: bool,
    /// It asks for a part.
    pub(super) range: bool,
    /// It says what the client has already: an answer to that, 304, is of no use to another.
    pub(super) conditional: bool,
    /// It says something about caches.
    pub(super) caching: bool,
}

impl<'a> Head<'a> {
    /// The head of `request`; the headers of this configuration's keys are `keyed`.
    pub(super) fn read(request: &'a impl HeadView, keyed: &[Box<str>]) -> Self {
        let mut head = Self::default();
        for (name, value) in request.pairs() {
            head.take(name, value, keyed);
        }
        head.always.sort_by_key(|(name, _)| *name);
        head
    }

    /// The method, or nothing.
    pub(super) fn method(&self) -> &'a [u8] {
        let [method, ..] = self.target;
        method.unwrap_or_default()
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8], keyed: &[Box<str>]) {
        let counts = || !keyed.iter().any(|header| header.as_bytes() == name);
        let [method, scheme, authority, path] = &mut self.target;
        match name {
            b":method" => *method = method.or(Some(value)),
            b":scheme" => *scheme = scheme.or(Some(value)),
            b":authority" => *authority = authority.or(Some(value)),
            b":path" => *path = path.or(Some(value)),
            b"upgrade" => self.upgrade = true,
            b"transfer-encoding" => self.body = true,
            b"content-length" => self.body |= value.trim_ascii() != b"0",
            b"authorization" | b"proxy-authorization" | b"cookie" => self.credentials |= counts(),
            b"range" | b"if-range" => self.range |= counts(),
            b"if-match" | b"if-none-match" | b"if-modified-since" | b"if-unmodified-since" => {
                self.conditional |= counts();
            }
            b"cache-control" | b"pragma" => self.caching = true,
            _ if shapes_answers(name) || names_principal(name) => self.always.push((name, value)),
            _ => {}
        }
    }
}
