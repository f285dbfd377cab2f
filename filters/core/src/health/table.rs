//! What is known of each endpoint's health.

use super::{Health, SlowStart};
use crate::priority::{Layout, Tally};
use crate::{EndpointIndex, Endpoints, Timestamp};

/// How health bears on choices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthPolicy {
    /// Percentage of endpoints in rotation below which health is ignored, 0..=100; 0 never panics.
    pub panic_threshold: u8,
    /// Ramp of endpoints that are new or were readmitted; `None`: full share at once.
    pub slow_start: Option<SlowStart>,
    /// Below the threshold nobody is chosen, instead of anybody.
    pub fail_traffic_on_panic: bool,
    /// Percentage of its traffic that a priority level can serve with all of its endpoints, 100 or more.
    pub overprovisioning_factor: u32,
}

impl Default for HealthPolicy {
    /// Envoy's defaults: panic below 50 %, no slow start, levels that can serve 140 %.
    fn default() -> Self {
        Self {
            panic_threshold: 50,
            slow_start: None,
            fail_traffic_on_panic: false,
            overprovisioning_factor: 140,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) health: Health,
    pub(super) degraded: bool,
    /// Its level, and its part of the first.
    pub(super) level: u16,
    part: u32,
    pub(super) since: Option<Timestamp>,
}

/// Of no part.
const NO_PART: u32 = u32::MAX;

impl Entry {
    fn is_ramping(&self) -> bool {
        self.health == Health::Healthy && self.since.is_some()
    }

    fn tally(&self) -> Tally {
        let one = |is| u32::from(is);
        Tally {
            members: one(self.health != Health::Withdrawn),
            healthy: one(self.health == Health::Healthy && !self.degraded),
            degraded: one(self.health == Health::Healthy && self.degraded),
            half_open: one(self.health == Health::HalfOpen),
            withdrawn: one(self.health == Health::Withdrawn),
        }
    }
}

/// Health of every endpoint of one upstream.
#[derive(Clone, Debug, Default)]
pub struct HealthTable {
    pub(super) entries: Vec<Entry>,
    pub(super) all: Tally,
    /// By level; empty if there is one.
    pub(super) levels: Vec<Tally>,
    /// By locality of the first level; empty if it is in one.
    pub(super) parts: Vec<Tally>,
    pub(super) ramping: usize,
}

impl HealthTable {
    /// `endpoints` healthy endpoints of one level, in rotation since long ago.
    pub fn new(endpoints: usize) -> Self {
        let entry = Entry { part: NO_PART, ..Entry::default() };
        let mut table = Self { entries: vec![entry; endpoints], ..Self::default() };
        table.recount();
        table
    }

    /// These endpoints, healthy and in rotation since long ago, each of its level.
    pub fn of(endpoints: &Endpoints) -> Self {
        let mut table = Self::new(endpoints.len());
        if Layout::is_flat(endpoints) {
            return table;
        }
        let layout = Layout::of(endpoints);
        for (number, level) in (0..=u16::MAX).zip(&layout.levels) {
            table.each(&level.members, |entry| entry.level = number);
        }
        for (number, part) in (0..NO_PART).zip(&layout.parts) {
            table.each(&part.members, |entry| entry.part = number);
        }
        if layout.levels.len() > 1 {
            table.levels = vec![Tally::default(); layout.levels.len()];
        }
        table.parts = vec![Tally::default(); layout.parts.len()];
        table.recount();
        table
    }

    /// Notes where `index` stands, and since when it is in rotation (`None`: long ago). Out of range: nothing.
    pub fn set(&mut self, index: EndpointIndex, health: Health, since: Option<Timestamp>) {
        self.change(index, |entry| (entry.health, entry.since) = (health, since));
    }

    /// Notes whether `index`, while in rotation, serves only what those that are not degraded cannot. Out of range: nothing.
    pub fn set_degraded(&mut self, index: EndpointIndex, degraded: bool) {
        self.change(index, |entry| entry.degraded = degraded);
    }

    /// Where `index` stands; `Withdrawn` if there is no such endpoint.
    pub fn get(&self, index: EndpointIndex) -> Health {
        self.entries.get(index).map_or(Health::Withdrawn, |entry| entry.health)
    }

    /// Forgets the ramps that are over at `now`. Called on ticks.
    pub fn settle(&mut self, now: Timestamp, slow_start: &SlowStart) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_ramping()) {
            entry.since = entry.since.filter(|since| now.since(*since) < slow_start.window);
        }
        self.ramping = self.entries.iter().filter(|entry| entry.is_ramping()).count();
    }

    /// Endpoints that take half-open trials.
    pub fn half_open(&self) -> impl Iterator<Item = EndpointIndex> + '_ {
        let entries = self.entries.iter().enumerate().filter(|_| self.has_half_open());
        entries.filter(|(_, entry)| entry.health == Health::HalfOpen).map(|(index, _)| index)
    }

    /// Whether any endpoint takes half-open trials.
    pub fn has_half_open(&self) -> bool {
        self.all.half_open > 0
    }

    /// Whether any endpoint in rotation has come into it lately.
    pub fn is_ramping(&self) -> bool {
        self.ramping > 0
    }

    /// Whether [`HealthTable::admission`] depends on the time now.
    pub fn needs_time(&self) -> bool {
        self.is_ramping()
    }

    /// Whether all are in rotation: then it is no matter where a request goes when it is sent again.
    pub fn all_in_rotation(&self) -> bool {
        (self.all.healthy + self.all.degraded) as usize == self.entries.len()
    }

    fn each(&mut self, members: &[EndpointIndex], change: impl Fn(&mut Entry)) {
        for index in members {
            if let Some(entry) = self.entries.get_mut(*index) {
                change(entry);
            }
        }
    }

    // Health changes are rare; requests are not, so the counts are made here.
    fn change(&mut self, index: EndpointIndex, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        let before = *entry;
        change(entry);
        let after = *entry;
        self.ramping = self.ramping + usize::from(after.is_ramping()) - usize::from(before.is_ramping());
        let (removed, added) = (before.tally(), after.tally());
        for tally in self.tallies(&after) {
            *tally -= removed;
            *tally += added;
        }
    }

    fn recount(&mut self) {
        let entries = core::mem::take(&mut self.entries);
        self.all = Tally::default();
        for entry in &entries {
            for tally in self.tallies(entry) {
                *tally += entry.tally();
            }
        }
        self.entries = entries;
    }

    /// Where an endpoint is counted.
    fn tallies(&mut self, entry: &Entry) -> impl Iterator<Item = &mut Tally> {
        let level = self.levels.get_mut(usize::from(entry.level));
        let part = self.parts.get_mut(entry.part as usize);
        [Some(&mut self.all), level, part].into_iter().flatten()
    }
}
