//! Keys whose answers may not be shared: their requests go on at once, instead of waiting for nothing one after the
//! other.
//!
//! Invariant: there are never more than [`MOST_PASSES`] of them, and their keys never take more than [`MOST_BYTES`]. A
//! clock that steps back lengthens a pass by the step; that costs requests upstream, and no one gets a wrong answer.
//! Trade-off: the oldest go first, whether they are asked for or not; a key that goes too early is tried once more.
//! Source: hit-for-pass and hit-for-miss in Varnish.

use crate::Timestamp;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most keys that are remembered.
pub const MOST_PASSES: usize = 4096;
/// The most bytes that they take together. Clients choose the keys.
pub const MOST_BYTES: usize = 1 << 20;

/// Keys, each for some time.
#[derive(Clone, Debug, Default)]
pub struct Passes {
    keys: HashMap<Rc<[u8]>, (u64, Timestamp)>,
    /// Keys in the order they were remembered.
    order: BTreeMap<u64, Rc<[u8]>>,
    /// The last number that was given.
    number: u64,
    bytes: usize,
}

impl Passes {
    /// Remembers a key; it is the youngest now.
    pub fn remember(&mut self, key: &[u8], until: Timestamp) {
        self.forget(key);
        if key.len() > MOST_BYTES {
            return;
        }
        while self.keys.len() >= MOST_PASSES || self.bytes + key.len() > MOST_BYTES {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.forget(&oldest);
        }
        let key: Rc<[u8]> = key.into();
        self.number += 1;
        self.bytes += key.len();
        self.order.insert(self.number, Rc::clone(&key));
        self.keys.insert(key, (self.number, until));
    }

    /// Whether requests with this key go on at once.
    pub fn contains(&mut self, key: &[u8], now: Timestamp) -> bool {
        match self.keys.get(key) {
            Some((_, until)) if now < *until => true,
            Some(_) => {
                self.forget(key);
                false
            }
            None => false,
        }
    }

    /// Forgets those whose time is over. All had as much, and the oldest come first.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((_, oldest)) = self.order.first_key_value()
            && self.keys.get(oldest).is_none_or(|(_, until)| *until <= now)
        {
            let oldest = Rc::clone(oldest);
            self.order.pop_first();
            self.forget(&oldest);
        }
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some((number, _)) = self.keys.remove(key) {
            self.order.remove(&number);
            self.bytes = self.bytes.saturating_sub(key.len());
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What the keys take, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
