//! A route's policy in one worker, and what is remembered under it.

use super::super::answer::{Answer, Served};
use super::super::cache::Cache;
use super::super::passes::Passes;
use super::super::settings::Settings;
use crate::memory::{Account, Memory};
use crate::request_key::{Known, Noise};
use crate::{HeadView, RequestView, Timestamp};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

/// A route's policy in one worker.
pub struct Policy {
    route: Box<str>,
    settings: Settings,
    stored: RefCell<Cache>,
    passes: RefCell<Passes>,
    /// The answers that are in the VM, and the copies of them that are in Envoy.
    kept: Account,
    unread: Account,
    /// Answers that clients have not read yet.
    copies: Cell<u32>,
    flights: Cell<u32>,
    noise: RefCell<Noise>,
}

impl Policy {
    /// The policy of the route of this name, with nothing remembered.
    pub fn new(route: &str, settings: Settings) -> Self {
        let memory = Memory::default();
        Self {
            route: route.into(),
            stored: RefCell::new(Cache::new(settings.max_stored_bytes)),
            passes: RefCell::default(),
            kept: memory.kept.part(u64::MAX),
            unread: memory.unread.part(u64::MAX),
            copies: Cell::default(),
            flights: Cell::default(),
            noise: RefCell::default(),
            settings,
        }
    }

    /// The same in a VM with these accounts.
    #[must_use]
    pub fn within(mut self, memory: &Memory) -> Self {
        self.kept = memory.kept.part(u64::MAX);
        self.unread = memory.unread.part(u64::MAX);
        self.stored = RefCell::new(Cache::new(self.settings.max_stored_bytes).within(&memory.kept));
        self
    }

    /// The account of what is kept in its VM.
    pub(super) fn account(&self) -> &Account {
        &self.kept
    }

    /// The route's name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// What the operator said.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A request has a key. What in it is found to be another one in nearly every request, for the first time: a header's name, or
    /// that of what the proxy knows.
    pub fn noise(&self, request: &impl HeadView, known: &Known) -> Vec<String> {
        let noise = self.noise.try_borrow_mut();
        noise.map(|mut noise| self.settings.noise(&mut noise, request, known)).unwrap_or_default()
    }

    /// What answers take in this worker, in bytes: those on their way through, and copies that clients have not read yet.
    pub fn held(&self) -> u64 {
        self.kept.taken().saturating_add(self.unread.taken())
    }

    /// How many keys' answers are known now to be for one client only.
    pub fn passes(&self, now: Timestamp) -> usize {
        let Ok(mut passes) = self.passes.try_borrow_mut() else { return 0 };
        passes.expire(now);
        passes.len()
    }

    /// Whether answers are kept.
    pub(super) fn keeps(&self) -> bool {
        let keeps = !self.settings.hold.is_zero() || !self.settings.stale_if_error.is_zero();
        keeps && !self.settings.shadow
    }

    /// Whether so many bytes more may be held; they are then.
    pub(super) fn hold(&self, bytes: u64) -> bool {
        if !self.has_room(bytes) {
            return false;
        }
        while !self.kept.take(bytes) {
            // Answers on their way are worth more than old ones.
            if !self.stored.try_borrow_mut().is_ok_and(|mut stored| stored.give_way()) {
                return false;
            }
        }
        true
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.held().saturating_add(bytes) <= self.settings.max_bytes_held
    }

    /// An answer that is to be given out, and is there already, takes so many bytes itself.
    pub(super) fn hold_copy_of(&self, bytes: u64) {
        self.kept.take_anyway(bytes);
    }

    /// Whether one copy more of so many bytes may be given out: at least one at a time may, whatever the route's bound; never more
    /// than the VM's.
    pub(super) fn may_copy(&self, bytes: u64) -> bool {
        (self.copies.get() == 0 || self.has_room(bytes)) && self.unread.has_room(bytes)
    }

    /// A copy is given out.
    pub(super) fn copy(&self, bytes: u64) {
        self.copies.set(self.copies.get() + 1);
        self.unread.take_anyway(bytes);
    }

    /// A client has read its copy, or is gone.
    pub(super) fn copy_read(&self, bytes: u64) {
        self.copies.set(self.copies.get().saturating_sub(1));
        self.unread.give_back(bytes);
    }

    pub(super) fn let_go(&self, bytes: u64) {
        self.kept.give_back(bytes);
    }

    /// Whether there may be one flight more; there is then.
    pub(super) fn take_off(&self) -> bool {
        let may = self.flights.get() < self.settings.max_flights;
        if may {
            self.flights.set(self.flights.get() + 1);
        }
        may
    }

    pub(super) fn land(&self) {
        self.flights.set(self.flights.get().saturating_sub(1));
    }

    pub(super) fn fresh(&self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        if !self.keeps() {
            return None;
        }
        self.stored.try_borrow_mut().ok()?.fresh(key, request, now)
    }

    pub(super) fn stale(&self, key: &[u8], request: &impl RequestView, now: Timestamp) -> Option<Rc<Answer>> {
        if !self.keeps() {
            return None;
        }
        self.stored.try_borrow_mut().ok()?.stale(key, request, now)
    }

    /// Keeps an answer that was complete at `now`, for as long as it may serve.
    pub(super) fn keep(
        &self,
        key: &Rc<[u8]>,
        answer: &Rc<Answer>,
        (hold, stale): (Duration, bool),
        now: Timestamp,
    ) {
        let fresh_until = now.plus(hold);
        let stale = if stale { self.settings.stale_if_error } else { Duration::ZERO };
        let stale_until = fresh_until.plus(stale);
        if stale_until > now
            && let Ok(mut stored) = self.stored.try_borrow_mut()
        {
            stored.put(Rc::clone(key), Rc::clone(answer), fresh_until, stale_until);
        }
    }

    /// Whether this key's answers are known to be for one client only.
    pub(super) fn passes_on(&self, key: &[u8], now: Timestamp) -> bool {
        self.passes.try_borrow_mut().is_ok_and(|mut passes| passes.contains(key, now))
    }

    pub(super) fn pass_on(&self, key: &[u8], now: Timestamp) {
        if let Ok(mut passes) = self.passes.try_borrow_mut() {
            passes.remember(key, now.plus(self.settings.pass_ttl));
        }
    }

    pub(super) fn share_again(&self, key: &[u8]) {
        if let Ok(mut passes) = self.passes.try_borrow_mut() {
            passes.forget(key);
        }
    }

    /// How an answer that is held for a while is marked.
    pub(super) const HELD: Served = Served::Hit;
}
