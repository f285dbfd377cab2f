//! From a request to the key that consistent hashing looks up.
//!
//! Invariant: the hash that Envoy's `source/common/http/hash_policy.cc` gives for the same list of policies, but for three rules of
//! ours: `path`, which Envoy has not; the host, whose spellings are one; and values that are empty, which count as missing. Otherwise
//! all who send `x-user:` would be one user, and share one endpoint. Trade-off: a header with one value is hashed where it lies; only
//! repeated headers are collected and sorted.

use super::{Cookie, HashOn, NewCookie, Source, cookie, xxh64, xxh64_chained};
use crate::RequestView;
use fastrand::Rng;

/// What a request hashes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashOutcome {
    /// The key; `None` if the request has none of the parts.
    pub hash: Option<u64>,
    /// A cookie that the response must set, so that the client comes back with this key.
    pub set_cookie: Option<NewCookie>,
}

/// The validated form of `hash_on`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHash {
    entries: Box<[HashOn]>,
}

impl RequestHash {
    /// The key made of `entries` in order. Only the first cookie with a `ttl` is ever made: a response sets one
    /// cookie, and a second one that came later would move the client.
    pub fn new(mut entries: Vec<HashOn>) -> Self {
        let mut made = false;
        for entry in &mut entries {
            match &mut entry.source {
                // Envoy looks `host` up as `:authority`.
                Source::Header(name) if matches!(&**name, "host" | ":authority") => {
                    entry.source = Source::Host;
                }
                Source::Cookie(cookie) if made => cookie.ttl = None,
                Source::Cookie(cookie) => made = cookie.ttl.is_some(),
                _ => {}
            }
        }
        Self { entries: entries.into_boxed_slice() }
    }

    /// Whether some entry reads the client's address, which costs a host call.
    pub fn needs_source_ip(&self) -> bool {
        self.entries.iter().any(|entry| entry.source == Source::SourceIp)
    }

    /// Whether no request has a key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The key of `request`. `random` is drawn from only when a cookie is made.
    pub fn evaluate(&self, request: &impl RequestView, random: &mut Rng) -> HashOutcome {
        let mut outcome = HashOutcome::default();
        for entry in &self.entries {
            let part = match &entry.source {
                Source::Header(name) => header(request, name),
                Source::Host => {
                    Some(request.host()).filter(|host| !host.is_empty()).map(|host| xxh64(&host, 0))
                }
                Source::Cookie(cookie) => cookie_or_new(request, cookie, random, &mut outcome.set_cookie),
                Source::QueryParameter(name) => {
                    request.query_values(name).find(|value| !value.is_empty()).map(|value| xxh64(value, 0))
                }
                Source::SourceIp => request.source_ip().filter(|ip| !ip.is_empty()).map(|ip| xxh64(&ip, 0)),
                Source::Path => {
                    Some(request.path()).filter(|path| !path.is_empty()).map(|path| xxh64(path, 0))
                }
            };
            if let Some(part) = part {
                // Turning the old hash keeps two equal parts from cancelling out.
                outcome.hash = Some(outcome.hash.unwrap_or_default().rotate_left(1) ^ part);
            }
            if entry.terminal && outcome.hash.is_some() {
                break;
            }
        }
        outcome
    }
}

fn header(request: &impl RequestView, name: &str) -> Option<u64> {
    let mut values = request.header_values(name).filter(|value| !value.is_empty());
    let first = values.next()?;
    let Some(second) = values.next() else { return Some(xxh64(first, 0)) };
    let mut all: Vec<&[u8]> = [first, second].into_iter().chain(values).collect();
    crate::sort::sort(&mut all);
    Some(xxh64_chained(all))
}

fn cookie_or_new(
    request: &impl RequestView,
    cookie: &Cookie,
    random: &mut Rng,
    set_cookie: &mut Option<NewCookie>,
) -> Option<u64> {
    if let Some(value) = cookie::find(request.header_values("cookie"), &cookie.name) {
        return Some(xxh64(value, 0));
    }
    cookie.ttl?;
    let new = NewCookie::new(cookie, random.u64(..));
    let hash = xxh64(new.value.as_bytes(), 0);
    *set_cookie = Some(new);
    Some(hash)
}
