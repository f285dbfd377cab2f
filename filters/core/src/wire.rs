//! The bytes of what workers tell each other: little endian, every length in front of what it measures.
//!
//! Invariant: bytes that break off or that nobody wrote this way read as `None`, never as something else's fields.

use crate::{Address, Timestamp};

/// Appends values.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn long(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn time(&mut self, value: Timestamp) -> &mut Self {
        self.long(value.as_nanos())
    }

    pub(crate) fn address(&mut self, value: Address) -> &mut Self {
        self.word(value.queue).long(value.epoch)
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.word(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
        self
    }
}

/// Takes values off the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        self.long().map(Timestamp::from_nanos)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        Some(Address { queue: self.word()?, epoch: self.long()? })
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.word()?).ok()?;
        self.take(count)
    }
}
