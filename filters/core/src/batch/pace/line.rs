//! A line through what batches took: so much for each item, and so much for the call.
//!
//! Invariants: neither part is below zero; a batch that took unlike any other moves the line no further than a few times
//! what batches usually miss it by. Several consecutive ones, all above or all below, are taken for a change: the line is
//! tilted to the last of them, as if everything took so much longer, and all that came before is forgotten.
//! Trade-offs: about the last [`MEMORY`] batches count, each less than the next, since sums need no room; while sizes are
//! all alike, what an item takes is as it was before, and the line moves up and down alone.
//! Source: weighted least squares with exponential forgetting (Ljung, "System Identification", chapter 11); residuals are
//! cut as Huber's estimator does.

use core::time::Duration;

/// How many batches count: the weight of one that is so many back is a little over a third.
const MEMORY: f64 = 64.0;
/// Fewer than three say little of the next.
const ENOUGH: f64 = 2.5;
/// Fewer than five do not tell what an item takes.
const ENOUGH_FOR_A_LINE: f64 = 4.5;
/// Sizes spread enough to tell what an item takes if their deviation is so much of their mean, squared.
const SPREAD: f64 = 1.0 / 64.0;
/// By how many times the usual a batch may miss the line.
const FAR: f64 = 4.0;
/// By how much of its time a batch may miss it, over that, whatever is usual.
const EXACT: f64 = 1.0 / 40.0;
/// As many consecutive ones that miss it by more on one side are a change.
const CHANGED: i32 = 4;
/// Nothing is compared with less, in seconds.
const SHORTEST: f64 = 1e-9;
/// By how much of their time batches are thought to miss a line that is new.
const NEW: f64 = 1.0 / 8.0;
/// Of how many batches that is a mean, about.
const MISSES: f64 = 16.0;
/// What the time of a batch is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// For each item.
    pub per_item: Duration,
    /// For the call.
    pub fixed: Duration,
}

/// The line, in seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    weight: f64,
    /// Means of sizes and times.
    items: f64,
    took: f64,
    /// Squared deviation of sizes, and their common deviation with times; summed.
    spread: f64,
    common: f64,
    /// What an item takes, if it is known; and the call.
    per_item: Option<f64>,
    fixed: f64,
    /// By how much batches miss the line.
    missed: f64,
    /// How many consecutive ones missed it by far; below zero: they took less.
    far: i32,
    largest: u32,
}

impl Line {
    pub(super) fn observe(&mut self, items: u32, took: Duration) {
        let items = items.max(1);
        let took = self.within_reason(items, took.as_secs_f64());
        self.tried(items);
        self.add(f64::from(items), took);
        self.fit();
    }

    /// There was a batch of so many items.
    pub(super) fn tried(&mut self, items: u32) {
        self.largest = self.largest.max(items);
    }

    pub(super) fn largest(&self) -> u32 {
        self.largest
    }

    pub(super) fn model(&self) -> Option<Model> {
        let per_item = self.per_item?;
        Some(Model { per_item: seconds(per_item), fixed: seconds(self.fixed) })
    }

    pub(super) fn estimate(&self, items: u32) -> Option<Duration> {
        self.at(items).map(seconds)
    }

    /// The largest batch that takes no longer than this; `None` while nothing is known. As large as can be where it would take
    /// no longer than a small one.
    pub(super) fn most_within(&self, limit: Duration) -> Option<u32> {
        let limit = limit.as_secs_f64();
        // A cast stays within the bounds of its type.
        match self.per_item {
            Some(per_item) if per_item > 0.0 => Some(((limit - self.fixed) / per_item) as u32),
            Some(_) => Some(u32::MAX),
            None if self.largest == 0 => None,
            // What an item takes is found out by trying: larger ones while all were in time, smaller ones else.
            None if self.took <= limit => Some(u32::MAX),
            None => Some((self.items / 2.0) as u32),
        }
    }

    /// The size whose items take as long as its call: half of what an upstream does at best. 0 while it is not known.
    pub(super) fn efficient(&self) -> u32 {
        // A cast stays within the bounds of its type.
        match self.per_item {
            Some(per_item) if per_item > 0.0 => (self.fixed / per_item) as u32,
            Some(_) => u32::MAX,
            None => 0,
        }
    }

    fn at(&self, items: u32) -> Option<f64> {
        let items = f64::from(items);
        match self.per_item {
            Some(per_item) => Some(self.fixed + per_item * items),
            None if self.weight < ENOUGH || items > 2.0 * f64::from(self.largest) => None,
            // All were of about one size. In doubt the items take all of the time.
            None => Some(self.took * (items / self.items).max(1.0)),
        }
    }

    /// A time that the line may be moved by.
    fn within_reason(&mut self, items: u32, took: f64) -> f64 {
        let Some(expected) = self.per_item.and_then(|_| self.at(items)) else { return took };
        let miss = took - expected;
        // What was exact for long would take a hair for far.
        let reach = FAR * self.missed.max(EXACT * expected);
        self.missed += (miss.abs().min(2.0 * reach) - self.missed) / MISSES;
        if miss.abs() <= reach {
            self.far = 0;
            return took;
        }
        let side = if miss > 0.0 { 1 } else { -1 };
        self.far = if self.far.signum() == side { self.far + side } else { side };
        if self.far.abs() < CHANGED {
            return expected + miss.clamp(-reach, reach);
        }
        let by = if expected > SHORTEST { took / expected } else { 1.0 };
        let per_item = self.per_item.map(|per_item| per_item * by);
        *self = Self { per_item, missed: NEW * took, largest: self.largest, ..Self::default() };
        took
    }

    fn add(&mut self, size: f64, took: f64) {
        let kept = 1.0 - 1.0 / MEMORY;
        let before = self.weight * kept;
        self.weight = before + 1.0;
        let (off, off_took) = (size - self.items, took - self.took);
        self.items += off / self.weight;
        self.took += off_took / self.weight;
        let share = before / self.weight;
        self.spread = self.spread * kept + share * off * off;
        self.common = self.common * kept + share * off * off_took;
    }

    fn fit(&mut self) {
        let deviation = self.spread / self.weight;
        if self.weight >= ENOUGH_FOR_A_LINE && deviation > SPREAD * self.items * self.items {
            if self.per_item.is_none() {
                self.missed = NEW * self.took;
            }
            self.per_item = Some((self.common / self.spread).max(0.0));
        }
        let Some(per_item) = self.per_item else { return };
        self.fixed = self.took - per_item * self.items;
        if self.fixed < 0.0 {
            // Through nothing: the call takes no time, the items all of it.
            self.fixed = 0.0;
            self.per_item = Some(self.took / self.items);
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
