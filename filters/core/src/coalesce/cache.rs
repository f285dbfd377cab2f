//! Answers that are kept for a moment.
//!
//! Invariants: what is kept never takes more than the configured bytes; nothing is given beyond its time, nor to a
//! request that it does not fit. The clock may step back: an answer from the future goes, and any other lives longer by
//! the step at most.
//! Trade-off: one answer per key. Requests of one key that differ in a header which the answer depends on put out each
//! other's answers; such a header belongs into the key.
//! Source: RFC 9111, sections 4.1 and 4.2; RFC 5861, section 4.

use super::answer::Answer;
use crate::memory::Account;
use crate::{RequestView, Timestamp};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What an entry takes besides its key and its answer.
const OVERHEAD: u64 = 256;

/// Answers by key; the one that was asked for least recently goes first.
#[derive(Debug)]
pub struct Cache {
    entries: HashMap<Rc<[u8]>, Entry>,
    /// Keys by when they were last asked for.
    order: BTreeMap<u64, Rc<[u8]>>,
    /// When entries end; two may end at a time.
    ends: BTreeSet<(Timestamp, Rc<[u8]>)>,
    /// The last number that was given.
    number: u64,
    max_bytes: u64,
    account: Account,
}

#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    answer: Rc<Answer>,
    fresh_until: Timestamp,
    stale_until: Timestamp,
}

/// A copy has an account of its own.
impl Clone for Cache {
    fn clone(&self) -> Self {
        let account = Account::new(self.max_bytes);
        account.take_anyway(self.bytes());
        Self {
            entries: self.entries.clone(),
            order: self.order.clone(),
            ends: self.ends.clone(),
            account,
            ..*self
        }
    }
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
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            ends: BTreeSet::new(),
            number: 0,
            max_bytes,
            account: Account::new(max_bytes),
        }
    }

    /// The same in a VM that keeps no more than this.
    #[must_use]
    pub fn within(mut self, kept: &Account) -> Self {
        self.account = kept.part(self.max_bytes);
        self
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
        self.forget(&key);
        let size = size(&key, &answer);
        if !self.account.could_have(size) {
            return;
        }
        while !self.account.has_room(size) {
            // What others of the VM have does not go for it.
            if !self.give_way() {
                return;
            }
        }
        self.account.take_anyway(size);
        self.number += 1;
        self.order.insert(self.number, Rc::clone(&key));
        let entry =
            Entry { number: self.number, answer, fresh_until, stale_until: stale_until.max(fresh_until) };
        self.ends.insert((entry.stale_until, Rc::clone(&key)));
        self.entries.insert(key, entry);
    }

    /// The answer with this key, if it is fresh and fits `request`.
    pub fn fresh(&mut self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        self.find(key, request, now, |entry| entry.fresh_until)
    }

    /// The answer with this key, if it may serve in place of a failure and fits `request`; it may even be fresh.
    pub fn stale(&mut self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        self.find(key, request, now, |entry| entry.stale_until)
    }

    /// Forgets the answer that was asked for least recently; `false`: there is none.
    pub fn give_way(&mut self) -> bool {
        let Some((_, last)) = self.order.pop_first() else { return false };
        self.forget(&last);
        true
    }

    fn find(
        &mut self,
        key: &[u8],
        request: &impl RequestView,
        now: Timestamp,
        until: impl Fn(&Entry) -> Timestamp,
    ) -> Option<Rc<Answer>> {
        self.expire(now);
        if self.entries.get(key)?.answer.at > now {
            self.forget(key);
            return None;
        }
        let entry = self.entries.get_mut(key)?;
        if now >= until(entry) || !entry.answer.fits(request) {
            return None;
        }
        let name = self.order.remove(&entry.number)?;
        self.number += 1;
        entry.number = self.number;
        self.order.insert(self.number, name);
        Some(Rc::clone(&entry.answer))
    }

    /// Forgets all answers whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((end, key)) = self.ends.first()
            && *end <= now
        {
            let key = Rc::clone(key);
            self.forget(&key);
        }
    }

    /// Forgets the answer with this key.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.order.remove(&entry.number);
            self.account.give_back(size(&key, &entry.answer));
            self.ends.remove(&(entry.stale_until, key));
        }
    }

    /// What all answers take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.account.taken()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn size(key: &[u8], answer: &Answer) -> u64 {
    let key = u64::try_from(key.len()).unwrap_or(u64::MAX);
    answer.size().saturating_add(key).saturating_add(OVERHEAD)
}
