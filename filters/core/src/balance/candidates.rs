//! The ordered endpoints that a choice returns: best first, each at most once, never more than asked for.
//!
//! Invariant: the entries are distinct and `len() <= limit`. Trade-off: membership is a linear scan, since the
//! limit is a handful; a set would cost more than it saves.

use crate::EndpointIndex;

/// A reusable list of distinct endpoints, best first.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    entries: Vec<EndpointIndex>,
    limit: usize,
    /// Scratch of a walk: one bit per endpoint that it has met, kept here so that a choice allocates nothing.
    visited: Vec<u64>,
}

impl Candidates {
    /// An empty list that takes up to `limit` endpoints. It allocates here and, once per
    /// size of table, in a consistent hash's walk.
    pub fn new(limit: usize) -> Self {
        Self { entries: Vec::with_capacity(limit), limit, visited: Vec::new() }
    }

    /// Empties the list, which then takes up to `limit` endpoints.
    pub(super) fn renew(&mut self, limit: usize) {
        self.entries.clear();
        self.entries.reserve(limit);
        self.limit = limit;
    }

    /// Adds `index` at the end. Returns `false`, and changes nothing, if it is there already or the list is full.
    pub fn push(&mut self, index: EndpointIndex) -> bool {
        let wanted = !self.is_full() && !self.contains(index);
        if wanted {
            self.entries.push(index);
        }
        wanted
    }

    /// Puts `index` first; the others keep their order, and the last one makes room if the list was full.
    pub fn promote(&mut self, index: EndpointIndex) {
        let place = self.entries.iter().position(|entry| *entry == index);
        if place.is_none() && self.is_full() {
            self.entries.pop();
        }
        if place.is_some() || self.push(index) {
            let end = place.unwrap_or(self.entries.len() - 1);
            if let Some(head) = self.entries.get_mut(..=end) {
                head.rotate_right(1);
            }
        }
    }

    /// Adds the admitted ones among `owners`, in that order, until the list is full or all `placed` of the table's
    /// `endpoints` were met. `admit` is asked once per endpoint at most.
    pub(super) fn walk<'a>(
        &mut self,
        endpoints: usize,
        placed: usize,
        owners: impl Iterator<Item = &'a u32>,
        mut admit: impl FnMut(EndpointIndex) -> bool,
    ) {
        self.visited.clear();
        self.visited.resize(endpoints.div_ceil(64), 0);
        let mut left = placed;
        for owner in owners {
            if left == 0 || self.is_full() {
                return;
            }
            let owner = *owner as EndpointIndex;
            if self.first_visit(owner) {
                left -= 1;
                if admit(owner) {
                    self.push(owner);
                }
            }
        }
    }

    /// Whether this walk meets `index` for the first time.
    fn first_visit(&mut self, index: EndpointIndex) -> bool {
        let bit = 1 << (index % 64);
        self.visited.get_mut(index / 64).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// Whether nothing more can be added.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The endpoints, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EndpointIndex> + '_ {
        self.entries.iter().copied()
    }

    /// The best one.
    pub fn first(&self) -> Option<EndpointIndex> {
        self.entries.first().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether `index` is among them.
    pub fn contains(&self, index: EndpointIndex) -> bool {
        self.entries.contains(&index)
    }
}

#[cfg(test)]
mod tests {
    use super::Candidates;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn entries_are_distinct_and_keep_their_order() {
        let mut candidates = Candidates::new(3);
        assert!(candidates.push(7));
        assert!(candidates.push(2));
        assert!(!candidates.push(7));
        assert_eq!(candidates.iter().collect::<Vec<_>>(), [7, 2]);
        assert_eq!(candidates.first(), Some(7));
    }

    #[test]
    fn a_full_list_takes_no_more() {
        let mut candidates = Candidates::new(1);
        assert!(candidates.push(0));
        assert!(candidates.is_full());
        assert!(!candidates.push(1));
        assert_eq!(candidates.len(), 1);
    }

    #[test]
    fn a_limit_of_zero_holds_nothing() {
        let mut candidates = Candidates::new(0);
        assert!(candidates.is_full());
        assert!(!candidates.push(0));
        assert!(candidates.is_empty());
    }

    #[test]
    fn clear_makes_room_again() {
        let mut candidates = Candidates::new(1);
        candidates.push(4);
        candidates.clear();
        assert_eq!(candidates.first(), None);
        assert!(candidates.push(5));
        assert!(candidates.contains(5) && !candidates.contains(4));
    }

    #[test]
    fn a_walk_ends_where_the_list_is_full_or_all_were_met() {
        for (limit, admitted, steps) in [(1, [true; 2], 2), (9, [true; 2], 4), (9, [false; 2], 4)] {
            let mut walked = 0;
            let owners = [1, 1, 0, 1, 0, 1, 0].iter().inspect(|_| walked += 1);
            let mut candidates = Candidates::new(limit);
            candidates.walk(2, 2, owners, |index| admitted[index]);
            assert_eq!(walked, steps, "the one is looked at that it ends before");
        }
    }
}
