//! What is to happen, in the order of a virtual clock.

use core::cmp::Ordering;
use std::collections::BinaryHeap;
use switchyard_core::Timestamp;

/// What is to happen, soonest first; of two things at a moment the one that was planned first.
pub(crate) struct Agenda<E> {
    heap: BinaryHeap<Entry<E>>,
    planned: u64,
}

struct Entry<E> {
    at: Timestamp,
    turn: u64,
    event: E,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }
}

impl<E> Agenda<E> {
    pub(crate) fn plan(&mut self, at: Timestamp, event: E) {
        self.planned += 1;
        self.heap.push(Entry { at, turn: self.planned, event });
    }

    pub(crate) fn next(&mut self) -> Option<(Timestamp, E)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.turn).cmp(&(self.at, self.turn))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}
