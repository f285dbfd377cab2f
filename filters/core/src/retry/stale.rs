//! The last good answers, for the time when there are none.
//!
//! Invariants: what is kept never takes more than the configured bytes; nothing is kept that RFC 9111 keeps from being
//! stored, or from being used when it is stale; two requests share an answer only if all that tells them apart is in the key.
//! Trade-off: the oldest answers go first, whether they are asked for or not.
//! Source: RFC 5861, section 4; RFC 9111, sections 3 and 4.2.4.

use super::settings::StaleIfError;
use crate::byte_map::ByteMap;
use crate::contract::CANDIDATES_HEADER;
use crate::http::caching::{is_one_clients, is_useless_when_stale, is_validated_first, varies_by};
use crate::http::lists::{CACHE_CONTROL, says};
use crate::memory::Account;
use crate::request_key::{Known, Place, announces_body, pairs, part};
use crate::{HeadView, RequestView, Timestamp};
use core::time::Duration;

/// The longest key, in bytes; it is held while its request is under way, and twice with an answer.
pub const MAX_KEY: usize = 8 << 10;

/// What an answer takes besides its own bytes.
const OVERHEAD: usize = 256;
/// What each of its headers does.
const HEADER_OVERHEAD: usize = 48;

/// An answer that was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    /// Its body.
    pub body: Box<[u8]>,
    /// When it came.
    pub at: Timestamp,
}

/// Answers by key, oldest first.
#[derive(Debug)]
pub struct StaleAnswers(ByteMap<StoredAnswer>);

/// Nothing, and no room.
impl Default for StaleAnswers {
    fn default() -> Self {
        Self::new(0)
    }
}

impl StaleAnswers {
    /// No answers, and room for so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self(ByteMap::new(max_bytes))
    }

    /// The same in a VM that keeps no more than this.
    #[must_use]
    pub fn within(self, kept: &Account) -> Self {
        Self(self.0.within(kept))
    }

    /// Keeps an answer in place of the one with this key; one that is too large for all the room is not kept.
    pub fn put(&mut self, key: Vec<u8>, answer: StoredAnswer) {
        let size = size(&key, &answer);
        self.0.put(key, answer, size, None);
    }

    /// The answer with this key, if it is younger than `max_age`; nobody knows how old one is that comes from the future.
    pub fn get(&self, key: &[u8], max_age: Duration, now: Timestamp) -> Option<&StoredAnswer> {
        self.0.get(key).filter(|answer| now >= answer.at && now.since(answer.at) < max_age)
    }

    /// Forgets the answer with this key.
    pub fn forget(&mut self, key: &[u8]) {
        self.0.forget(key);
    }

    /// What all answers take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn size(key: &[u8], answer: &StoredAnswer) -> u64 {
    let header = |(name, value): &(Box<str>, Box<[u8]>)| name.len() + value.len() + HEADER_OVERHEAD;
    let headers: usize = answer.headers.iter().map(header).sum();
    // A key counts for itself, and for its places in the orders.
    u64::try_from(2 * key.len() + headers + answer.body.len() + OVERHEAD).unwrap_or(u64::MAX)
}

impl StaleIfError {
    /// What tells the answers to `request` from others, at most [`MAX_KEY`] bytes; `None` if none may be kept: only those to a GET
    /// without a range or a body, and to requests with credentials only if the credentials are part of the key. `ended`: it ends with
    /// its head; HTTP/2 needs no header to announce a body. `known`, what the proxy knows of who asks, is read only if all else lets
    /// an answer be kept.
    pub fn key(
        &self,
        request: &impl HeadView,
        ended: bool,
        known: impl FnOnce() -> Option<Known>,
    ) -> Option<Vec<u8>> {
        let asks_for_partial_content = request.header("range").is_some();
        if request.method() != b"GET" || !ended || asks_for_partial_content || announces_body(request) {
            return None;
        }
        if says(request, CACHE_CONTROL, "no-store") {
            return None;
        }
        let mut keyed = Vec::with_capacity(16);
        for (name, value) in request.pairs().filter(|(name, _)| !is_apart(name)) {
            match self.key.place(name, value) {
                Place::Neutral => {}
                Place::Keyed(value) => keyed.push((name, value)),
                Place::Credentials(_) => return None,
            }
        }
        crate::sort::sort_by(&mut keyed, |(one, _), (other, _)| one.cmp(other));
        let mut key = Vec::new();
        part(&mut key, request.header(":authority"));
        part(&mut key, Some(&self.key.target(request.path_and_query())));
        pairs(&mut key, keyed.iter().map(|(name, value)| (*name, &**value)));
        if key.len() <= MAX_KEY {
            self.key.known(&mut key, &known()?);
        }
        (key.len() <= MAX_KEY).then_some(key)
    }

    /// Whether an answer with this status and these headers may be kept.
    pub fn may_store(&self, status: u16, answer: &impl RequestView) -> bool {
        let cacheable = matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 410);
        cacheable
            && is_one_clients(status, answer).is_none()
            && !is_validated_first(answer)
            && !is_useless_when_stale(answer)
            && varies_by(answer).all(|name| self.covers(name))
    }

    /// Whether what an answer varies by is in the key.
    fn covers(&self, name: &[u8]) -> bool {
        // A header may be called `*`, but in `vary` that means more than the request.
        name != b"*" && self.key.tells_apart_by(&name.to_ascii_lowercase())
    }
}

/// Whether a header is in the key by itself, says how old an answer may be and not which, or is the router's, which names other
/// endpoints for the next request.
fn is_apart(name: &[u8]) -> bool {
    matches!(name, b":authority" | b":path" | b":method" | b"cache-control" | b"pragma")
        || name == CANDIDATES_HEADER.as_bytes()
}
