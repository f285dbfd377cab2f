//! A map that takes no more than so many bytes: what is kept in the hope that somebody asks for it.
//!
//! Invariants: the sizes of all values, as their owner gives them, are never more than the map's bytes, nor is their number more than
//! it may be; what they take of a VM's account is given back with them, and with the map. For a new value the oldest go, and no more
//! of them than must; one that is too large for all the room displaces nobody but its predecessor.
//! Trade-off: whose time is over goes when somebody calls [`ByteMap::expire`], and not before those that are older: the map has no
//! clock. A value that is touched becomes the youngest, so whoever touches what it gives has the least recently used go first.
//! Source: none; the plainest there is, with an order by number and one by time.

use crate::Timestamp;
use crate::memory::Account;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Values by key.
///
/// ```
/// use switchyard_core::byte_map::ByteMap;
/// let mut map = ByteMap::new(10);
/// assert!(map.put(b"a".as_slice(), 'a', 6, None));
/// assert!(map.put(b"b".as_slice(), 'b', 5, None), "the oldest goes for it");
/// assert_eq!((map.get(b"a"), map.get(b"b"), map.bytes()), (None, Some(&'b'), 5));
/// ```
#[derive(Debug)]
pub struct ByteMap<V> {
    entries: HashMap<Rc<[u8]>, Entry<V>>,
    /// Keys, the oldest first.
    order: BTreeMap<u64, Rc<[u8]>>,
    /// When entries end, if they do; several may at a time.
    ends: BTreeSet<(Timestamp, Rc<[u8]>)>,
    /// The last number that was given.
    number: u64,
    max_bytes: u64,
    max_entries: usize,
    account: Account,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    number: u64,
    size: u64,
    until: Option<Timestamp>,
    value: V,
}

/// A copy has an account of its own.
impl<V: Clone> Clone for ByteMap<V> {
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

impl<V> ByteMap<V> {
    /// No values, and room for so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            ends: BTreeSet::new(),
            number: 0,
            max_bytes,
            max_entries: usize::MAX,
            account: Account::new(max_bytes),
        }
    }

    /// The same for so many values at most; at least 1.
    #[must_use]
    pub fn at_most(mut self, entries: usize) -> Self {
        self.max_entries = entries.max(1);
        self
    }

    /// The same in a VM that keeps no more than this. For a map that is empty.
    #[must_use]
    pub fn within(mut self, kept: &Account) -> Self {
        self.account = kept.part(self.max_bytes);
        self
    }

    /// Keeps a value of `size` bytes, its key's among them, in place of the one with this key, until then; whether there was room.
    pub fn put(&mut self, key: impl Into<Rc<[u8]>>, value: V, size: u64, until: Option<Timestamp>) -> bool {
        let key = key.into();
        self.forget(&key);
        if !self.account.could_have(size) {
            return false;
        }
        while self.len() >= self.max_entries || !self.account.has_room(size) {
            // What others of the VM have does not go for it.
            if !self.give_way() {
                return false;
            }
        }
        self.account.take_anyway(size);
        self.number += 1;
        self.order.insert(self.number, Rc::clone(&key));
        self.ends.extend(until.map(|until| (until, Rc::clone(&key))));
        self.entries.insert(key, Entry { number: self.number, size, until, value });
        true
    }

    /// The value with this key, whether its time is over or not.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The value with this key is the youngest from now on.
    pub fn touch(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.get_mut(key)
            && let Some(name) = self.order.remove(&entry.number)
        {
            self.number += 1;
            entry.number = self.number;
            self.order.insert(self.number, name);
        }
    }

    /// Forgets the oldest; `false`: there is none.
    pub fn give_way(&mut self) -> bool {
        let Some((_, oldest)) = self.order.pop_first() else { return false };
        self.forget(&oldest);
        true
    }

    /// Forgets all whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((end, key)) = self.ends.first()
            && *end <= now
        {
            let key = Rc::clone(key);
            self.forget(&key);
        }
    }

    /// Forgets the value with this key.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.order.remove(&entry.number);
            self.account.give_back(entry.size);
            if let Some(until) = entry.until {
                self.ends.remove(&(until, key));
            }
        }
    }

    /// What all values take, in bytes.
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
