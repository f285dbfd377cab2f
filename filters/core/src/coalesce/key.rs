//! What tells requests apart, and which of them are coalesced at all.
//!
//! Invariants: requests have one key only if route, method, scheme, authority, path with query, and all headers of the
//! key are the same, byte by byte, in number and order; nothing is decoded, and no two sequences of parts are written
//! alike. What an answer may depend on besides (credentials, conditions, a range, a body) is in the key, or the request
//! goes by itself.
//! Trade-off: letters that mean the same (`/a` and `/%61`) make two keys; that costs a request upstream, while the
//! contrary would give one client another's answer.
//! Source: RFC 9111, sections 2, 3.5, 4 and 5.2.1. What went wrong without it: answers poisoned through headers outside
//! the key, bodies of GET requests, and Squid's CVE-2016-10003.

use super::Settings;
use crate::directives::{CACHE_CONTROL, says, seconds};
use crate::request_key::{announces_body, part, values};
use crate::{HeadView, RequestView};

/// The longest key, in bytes: it is compared, copied into shared data and sent to other workers.
pub const MAX_KEY: usize = 8 << 10;

/// The first byte of every key. Another layout gets another number: modules of two versions may share their data.
const LAYOUT: u8 = 1;
/// What a request is for.
const TARGET: [&str; 4] = [":method", ":scheme", ":authority", ":path"];
/// Who asks. In the key, or the request goes by itself.
const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
/// Which part is asked for.
const RANGES: [&str; 2] = ["range", "if-range"];
/// What the client has already: an answer to it, 304, is of no use to another.
const CONDITIONS: [&str; 4] = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// Why a request goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bypass {
    /// Its method is none that is coalesced.
    Method,
    /// It has a body, which is not in the key.
    Body,
    /// It has credentials, which are not in the key.
    Credentials,
    /// It asks for a part.
    Range,
    /// Its answer depends on what the client has.
    Conditional,
    /// It asks for another protocol, or a tunnel.
    Upgrade,
    /// It must not be stored (RFC 9111, section 5.2.1.5).
    NoStore,
    /// It wants an answer of its own.
    NoCache,
    /// It must not be forwarded by a cache (RFC 9111, section 5.2.1.7).
    OnlyIfCached,
    /// Its key would be longer than [`MAX_KEY`].
    KeyTooLong,
}

impl Bypass {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Method,
        Self::Body,
        Self::Credentials,
        Self::Range,
        Self::Conditional,
        Self::Upgrade,
        Self::NoStore,
        Self::NoCache,
        Self::OnlyIfCached,
        Self::KeyTooLong,
    ];

    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Credentials => "credentials",
            Self::Range => "range",
            Self::Conditional => "conditional",
            Self::Upgrade => "upgrade",
            Self::NoStore => "no_store",
            Self::NoCache => "no_cache",
            Self::OnlyIfCached => "only_if_cached",
            Self::KeyTooLong => "key_too_long",
        }
    }
}

impl Settings {
    /// What tells `request`, of the route with this name, from others; at most [`MAX_KEY`] bytes. `body` is a hash of
    /// its body that nobody can forge (32 bytes), `None` if it has none.
    ///
    /// # Errors
    /// Why the request must go by itself.
    pub fn key(
        &self,
        route: &str,
        request: &impl HeadView,
        body: Option<&[u8; 32]>,
    ) -> Result<Vec<u8>, Bypass> {
        self.is_repeatable(request, body.is_some())?;
        self.is_anyones(request)?;
        self.may_be_answered_together(request)?;
        // Two configurations may be in force at a time. They share no key if one of them tells requests apart that the
        // other does not: so the names of the headers are in the key, present or not, and whether credentials matter.
        let mut key = vec![LAYOUT, u8::from(self.key.share_across_principals)];
        part(&mut key, Some(route.as_bytes()));
        TARGET.iter().for_each(|name| part(&mut key, request.header(name)));
        // In one order, whichever way the client sent them; those of one name stay in theirs.
        let mut always: Vec<_> = request.pairs().filter(|(name, _)| is_always_in_key(name)).collect();
        always.sort_by_key(|(name, _)| *name);
        always.iter().flat_map(|(name, value)| [name, value]).for_each(|text| part(&mut key, Some(text)));
        // No name is empty: here begin those of the configuration.
        part(&mut key, None);
        self.key.headers.iter().for_each(|name| header(&mut key, request, name));
        part(&mut key, None);
        part(&mut key, body.map(<[u8; 32]>::as_slice));
        if key.len() > MAX_KEY { Err(Bypass::KeyTooLong) } else { Ok(key) }
    }

