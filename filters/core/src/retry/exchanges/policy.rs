//! A route's policy and an upstream as one worker knows them: budgets, kept answers, latencies, consecutive failed retries.
//!
//! Invariant: they outlive every request of theirs, and are shared by all of them.

use super::worker_budget::WorkerBudget;
use super::world::Budgets;
use crate::http::{awaits_its_answer, content_length};
use crate::memory::Memory;
use crate::retry::latency::Latencies;
use crate::retry::settings::{Engine, Fallback, Settings, StaleIfError};
use crate::retry::stale::StaleAnswers;
use crate::{RequestView, Timestamp};
use core::cell::{Cell, RefCell};
use core::time::Duration;

/// A route's policy in one worker.
#[derive(Debug)]
pub struct Policy {
    route: usize,
    settings: Settings,
    /// What is left to be decided here when Envoy's router tries again: no retries, only fallbacks.
    after_envoy: Option<Settings>,
    budget: WorkerBudget,
    pub(super) stale: RefCell<StaleAnswers>,
}

/// An upstream in one worker.
#[derive(Debug)]
pub struct Upstream {
    number: usize,
    budget: Option<WorkerBudget>,
    /// When answers begin, of Envoy's attempts and ours.
    latency: RefCell<Latencies>,
    /// Consecutive failed retries.
    failed_retries: Cell<u32>,
}

/// After so many consecutive failed retries few more are made.
pub const CONSECUTIVE_FAILED_RETRIES: u32 = 8;

impl Policy {
    /// The policy of the route at this position of the document, in a VM with these accounts.
    pub fn new(route: usize, settings: Settings, budget: WorkerBudget, memory: &Memory) -> Self {
        let max_bytes = settings.fallback.stale.as_ref().map_or(0, |stale| stale.max_bytes);
        let after_envoy = (settings.engine == Engine::Router).then(|| Settings {
            num_retries: 0,
            hedge: None,
            ..settings.clone()
        });
        let stale = RefCell::new(StaleAnswers::new(max_bytes).within(&memory.kept));
        Self { route, settings, after_envoy, budget, stale }
    }

    /// The route's position in the document.
    pub fn route(&self) -> usize {
        self.route
    }

    /// What the operator has set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The route's budget.
    pub fn budget(&self) -> &WorkerBudget {
        &self.budget
    }

    /// The policy of what is decided here and not by Envoy's router.
    pub fn local(&self) -> &Settings {
        self.after_envoy.as_ref().unwrap_or(&self.settings)
    }

    /// Whether Envoy's router is told the policy.
    pub fn is_steered(&self) -> bool {
        self.after_envoy.is_some()
    }

    /// How good answers are kept for worse times, if they are.
    pub fn keeps_answers(&self) -> Option<&StaleIfError> {
        self.settings.fallback.stale.as_ref().filter(|_| !self.settings.shadow)
    }

    /// Whether bodies of its requests are kept: they may have to be sent again from here.
    pub fn keeps_bodies(&self) -> bool {
        !self.settings.shadow && (!self.is_steered() || self.settings.fallback.upstream.is_some())
    }

    /// Whether a request with this head waits for its body before it goes on: one that may be sent again from here, which takes the
    /// whole body, and Envoy shows none any more once it has an answer. Not one whose end may wait for the answer.
    pub fn awaits_body(&self, head: &impl RequestView) -> bool {
        let fits = content_length(head).is_none_or(|length| length <= self.settings.max_body);
        !self.is_steered() && self.keeps_bodies() && fits && !awaits_its_answer(head)
    }

    /// Whether the answers of its requests are looked at.
    pub fn looks_at_answers(&self) -> bool {
        !self.is_steered() || self.settings.fallback != Fallback::default()
    }

    /// A request to this upstream counts for the budgets.
    pub fn request(&self, upstream: &Upstream) {
        self.budgets(upstream).for_each(WorkerBudget::request);
    }

