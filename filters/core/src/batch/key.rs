//! What tells requests apart that may not share a call, and which of them never share one.
//!
//! Invariants: requests have one key only if configuration, route, method, scheme, authority, path with query, who asks, and
//! all headers but those that [change no answer](crate::request_key) are the same, in number and order; nothing is decoded, and no
//! two sequences of parts are written alike. What the call says of its first request alone is in the key, or taken off
//! ([`super::call_headers`]), or changes no answer. What can be said of one request but not of a joined one (a condition, a range,
//! a digest, a key against repetition) sends it by itself.
//! Trade-offs: letters that mean the same make two keys, and so two calls. Who asks is what credentials say, whole: two
//! tokens of one user are two principals. An address is none: an upstream that goes by `x-forwarded-for` needs it in
//! [`KeyPolicy::principal`](super::KeyPolicy::principal).
//! Source: RFC 9110, sections 7.6.1, 8, 13 and 14; RFC 9421; Hystrix issue 842, one caller's identity for a whole batch.

use super::{KeyPolicy, Part, Settings};
use crate::HeadView;
use crate::http::lists::members;
use crate::http::{says_body, speaks_grpc};
use crate::request_key::{Known, Noise, Place, names_principal, pairs, part, proves_principal};
use std::borrow::Cow;

/// The longest key without a part's group, in bytes.
pub const MAX_KEY: usize = 8 << 10;

/// The first byte of every key. Another layout gets another number: modules of two versions may share their data.
const LAYOUT: u8 = 2;
/// Most keys are shorter, in bytes.
const MOST_KEYS: usize = 1024;

/// Why a request goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bypass {
    /// Its method is not the protocol's.
    Method,
    /// It has a body where there should be none.
    Body,
    /// It asks for another protocol, or a tunnel.
    Upgrade,
    /// It is gRPC's, whose outcome is in trailers.
    Grpc,
    /// Its answer depends on what the client has.
    Conditional,
    /// It asks for partial content, or has some.
    Range,
    /// Its body is encoded.
    ContentEncoding,
    /// It waits to be told to go on.
    Expect,
    /// It is signed, or has a digest: what is signed would not be what is sent.
    Signed,
    /// It has a key that its repetitions are known by. Under that the others' would be taken for it, or it for theirs.
    Idempotency,
    /// A header of it is not text: a call with its head could not be written, and would fail for all.
    NotText,
    /// What the proxy knows of who asks could not be read.
    Identity,
    /// Its key would be longer than [`MAX_KEY`].
    KeyTooLong,
}

impl Bypass {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::Method,
        Self::Body,
        Self::Upgrade,
        Self::Grpc,
        Self::Conditional,
        Self::Range,
        Self::ContentEncoding,
        Self::Expect,
        Self::Signed,
        Self::Idempotency,
        Self::NotText,
        Self::Identity,
        Self::KeyTooLong,
    ];

    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Upgrade => "upgrade",
            Self::Grpc => "grpc",
            Self::Conditional => "conditional",
            Self::Range => "range",
            Self::ContentEncoding => "content_encoding",
            Self::Expect => "expect",
            Self::Signed => "signed",
            Self::Idempotency => "idempotency",
            Self::NotText => "not_text",
            Self::Identity => "identity",
            Self::KeyTooLong => "key_too_long",
        }
    }
}

