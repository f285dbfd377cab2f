//! Slots of shared data, each with a number that every write changes.
//!
//! A slot that was never written is empty and has the number 1, as if it had been made before any worker began.

use hashbrown::HashMap;

/// More than any slot ever holds, in bytes.
const TOO_MANY_BYTES: usize = 8 * 512;

/// The slots of a proxy.
pub(crate) struct Slots {
    slots: HashMap<u32, (Vec<u8>, u32)>,
    /// How many there are: with fewer, keys are closer together. With none, nothing can be read or written.
    count: u32,
    written: u32,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        Self { slots: HashMap::new(), count, written: 1 }
    }

    fn place(&self, slot: u32) -> Option<u32> {
        slot.checked_rem(self.count)
    }

    pub(super) fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        Some(self.slots.get(&self.place(slot)?).cloned().unwrap_or((Vec::new(), 1)))
    }

    /// Writes it if it is still what was read.
    pub(super) fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool {
        let is_same = self.read(slot).is_some_and(|(_, current)| current == cas);
        if is_same {
            self.put(slot, value);
        }
        is_same
    }

    pub(crate) fn put(&mut self, slot: u32, value: &[u8]) {
        assert!(value.len() < TOO_MANY_BYTES, "slots are bounded: {} bytes", value.len());
        let Some(place) = self.place(slot) else { return };
        self.written += 1;
        self.slots.insert(place, (value.to_vec(), self.written));
    }
}
