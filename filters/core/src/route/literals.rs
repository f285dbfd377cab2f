//! Literal texts by their lengths: which of them a subject begins or ends with.
//!
//! Trade-off: a look into a hash map for each length that there is; simpler than a radix trie and as quick while texts come in few
//! lengths (they do: tens at most).

use hashbrown::HashMap;

/// What is kept under each text.
#[derive(Clone, Debug)]
pub(super) struct Literals<T> {
    entries: HashMap<Box<[u8]>, T>,
    /// The lengths that texts have, greatest first.
    lengths: Vec<usize>,
}

impl<T> Default for Literals<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), lengths: Vec::new() }
    }
}

impl<T: Default> Literals<T> {
    /// What is kept under `text`, to be changed.
    pub(super) fn entry(&mut self, text: &[u8]) -> &mut T {
        if let Err(place) = self.lengths.binary_search_by(|length| text.len().cmp(length)) {
            self.lengths.insert(place, text.len());
        }
        self.entries.entry_ref(text).or_default()
    }
}

impl<T> Literals<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is kept under all of `subject`.
    pub(super) fn exactly(&self, subject: &[u8]) -> Option<&T> {
        self.entries.get(subject)
    }

    /// The texts that `subject` begins with, and what is kept under them; the longest first.
    pub(super) fn beginnings<'a>(&'a self, subject: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a T)> {
        let starts = self.lengths.iter().filter_map(|length| subject.get(..*length));
        starts.filter_map(|start| Some((start, self.entries.get(start)?)))
    }

    /// The texts that `subject` ends with, and what is kept under them; the longest first.
    pub(super) fn ends<'a>(&'a self, subject: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a T)> {
        let ends =
            self.lengths.iter().filter_map(|length| subject.get(subject.len().checked_sub(*length)?..));
        ends.filter_map(|end| Some((end, self.entries.get(end)?)))
    }
}