    /// How often Envoy's router may try a request again, which is counted until [`Policy::envoy_answered`]: as often as the budgets
    /// have some left for, as far as this worker knows. While retries are failing all the time, none, but for a request that may find out
    /// whether they still are.
    pub fn grant_to_envoy(&self, upstream: &Upstream, budgets: &mut impl Budgets) -> u8 {
        let most = self.settings.num_retries;
        let granted = if upstream.retries_keep_failing() {
            let is_left = self.budgets(upstream).all(|budget| budget.has_some_left(budgets));
            if is_left && self.budget.grants_reserve(most, budgets) { most } else { 0 }
        } else {
            self.budgets(upstream).fold(most, |most, budget| budget.seems_to_allow(most, budgets))
        };
        self.budgets(upstream).for_each(|budget| budget.grant(granted));
        granted
    }

    /// A request is answered that Envoy's router might have tried so often again.
    pub fn envoy_answered(&self, upstream: &Upstream, granted: u8) {
        self.budgets(upstream).for_each(|budget| budget.settle(granted));
    }

    /// Envoy's router has made so many retries of a request; `well`: the last one helped.
    pub fn envoy_retried(&self, upstream: &Upstream, retries: u32, well: bool) {
        self.retried(upstream, well);
        self.budgets(upstream).for_each(|budget| budget.spend(retries));
    }

    /// A retry has been answered; `well`: it helped.
    pub(super) fn retried(&self, upstream: &Upstream, well: bool) {
        upstream.retried(well);
        if well {
            self.budgets(upstream).for_each(|budget| budget.help(1));
        }
    }

    fn budgets<'a>(&'a self, upstream: &'a Upstream) -> impl Iterator<Item = &'a WorkerBudget> {
        [Some(&self.budget), upstream.budget.as_ref()].into_iter().flatten()
    }
}

impl Upstream {
    /// The upstream at this position of the document, with nothing learnt.
    pub fn new(number: usize, budget: Option<WorkerBudget>) -> Self {
        Self { number, budget, latency: RefCell::default(), failed_retries: Cell::default() }
    }

    /// Its position in the document.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its budget, if it has one.
    pub fn budget(&self) -> Option<&WorkerBudget> {
        self.budget.as_ref()
    }

    /// A retry has been answered; `well`: it helped.
    fn retried(&self, well: bool) {
        self.failed_retries.set(if well { 0 } else { self.failed_retries.get().saturating_add(1) });
    }

    /// Whether trying again does not help now: everything fails, not one endpoint. First attempts that fail say nothing of it:
    /// an endpoint that dies fails all its requests at once, and the others can take them.
    pub fn retries_keep_failing(&self) -> bool {
        self.failed_retries.get() >= CONSECUTIVE_FAILED_RETRIES
    }

    /// An answer of this endpoint, if it is known, began after so long.
    pub(super) fn observe(&self, endpoint: Option<usize>, latency: Duration, now: Timestamp) {
        if let Ok(mut latencies) = self.latency.try_borrow_mut() {
            latencies.observe(endpoint, latency, now);
        }
    }

    /// The time within which `percent` of the recent answers began.
    pub(super) fn quantile(&self, percent: u8, now: Timestamp) -> Option<Duration> {
        self.latency.try_borrow_mut().ok()?.quantile(percent, now)
    }

    /// How long to wait for the first attempt before it is hedged.
    pub(super) fn hedge_delay(&self, hedge: super::super::settings::Hedge, now: Timestamp) -> Duration {
        self.quantile(hedge.quantile, now).unwrap_or(hedge.initial_delay).max(hedge.min_delay)
    }

    /// The least time that an attempt takes, as far as is known; `floor` at least.
    pub fn least_time(&self, floor: Duration, now: Timestamp) -> Duration {
        floor.max(self.quantile(5, now).unwrap_or_default())
    }
}
