//! Answers that are kept for a moment.
//!
//! Invariants: what is kept never takes more than the configured bytes; nothing is given beyond its time, nor to a
//! request that it does not fit. The clock may step back: an answer from the future goes, and any other lives longer by
//! the step at most.
//! Trade-off: one answer per key. Requests of one key that differ in a header which the answer depends on put out each
//! other's answers; such a header belongs into the key.
//! Source: RFC 9111, sections 4.1 and 4.2; RFC 5861, section 4.

use super::answer::Answer;
use crate::byte_map::ByteMap;
use crate::memory::Account;
use crate::{RequestView, Timestamp};
use std::rc::Rc;

/// What an entry takes besides its key and its answer.
const OVERHEAD: u64 = 256;

/// Answers by key; the one that was asked for least recently goes first.
#[derive(Clone, Debug)]
pub struct Cache(ByteMap<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    answer: Rc<Answer>,
    fresh_until: Timestamp,
    stale_until: Timestamp,
}

/// Nothing, and no room.
impl Default for Cache {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Cache {
    /// No answers, and room for so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self(ByteMap::new(max_bytes))
    }

    /// The same in a VM that keeps no more than this.
    #[must_use]
    pub fn within(self, kept: &Account) -> Self {
        Self(self.0.within(kept))
    }

    /// Keeps an answer in place of the one with this key: it is fresh until, and may serve in place of a failure until.
    /// One that is too large for all the room is not kept.
    pub fn put(
        &mut self,
        key: impl Into<Rc<[u8]>>,
        answer: Rc<Answer>,
        fresh_until: Timestamp,
        stale_until: Timestamp,
    ) {
        let key = key.into();
        let (size, stale_until) = (size(&key, &answer), stale_until.max(fresh_until));
        self.0.put(key, Entry { answer, fresh_until, stale_until }, size, Some(stale_until));
    }

    /// The answer with this key, if it is fresh and fits `request`.
    pub fn fresh(&mut self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        self.find(key, request, now, |entry| entry.fresh_until)
    }

    /// The answer with this key, if it may serve in place of a failure and fits `request`; it may even be fresh.
    pub fn stale(&mut self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        self.find(key, request, now, |entry| entry.stale_until)
    }

    fn find(
        &mut self,
        key: &[u8],
        request: &impl RequestView,
        now: Timestamp,
        until: impl Fn(&Entry) -> Timestamp,
    ) -> Option<Rc<Answer>> {
        self.expire(now);
        let entry = self.0.get(key)?;
        if entry.answer.at > now {
            self.forget(key);
            return None;
        }
        let found = (now < until(entry) && entry.answer.fits(request)).then(|| Rc::clone(&entry.answer))?;
        self.0.touch(key);
        Some(found)
    }

    /// Forgets the answer that was asked for least recently; `false`: there is none.
    pub fn give_way(&mut self) -> bool {
        self.0.give_way()
    }

    /// Forgets all answers whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        self.0.expire(now);
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

fn size(key: &[u8], answer: &Answer) -> u64 {
    let key = u64::try_from(key.len()).unwrap_or(u64::MAX);
    answer.size().saturating_add(key).saturating_add(OVERHEAD)
}
