//! One worker: its view of the world, and its machines, one for each configuration that it has taken.

use crate::budgets::Shared;
use crate::shapes::Config;
use fastrand::Rng;
use std::collections::BTreeSet;
use std::rc::Rc;
use switchyard_core::budget::{Budget, Concurrency};
use switchyard_core::memory::Memory;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::exchanges::{Budgets, Fund, MOST_KEPT, Policy, Retries, Upstream, WorkerBudget};
use switchyard_core::{EndpointIndex, Timestamp};

/// One configuration in one worker.
pub(crate) struct Root {
    pub(crate) config: Rc<Config>,
    pub(crate) policy: Rc<Policy>,
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) retries: Retries<PlainRequest>,
}

impl Root {
    fn new(config: Rc<Config>, now: Timestamp) -> Self {
        let memory = Memory::default();
        let bodies = memory.kept.part(MOST_KEPT);
        let there = Budget::default();
        let budget =
            WorkerBudget::new(config.settings.budget, Fund::Route(0), Concurrency::default(), &there, now);
        let of_upstream =
            |policy| WorkerBudget::new(policy, Fund::Upstream(0), Concurrency::default(), &there, now);
        Self {
            policy: Rc::new(Policy::new(0, config.settings.clone(), budget, &memory)),
            upstream: Rc::new(Upstream::new(0, config.upstream.map(of_upstream))),
            retries: Retries::new((memory, bodies)),
            config,
        }
    }

    fn budgets(&self) -> impl Iterator<Item = &WorkerBudget> {
        [Some(self.policy.budget()), self.upstream.budget()].into_iter().flatten()
    }

    /// Nothing is left of any request.
    pub(crate) fn is_clean(&self) -> bool {
        let retries = &self.retries;
        retries.is_empty()
            && !retries.waits()
            && retries.calls() == 0
            && self.budgets().all(|budget| budget.active() == 0)
    }

    /// Tells the other workers what was spent.
    pub(crate) fn tell(&self, shared: &mut Shared, now: Timestamp) {
        let mut budgets = Ledger { shared, config: &self.config, now };
        for budget in self.budgets().filter(|budget| budget.has_news()) {
            budget.exchange_news(&mut budgets, now);
        }
    }
}

/// The shared budgets as they are told of.
struct Ledger<'a> {
    shared: &'a mut Shared,
    config: &'a Config,
    now: Timestamp,
}

impl Budgets for Ledger<'_> {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn change_budget<R>(&mut self, of: Fund, change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        Some(self.shared.change(of, self.config, self.now, change))
    }
}

pub(crate) struct Worker {
    /// New requests begin under the last one.
    pub(crate) roots: Vec<Root>,
    pub(crate) rng: Rng,
    /// Which endpoints are in rotation, as of the last tick.
    pub(crate) rotation: Vec<bool>,
    /// Requests that have not ended.
    pub(crate) open: BTreeSet<usize>,
    pub(crate) ticks_at: Timestamp,
    /// The next tick is only for news.
    pub(crate) idle: bool,
    pub(crate) told: Timestamp,
    turn: usize,
}

impl Worker {
    pub(crate) fn new(config: Rc<Config>, endpoints: usize, rng: Rng, now: Timestamp) -> Self {
        Self {
            roots: vec![Root::new(config, now)],
            rng,
            rotation: vec![true; endpoints],
            open: BTreeSet::new(),
            ticks_at: Timestamp::default(),
            idle: true,
            told: Timestamp::default(),
            turn: 0,
        }
    }

    pub(crate) fn takes(&mut self, config: Rc<Config>, now: Timestamp) {
        self.roots.push(Root::new(config, now));
    }

    pub(crate) fn waits(&self) -> bool {
        self.roots.iter().any(|root| root.retries.waits())
    }

    /// The router's candidates: some endpoints in rotation, each first in turn.
    pub(crate) fn candidates(&mut self) -> Vec<EndpointIndex> {
        self.turn += 1;
        let count = self.rotation.len();
        let all = (0..count).map(|step| (self.turn + step) % count);
        let panic = self.rotation.iter().all(|is_in| !is_in);
        all.filter(|index| panic || self.rotation[*index]).take(3).collect()
    }
}
