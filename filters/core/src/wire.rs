//! The bytes of what workers share and tell each other: little endian, every length in front of what it measures.
//!
//! Invariants: bytes that break off or that nobody wrote this way read as `None`, never as something else's fields, and nothing is set
//! aside for what a number in them promises; a [`Writer`] that there is no memory for says so, where a buffer that grows would trap.
//! Trade-off: layouts are written by hand, field by field, so that each says what an older version of the filter reads.

use crate::{Address, Timestamp};

/// Appends values.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// There was no memory for something.
    is_broken: bool,
}

impl Writer {
    /// One that so many bytes are set aside for; it may become longer.
    pub fn with_room(bytes: usize) -> Self {
        let mut writer = Self::default();
        writer.is_broken = writer.bytes.try_reserve_exact(bytes).is_err();
        writer
    }

    /// All that was written; `None`: there was no memory for it.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.is_broken).then_some(self.bytes)
    }

    /// These bytes, as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.is_broken |= self.bytes.try_reserve(bytes.len()).is_err();
        if !self.is_broken {
            self.bytes.extend_from_slice(bytes);
        }
        self
    }

    /// One byte.
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Two bytes.
    pub fn half(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Four bytes.
    pub fn word(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Eight bytes.
    pub fn long(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// A number of things that follow.
    pub fn count(&mut self, value: usize) -> &mut Self {
        self.word(u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// A moment, to the nanosecond.
    pub fn time(&mut self, value: Timestamp) -> &mut Self {
        self.long(value.as_nanos())
    }

    /// A moment, to the millisecond.
    pub fn millis(&mut self, value: Timestamp) -> &mut Self {
        self.long(value.as_millis())
    }

    /// A worker's address.
    pub fn address(&mut self, value: Address) -> &mut Self {
        self.word(value.queue).long(value.epoch)
    }

    /// Bytes, and how many there are.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len()).raw(value)
    }
}

/// Takes values off the front.
///
/// ```
/// use switchyard_core::wire::{Reader, Writer};
/// let mut writer = Writer::default();
/// writer.byte(1).bytes(b"web");
/// let bytes = writer.finish().unwrap_or_default();
/// let mut reader = Reader::new(&bytes);
/// assert_eq!((reader.byte(), reader.bytes(), reader.byte()), (Some(1), Some(&b"web"[..]), None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// One of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been taken.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// So many bytes, as they are.
    pub fn raw(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// `N` bytes, as they are.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn half(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A moment, to the nanosecond.
    pub fn time(&mut self) -> Option<Timestamp> {
        self.long().map(Timestamp::from_nanos)
    }

    /// A moment, to the millisecond.
    pub fn millis(&mut self) -> Option<Timestamp> {
        self.long().map(Timestamp::from_millis)
    }

    /// A worker's address.
    pub fn address(&mut self) -> Option<Address> {
        Some(Address { queue: self.word()?, epoch: self.long()? })
    }

    /// Bytes behind their number.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.word()?).ok()?;
        self.raw(count)
    }

    /// Text behind the number of its bytes.
    pub fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.bytes()?).ok()
    }

    /// As many of something as the number in front says.
    pub fn several<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        for _ in 0..self.word()? {
            all.push(one(self)?);
        }
        Some(all)
    }
}
