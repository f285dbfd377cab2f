//! What was learnt of single keys, whether anything of them is under way or not: what their server takes, and whether their clients come back
//! together.
//!
//! Invariants: [`MOST_KEYS`] are known at most; who is forgotten for another is one of whom nothing must be heeded, if there is such, and
//! the one that was not heard of for longest. What one key has taught is nothing to another, so no client can stop the batches of
//! those that it shares none with.
//! Trade-off: keys are known by a hash: two that have the same share what they have taught, which costs batches and no answer.

use crate::Timestamp;
use crate::batch::pace::Crowd;
use crate::batch::tolerance::{Most, Tolerance};
use core::time::Duration;
use hashbrown::HashMap;
use xxhash_rust::xxh64::xxh64;

/// Keys that something is known of.
const MOST_KEYS: usize = 1024;

/// A key, as it is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pupil(u64);

impl Pupil {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(xxh64(key, 0))
    }
}

#[derive(Clone, Debug, Default)]
struct Lesson {
    tolerance: Tolerance,
    crowd: Crowd,
    heard: Timestamp,
}

/// What was learnt, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Lessons(HashMap<Pupil, Lesson>);

impl Lessons {
    /// A request comes: the most of the next batch, and until when that waits for others, if it does.
    pub(super) fn comes(&mut self, key: Pupil, now: Timestamp) -> (Most, Option<Timestamp>) {
        if let Some(lesson) = self.0.get_mut(&key) {
            lesson.crowd.comes(now);
        }
        self.next(key, now)
    }

    /// The most of the next batch, and until when that waits for others, if it does.
    pub(super) fn next(&self, key: Pupil, now: Timestamp) -> (Most, Option<Timestamp>) {
        let lesson = self.0.get(&key);
        lesson.map_or((Most::ANY, None), |lesson| (lesson.tolerance.most(now), lesson.crowd.waits_until(now)))
    }

    /// A batch leaves.
    pub(super) fn leaves(&mut self, key: Pupil, now: Timestamp) {
        if let Some(lesson) = self.0.get_mut(&key) {
            lesson.tolerance.leaves(now);
        }
    }

    /// Requests were answered, that left at `left`.
    pub(super) fn answered(
        &mut self,
        key: Pupil,
        requests: u32,
        (left, max_delay): (Timestamp, Duration),
        now: Timestamp,
    ) {
        self.of(key, now).crowd.answered(requests, now.since(left), max_delay, now);
    }

    /// What the server of a key takes.
    pub(super) fn tolerance(&mut self, key: Pupil, now: Timestamp) -> &mut Tolerance {
        &mut self.of(key, now).tolerance
    }

    fn of(&mut self, key: Pupil, now: Timestamp) -> &mut Lesson {
        if self.0.len() >= MOST_KEYS && !self.0.contains_key(&key) {
            let least =
                self.0.iter().min_by_key(|(_, lesson)| (lesson.tolerance.is_strained(now), lesson.heard));
            if let Some(least) = least.map(|(key, _)| *key) {
                self.0.remove(&least);
            }
        }
        let lesson = self.0.entry(key).or_default();
        lesson.heard = now;
        lesson
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_keys_are_known_and_those_of_which_something_must_be_heeded_stay_longest() {
        let mut lessons = Lessons::default();
        let at = |millis: u64| Timestamp::from_millis(1_000_000 + millis);
        let troubled = Pupil::of(b"troubled");
        lessons.tolerance(troubled, at(0)).too_large(10, at(0));
        for number in 0..5_000_u64 {
            lessons.answered(Pupil::of(&number.to_le_bytes()), 2, (at(0), Duration::ZERO), at(number));
            assert!(lessons.0.len() <= MOST_KEYS);
        }
        assert_eq!(lessons.next(troubled, at(5_000)).0.items, 5);
        assert!(lessons.0.contains_key(&Pupil::of(&4_999_u64.to_le_bytes())), "the last one is known");
        assert!(!lessons.0.contains_key(&Pupil::of(&0_u64.to_le_bytes())), "the first one is not");
    }
}
