//! What tells requests apart, and which of them are coalesced at all.
//!
//! Invariants: requests have one key only if route, method, scheme, authority, path with query, who asks as far as the proxy
//! knows, and all headers but those that [change no answer](crate::request_key) are the same, in number and order; nothing is
//! decoded, and no two sequences of parts are written alike. What cannot be in the key (credentials that nobody has put there, a
//! range, a body) sends its request by itself.
//! Trade-off: letters that mean the same (`/a` and `/%61`) make two keys; that costs a request upstream, while the
//! contrary would give one client another's answer.
//! Source: RFC 9111, sections 2, 3.5, 4 and 5.2.1. What went wrong without it: answers poisoned through headers outside
//! the key, bodies of GET requests, and Squid's CVE-2016-10003.

use super::Settings;
use super::head::ReadHead;
use crate::http::lists::{CACHE_CONTROL, says, seconds};
use crate::request_key::{Known, Noise, pairs, part};
use crate::{HeadView, RequestView};

/// The longest key, in bytes: it is compared, copied into shared data and sent to other workers.
pub const MAX_KEY: usize = 8 << 10;

/// The first byte of every key. Another layout gets another number: modules of two versions may share their data.
const LAYOUT: u8 = 2;
/// Most keys are shorter, in bytes.
const MOST_KEYS: usize = 1024;

/// Why a request goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bypass {
    /// Its method is none that is coalesced.
    Method,
    /// It has a body, which is not in the key.
    Body,
    /// It has credentials, which are not in the key.
    Credentials,
    /// It asks for partial content.
    Range,
    /// It is to be answered only if something has not changed.
    Conditional,
    /// It asks for another protocol, or a tunnel.
    Upgrade,
    /// It must not be stored (RFC 9111, section 5.2.1.5).
    NoStore,
    /// It wants an answer of its own.
    NoCache,
    /// It must not be forwarded by a cache (RFC 9111, section 5.2.1.7).
    OnlyIfCached,
    /// What the proxy knows of who asks could not be read.
    Identity,
    /// Its key would be longer than [`MAX_KEY`].
    KeyTooLong,
}

impl Bypass {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Method,
        Self::Body,
        Self::Credentials,
        Self::Range,
        Self::Conditional,
        Self::Upgrade,
        Self::NoStore,
        Self::NoCache,
        Self::OnlyIfCached,
        Self::Identity,
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
            Self::Identity => "identity",
            Self::KeyTooLong => "key_too_long",
        }
    }
}

impl Settings {
    /// What tells `request`, of the route with this name, from others; at most [`MAX_KEY`] bytes. `body` is a hash of
    /// its body that nobody can forge (32 bytes), `None` if it has none. `known`, what the proxy knows of who asks, is read only
    /// if all else lets the request share an answer, and it matters who asks; `None` if it cannot be read.
    ///
    /// # Errors
    /// Why the request must go by itself.
    pub fn key(
        &self,
        route: &str,
        request: &impl HeadView,
        body: Option<&[u8; 32]>,
        known: impl FnOnce() -> Option<Known>,
    ) -> Result<Vec<u8>, Bypass> {
        let rules = &self.key.rules;
        let head = ReadHead::read(request, rules);
        self.is_repeatable(&head, body.is_some())?;
        self.may_be_answered_together(&head, request)?;
        let mut key = Vec::with_capacity(MOST_KEYS);
        key.extend([LAYOUT, u8::from(self.key.share_across_principals)]);
        rules.write(&mut key);
        part(&mut key, Some(route.as_bytes()));
        let [method, scheme, authority, path] = head.target;
        [method, scheme, authority].iter().for_each(|value| part(&mut key, *value));
        part(&mut key, path.map(|path| rules.target(path)).as_deref());
        pairs(&mut key, head.keyed.iter().map(|(name, value)| (*name, &**value)));
        part(&mut key, body.map(<[u8; 32]>::as_slice));
        if key.len() <= MAX_KEY && !self.key.share_across_principals {
            rules.known(&mut key, &known().ok_or(Bypass::Identity)?);
        }
        if key.len() > MAX_KEY { Err(Bypass::KeyTooLong) } else { Ok(key) }
    }

    /// What of a request's key, of its headers and of what the proxy knows, is found to be another one in nearly every request, for the
    /// first time.
    pub fn noise(&self, noise: &mut Noise, request: &impl HeadView, known: &Known) -> Vec<String> {
        if !noise.looks() {
            return Vec::new();
        }
        let head = ReadHead::read(request, &self.key.rules);
        let headers = head.keyed.iter().map(|(name, value)| (*name, &**value));
        noise.look(headers.chain(self.key.rules.counting(known)))
    }

    /// Whether this header (in lower case) is in the key because the configuration says so.
    pub(super) fn has_in_key(&self, name: &str) -> bool {
        self.key.rules.names(name.as_bytes())
    }

    /// Whether asking once does what asking many times does, and the key holds all that is asked.
    fn is_repeatable(&self, head: &ReadHead<'_>, has_body: bool) -> Result<(), Bypass> {
        let method = head.method();
        if method == b"CONNECT" || head.upgrade {
            return Err(Bypass::Upgrade);
        }
        match method {
            b"GET" | b"HEAD" if has_body || head.body => Err(Bypass::Body),
            b"GET" | b"HEAD" => Ok(()),
            b"POST" if !self.key.body => Err(Bypass::Method),
            b"POST" if !has_body => Err(Bypass::Body),
            b"POST" => Ok(()),
            _ => Err(Bypass::Method),
        }
    }

    /// Whether the answer is the same whoever asks, and the request wants the whole of it and does not mind whose.
    fn may_be_answered_together(
        &self,
        head: &ReadHead<'_>,
        request: &impl RequestView,
    ) -> Result<(), Bypass> {
        let says = |directive| head.caching && says(request, CACHE_CONTROL, directive);
        let reasons = [
            (head.credentials && !self.key.share_across_principals, Bypass::Credentials),
            (head.range, Bypass::Range),
            (head.conditional, Bypass::Conditional),
            (says("no-store"), Bypass::NoStore),
            // The client would rather have 504 than wait for a server. As a leader it would get that 504 from a cache
            // behind us, for all its followers; as a follower it would wait. Whether `no-cache` is honoured has nothing
            // to do with it.
            (says("only-if-cached"), Bypass::OnlyIfCached),
            (self.honour_no_cache && head.caching && wants_its_own(request), Bypass::NoCache),
        ];
        reasons.iter().find(|(applies, _)| *applies).map_or(Ok(()), |(_, reason)| Err(*reason))
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
