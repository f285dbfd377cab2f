//! Keys whose answers may not be shared: their requests go on at once, instead of waiting for nothing one after the
//! other.
//!
//! Invariant: there are never more than [`MOST_PASSES`] of them, and their keys never take more than [`MOST_BYTES`]. A
//! clock that steps back lengthens a pass by the step; that costs requests upstream, and no one gets a wrong answer.
//! Trade-off: the oldest go first, whether they are asked for or not; a key that goes too early is tried once more.
//! Source: hit-for-pass and hit-for-miss in Varnish.

use crate::Timestamp;
use crate::byte_map::ByteMap;
use crate::memory::length;

/// The most keys that are remembered.
pub const MOST_PASSES: usize = 4096;
/// The most bytes that they take together. Clients choose the keys.
pub const MOST_BYTES: usize = 1 << 20;

/// Keys, each for some time.
#[derive(Clone, Debug)]
pub struct Passes(ByteMap<Timestamp>);

impl Default for Passes {
    fn default() -> Self {
        Self(ByteMap::new(length(MOST_BYTES)).at_most(MOST_PASSES))
    }
}

impl Passes {
    /// Remembers a key; it is the youngest now.
    pub fn remember(&mut self, key: &[u8], until: Timestamp) {
        self.0.put(key, until, length(key.len()), Some(until));
    }

    /// Whether requests with this key go on at once.
    pub fn contains(&mut self, key: &[u8], now: Timestamp) -> bool {
        let is_one = self.0.get(key).is_some_and(|until| now < *until);
        if !is_one {
            self.forget(key);
        }
        is_one
    }

    /// Forgets those whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        self.0.expire(now);
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &[u8]) {
        self.0.forget(key);
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the keys take, in bytes.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.0.bytes()).unwrap_or(usize::MAX)
    }
}