impl Settings {
    /// What tells `request`, of the route with this name, from others, as far as its head says. Two configurations have two
    /// fingerprints, `configuration`, and so no key in common.
    ///
    /// # Errors
    /// Why the request must go by itself.
    pub fn key(&self, route: &str, configuration: u64, request: &impl HeadView) -> Result<HeadKey, Bypass> {
        let by_path = self.protocol.groups_by_path();
        let head = ReadHead::read(request, self);
        head.may_be_joined(if by_path { b"GET" } else { b"POST" })?;
        let mut key = Vec::with_capacity(MOST_KEYS);
        key.push(LAYOUT);
        key.extend(configuration.to_le_bytes());
        part(&mut key, Some(route.as_bytes()));
        let [method, scheme, authority, path] = head.target;
        [method, scheme, authority, path.filter(|_| !by_path)]
            .iter()
            .for_each(|value| part(&mut key, *value));
        pairs(&mut key, borrowed(&head.keyed));
        let asks = !self.key.mixes_principals && self.principal(&mut key, &head);
        if key.len() > MAX_KEY { Err(Bypass::KeyTooLong) } else { Ok(HeadKey { bytes: key, asks }) }
    }

    /// What of a request's key, of its headers and of what the proxy knows, is found to be another one in nearly every request, for the
    /// first time.
    pub fn noise(&self, noise: &mut Noise, request: &impl HeadView, known: &Known) -> Vec<String> {
        if !noise.looks() {
            return Vec::new();
        }
        let ReadHead { keyed, principal, credentials, .. } = ReadHead::read(request, self);
        let headers = borrowed(&keyed).chain(borrowed(&principal)).chain(borrowed(&credentials));
        noise.look(headers.chain(self.key.rules.counting(known)))
    }

    /// Who asks. A header that is there without a value says nothing about it. Whether what the proxy knows of it counts, too.
    fn principal(&self, key: &mut Vec<u8>, head: &ReadHead<'_>) -> bool {
        pairs(key, borrowed(&head.principal));
        let is_named = head.principal.iter().any(|(_, value)| !value.trim_ascii().is_empty());
        if !is_named {
            pairs(key, borrowed(&head.credentials));
        }
        !is_named
    }

    /// The whole key; at most [`MAX_KEY`] bytes without what the part's protocol groups it by. `known` reads what the proxy knows of who
    /// asks, if it matters; `None` if it cannot be read.
    ///
    /// # Errors
    /// Why the request must go by itself.
    pub fn complete(
        &self,
        HeadKey { mut bytes, asks }: HeadKey,
        of: &Part,
        known: impl FnOnce() -> Option<Known>,
    ) -> Result<Vec<u8>, Bypass> {
        if asks {
            self.key.rules.known(&mut bytes, &known().ok_or(Bypass::Identity)?);
        }
        if bytes.len() > MAX_KEY {
            return Err(Bypass::KeyTooLong);
        }
        part(&mut bytes, Some(&of.group));
        Ok(bytes)
    }
}

/// What a request's head says of its key. It is none before [`Settings::complete`] has added who asks and what for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeadKey {
    bytes: Vec<u8>,
    /// What the proxy knows of who asks belongs to it.
    asks: bool,
}

/// Headers as they are in the key, by name; those of one name in the order that they came in.
type Headers<'a> = Vec<(&'a [u8], Cow<'a, [u8]>)>;

fn borrowed<'a>(headers: &'a Headers<'_>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, &**value))
}

/// What a request's head says about sharing a call, read in one pass.
#[derive(Debug, Default)]
struct ReadHead<'a> {
    /// Method, scheme, authority, and path with query; the first of each.
    target: [Option<&'a [u8]>; 4],
    /// What is in every key.
    keyed: Headers<'a>,
    /// Headers that say who asks by the operator's word.
    principal: Headers<'a>,
    /// Headers that usually prove who asks.
    credentials: Headers<'a>,
    /// The request says that it has a body.
    body: bool,
    /// The first header that sends it by itself says this.
    alone: Option<Bypass>,
}

