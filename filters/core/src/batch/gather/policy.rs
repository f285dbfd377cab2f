//! A route's policy in one worker: what was learnt under it, and how much is held.
//!
//! Invariant: nobody waits without a place among [`Settings::max_requests`] and within [`Settings::max_bytes_held`]; both are
//! given back exactly once.

use super::super::{Bypass, HeadKey, Model, Most, Pace, Settings, Tolerance};
use super::lessons::{Lessons, Pupil};
use super::world::Pass;
use crate::budget::{Budget, Concurrency, UnderWay};
use crate::memory::{Account, Memory};
use crate::request_key::{Known, Noise};
use crate::{HeadView, Timestamp};
use core::cell::{Cell, RefCell};
use core::time::Duration;

/// A route's policy in one worker.
#[derive(Debug)]
pub struct Policy {
    route: Box<str>,
    configuration: u64,
    settings: Settings,
    pace: RefCell<Pace>,
    lessons: RefCell<Lessons>,
    budget: RefCell<Budget>,
    /// Calls and requests under way in place of batches that failed.
    repeats: Concurrency,
    requests: Cell<u32>,
    memory: Memory,
    held: Account,
    noise: RefCell<Noise>,
}

impl Policy {
    /// The policy of the route of this name, with nothing learnt. Configurations with different numbers share no calls.
    pub fn new(route: &str, configuration: u64, settings: Settings) -> Self {
        Self {
            route: route.into(),
            configuration,
            pace: RefCell::new(Pace::new(&settings.leaves, settings.max_items)),
            lessons: RefCell::default(),
            budget: RefCell::default(),
            repeats: Concurrency::default(),
            requests: Cell::default(),
            held: Memory::default().kept.part(settings.max_bytes_held),
            memory: Memory::default(),
            noise: RefCell::default(),
            settings,
        }
    }

    /// The same in a VM with these accounts.
    #[must_use]
    pub fn within(mut self, memory: &Memory) -> Self {
        self.held = memory.kept.part(self.settings.max_bytes_held);
        self.memory = memory.clone();
        self
    }

    /// The same, whose repeats count in `repeats`.
    #[must_use]
    pub fn repeating(mut self, repeats: Concurrency) -> Self {
        self.repeats = repeats;
        self
    }

    /// The accounts of its VM.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The route's name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The number of its configuration.
    pub fn configuration(&self) -> u64 {
        self.configuration
    }

    /// What the operator said.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the requests hold that wait or are in batches, in bytes.
    pub fn held(&self) -> u64 {
        self.held.taken()
    }

    /// How many requests wait, are in batches, or went alone and have no answer yet.
    pub fn requests(&self) -> u32 {
        self.requests.get()
    }

    /// What a batch takes, if that is known.
    pub fn model(&self) -> Option<Model> {
        self.pace.borrow().model()
    }

    /// The most items that a batch has now, whose oldest request has waited for so long.
    pub fn limit(&self, waited: Duration) -> u32 {
        self.pace.borrow().limit(waited).clamp(1, self.settings.max_items.max(1))
    }

    /// What tells a request from others that it may not share a call with, as far as its head says.
    ///
    /// # Errors
    /// Why it goes by itself.
    pub fn key(&self, request: &impl HeadView) -> Result<HeadKey, Bypass> {
        self.settings.key(&self.route, self.configuration, request)
    }

    /// A request has a key. What in it is found to be another one in nearly every request, for the first time: a header's name, or
    /// that of what the proxy knows.
    pub fn noise(&self, request: &impl HeadView, known: &Known) -> Vec<String> {
        let noise = self.noise.try_borrow_mut();
        noise.map(|mut noise| self.settings.noise(&mut noise, request, known)).unwrap_or_default()
    }

    /// How much time a request has.
    pub fn allowance(&self, request: &impl HeadView) -> Duration {
        self.settings.deadline.allowance(request)
    }

    /// A batch of so many items that left at `left` is back.
    pub(super) fn landed(&self, items: u32, left: Timestamp, now: Timestamp) {
        if let Ok(mut pace) = self.pace.try_borrow_mut() {
            pace.landed(items, left, now);
        }
    }

    /// A request of a key comes: the most of its next batch, and until when that waits for others, if it does.
    pub(super) fn comes(&self, key: Pupil, now: Timestamp) -> (Most, Option<Timestamp>) {
        let lessons = self.lessons.try_borrow_mut();
        lessons.map_or((Most::ANY, None), |mut lessons| lessons.comes(key, now))
    }

    /// The most of the next batch of a key, and until when that waits for others, if it does.
    pub(super) fn next(&self, key: Pupil, now: Timestamp) -> (Most, Option<Timestamp>) {
        let lessons = self.lessons.try_borrow();
        lessons.map_or((Most::ANY, None), |lessons| lessons.next(key, now))
    }

    /// A batch of a key leaves.
    pub(super) fn leaves(&self, key: Pupil, now: Timestamp) {
        if let Ok(mut lessons) = self.lessons.try_borrow_mut() {
            lessons.leaves(key, now);
        }
    }

    /// So many requests of a key were answered, that left at `left`.
    pub(super) fn answered(&self, key: Pupil, requests: u32, left: Timestamp, now: Timestamp) {
        if let Ok(mut lessons) = self.lessons.try_borrow_mut() {
            lessons.answered(key, requests, (left, self.settings.max_delay), now);
        }
    }

    /// Something has shown what the server of a key takes.
    pub(super) fn learns(&self, key: Pupil, now: Timestamp, what: impl FnOnce(&mut Tolerance)) {
        if let Ok(mut lessons) = self.lessons.try_borrow_mut() {
            what(lessons.tolerance(key, now));
        }
    }

    /// How long a batch of so many items is thought to take; as long as one item, where so many have never been tried.
    pub(super) fn estimate(&self, items: u32) -> Duration {
        let pace = self.pace.borrow();
        pace.estimate(items).or_else(|| pace.estimate(1)).unwrap_or_default()
    }

    /// A place for a request that holds so many bytes.
    pub(super) fn admit(&self, bytes: u64) -> Result<(), Pass> {
        let requests = self.requests.get().saturating_add(1);
        if requests > self.settings.max_requests {
            return Err(Pass::Requests);
        }
        if !self.held.take(bytes) {
            return Err(Pass::Held);
        }
        self.requests.set(requests);
        Ok(())
    }

    /// Its place is free again.
    pub(super) fn release(&self, bytes: u64) {
        self.requests.set(self.requests.get().saturating_sub(1));
        self.held.give_back(bytes);
    }

    /// A request that counts for the budget.
    pub(super) fn deposit(&self, now: Timestamp) {
        if let Ok(mut budget) = self.budget.try_borrow_mut() {
            budget.deposit(&self.settings.budget, now, 1);
        }
    }

    /// Takes a repeat from the budget, which counts as under way from now on.
    pub(super) fn withdraw(&self, now: Timestamp) -> Option<UnderWay> {
        let (policy, mut budget) = (&self.settings.budget, self.budget.try_borrow_mut().ok()?);
        let allowed = self.repeats.has_room(policy) && budget.withdraw(policy, now);
        allowed.then(|| self.repeats.begin())
    }
}
