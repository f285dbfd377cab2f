//! What a target makes of its bytes, drawn one after another.
//!
//! Invariant: any bytes are something; where they end, the rest is zero. Trade-off: `arbitrary` alone takes lengths off the end of the
//! bytes, so that a change at one place changes all that is drawn; here everything comes from the front, and a mutation stays local.

use arbitrary::{Arbitrary, Unstructured};

/// Bytes that things are drawn from.
pub struct Draw<'a>(Unstructured<'a>);

impl<'a> Draw<'a> {
    /// From these.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether no bytes are left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Anything that has a fixed size.
    pub fn any<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.any()
    }

    /// A number below this, which is at most 256.
    pub fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most.max(1)
    }

    /// Whether one of so many is drawn.
    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number, most often one at which something changes.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            0..=99 => u64::from(self.byte()),
            100..=149 => u64::from(self.any::<u16>()),
            150..=179 => self.any::<u32>().into(),
            180..=199 => self.any(),
            200..=219 => u64::MAX - u64::from(self.byte()),
            220..=235 => u64::from(u32::MAX) - u64::from(self.byte()) + 128,
            _ => (1_u64 << self.below(64)).wrapping_sub(u64::from(self.byte() & 1)),
        }
    }

    /// At most so many bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = self.below(most + 1).min(self.0.len());
        self.0.bytes(count).unwrap_or_default()
    }

    /// A text of at most so many bytes.
    pub fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }

    /// A text of letters of these, of at most so many.
    pub fn word(&mut self, letters: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| self.one(letters)).collect()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let count = self.0.len();
        self.0.bytes(count).unwrap_or_default()
    }
}