impl<'a> ReadHead<'a> {
    fn read(request: &'a impl HeadView, settings: &Settings) -> Self {
        let mut head = Self { keyed: Vec::with_capacity(16), ..Self::default() };
        for (name, value) in request.pairs() {
            head.take(name, value, settings);
        }
        for headers in [&mut head.keyed, &mut head.principal, &mut head.credentials] {
            crate::sort::sort_by(headers, |(one, _), (other, _)| one.cmp(other));
        }
        head
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8], settings: &Settings) {
        if str::from_utf8(name).and(str::from_utf8(value)).is_err() {
            self.alone = self.alone.or(Some(Bypass::NotText));
        }
        let [method, scheme, authority, path] = &mut self.target;
        match name {
            b":method" => *method = method.or(Some(value)),
            b":scheme" => *scheme = scheme.or(Some(value)),
            b":authority" => *authority = authority.or(Some(value)),
            b":path" => *path = path.or(Some(value)),
            b"transfer-encoding" | b"content-length" => self.body |= says_body(name, value),
            _ => {
                self.alone = self.alone.or(alone(name, value));
                self.sort(name, value, &settings.key, settings.deadline.header.as_deref());
            }
        }
    }

    /// Puts a header where it belongs.
    fn sort(&mut self, name: &'a [u8], value: &'a [u8], key: &KeyPolicy, deadline: Option<&str>) {
        let KeyPolicy { rules, principal, mixes_principals } = key;
        let is = |list: &[Box<str>]| list.iter().any(|header| header.as_bytes() == name);
        // What the call says of these is made for it. What a `connection` names is taken off the call, so it counts.
        let made_anew = matches!(name, b"accept-encoding" | b"content-encoding" | b"grpc-timeout")
            || deadline.is_some_and(|header| header.as_bytes() == name);
        match rules.place(name, value) {
            _ if is(principal) => self.principal.push((name, Cow::Borrowed(value))),
            Place::Keyed(value) if rules.names(name) => self.keyed.push((name, value)),
            _ if made_anew => {}
            _ if name == b"connection" => self.keyed.push((name, Cow::Borrowed(value))),
            Place::Neutral => {}
            Place::Keyed(_) | Place::Credentials(_) if *mixes_principals && names_principal(name) => {}
            Place::Keyed(value) if proves_principal(name) => self.credentials.push((name, value)),
            Place::Credentials(value) => self.credentials.push((name, value)),
            Place::Keyed(value) => self.keyed.push((name, value)),
        }
    }

    /// Whether a request like this, with the protocol's method, may be one of several in a call.
    fn may_be_joined(&self, method: &[u8]) -> Result<(), Bypass> {
        let [own, ..] = self.target;
        let has_body = self.body && method == b"GET";
        let reasons = [
            (own == Some(b"CONNECT"), Bypass::Upgrade),
            (own != Some(method), Bypass::Method),
            (has_body, Bypass::Body),
        ];
        let reason = reasons.iter().find(|(applies, _)| *applies).map(|(_, reason)| *reason);
        reason.or(self.alone).map_or(Ok(()), Err)
    }
}

/// Why a request with this header goes by itself, if it does.
fn alone(name: &[u8], value: &[u8]) -> Option<Bypass> {
    let reason = match name {
        b"upgrade" | b":protocol" => Bypass::Upgrade,
        b"if-match" | b"if-none-match" | b"if-modified-since" | b"if-unmodified-since" => Bypass::Conditional,
        b"range" | b"if-range" | b"content-range" => Bypass::Range,
        b"expect" => Bypass::Expect,
        b"signature"
        | b"signature-input"
        | b"content-digest"
        | b"repr-digest"
        | b"digest"
        | b"content-md5"
        | b"x-amz-content-sha256" => Bypass::Signed,
        b"idempotency-key" | b"x-idempotency-key" => Bypass::Idempotency,
        b"content-encoding" if !is_identity(value) => Bypass::ContentEncoding,
        b"content-type" if speaks_grpc(value) => Bypass::Grpc,
        _ => return None,
    };
    Some(reason)
}

/// Whether a list of encodings changes nothing.
pub(super) fn is_identity(encodings: &[u8]) -> bool {
    members(encodings).all(|encoding| encoding.eq_ignore_ascii_case(b"identity"))
}