    /// Whether this header (in lower case) is in the key because the configuration says so.
    pub(super) fn has_in_key(&self, name: &str) -> bool {
        self.key.headers.iter().any(|header| **header == *name)
    }

    /// Whether asking once does what asking many times does, and the key holds all that is asked.
    fn is_repeatable(&self, request: &impl RequestView, has_body: bool) -> Result<(), Bypass> {
        let method = request.method();
        if method == b"CONNECT" || request.header("upgrade").is_some() {
            return Err(Bypass::Upgrade);
        }
        match method {
            b"GET" | b"HEAD" if has_body || announces_body(request) => Err(Bypass::Body),
            b"GET" | b"HEAD" => Ok(()),
            b"POST" if !self.key.body => Err(Bypass::Method),
            b"POST" if !has_body => Err(Bypass::Body),
            b"POST" => Ok(()),
            _ => Err(Bypass::Method),
        }
    }

    /// Whether the answer is the same whoever asks.
    fn is_anyones(&self, request: &impl RequestView) -> Result<(), Bypass> {
        let secret = |name: &&str| request.header(name).is_some() && !self.has_in_key(name);
        if !self.key.share_across_principals && CREDENTIALS.iter().any(secret) {
            return Err(Bypass::Credentials);
        }
        Ok(())
    }

    /// Whether the request wants the whole answer, and does not mind whose.
    fn may_be_answered_together(&self, request: &impl RequestView) -> Result<(), Bypass> {
        let special = |name: &&str| request.header(name).is_some() && !self.has_in_key(name);
        if RANGES.iter().any(special) {
            return Err(Bypass::Range);
        }
        if CONDITIONS.iter().any(special) {
            return Err(Bypass::Conditional);
        }
        if says(request, CACHE_CONTROL, "no-store") {
            return Err(Bypass::NoStore);
        }
        // The client would rather have 504 than wait for a server. As a leader it would get that 504 from a cache
        // behind us, for all its followers; as a follower it would wait. Whether `no-cache` is honoured has nothing to
        // do with it.
        if says(request, CACHE_CONTROL, "only-if-cached") {
            return Err(Bypass::OnlyIfCached);
        }
        if self.honour_no_cache && wants_its_own(request) {
            return Err(Bypass::NoCache);
        }
        Ok(())
    }
}

/// Whether the client asks for an answer newer than its request; in the old way only if it says nothing in the new one
/// (RFC 9111, section 5.4).
fn wants_its_own(request: &impl RequestView) -> bool {
    if request.header(CACHE_CONTROL).is_none() {
        return says(request, "pragma", "no-cache");
    }
    says(request, CACHE_CONTROL, "no-cache") || seconds(request, CACHE_CONTROL, "max-age") == Some(0)
}

/// Whether a header is in the key of every request that has it. All that begin with `accept` are: servers choose by them, and
/// do not always say so in `vary`.
fn is_always_in_key(name: &[u8]) -> bool {
    name.starts_with(b"accept")
        || matches!(
            name,
            // `access-control-allow-origin` often repeats it.
            b"origin"
            // Servers build links, redirections and scripts' addresses out of these; that is how an answer gets poisoned.
            | b"forwarded"
            | b"x-forwarded-host"
            | b"x-forwarded-port"
            | b"x-forwarded-prefix"
            | b"x-forwarded-proto"
            | b"x-forwarded-scheme"
            | b"x-forwarded-server"
            | b"x-forwarded-ssl"
            | b"x-host"
            // Frameworks answer for this path instead of the request's own.
            | b"x-original-uri"
            | b"x-original-url"
            | b"x-rewrite-url"
            // Frameworks do this instead of the request's own method.
            | b"x-http-method"
            | b"x-http-method-override"
            | b"x-method-override"
            // It asks for another form of the answer (RFC 7240), as the next do: a fragment instead of a page, a prefetch.
            | b"prefer"
            | b"x-requested-with"
            | b"purpose"
            | b"sec-purpose"
            // Who asks, in other words than `authorization`: keys and tokens, and what a proxy in front found out.
            | b"api-key"
            | b"cf-access-jwt-assertion"
            | b"x-access-token"
            | b"x-amzn-oidc-data"
            | b"x-api-key"
            | b"x-auth-token"
            | b"x-forwarded-client-cert"
            | b"x-forwarded-email"
            | b"x-forwarded-user"
            | b"x-goog-iap-jwt-assertion"
            | b"x-jwt-assertion"
            | b"x-remote-user"
        )
}

/// A header's name and all its values.
fn header(key: &mut Vec<u8>, request: &impl RequestView, name: &str) {
    part(key, Some(name.as_bytes()));
    values(key, request, name);
}
