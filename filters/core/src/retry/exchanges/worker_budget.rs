//! A retry budget as one worker sees it: what it has not told the others yet, and what is left as far as it knows.
//!
//! Invariant: a retry of the filter's engine is in the shared table before it is sent ([`WorkerBudget::withdraw`]); what cannot be
//! written is not allowed. Deposits are merged on ticks and with withdrawals, so a crossing per request is not needed.

use super::NEWS_TICK;
use super::world::{Budgets, Fund};
use crate::Timestamp;
use crate::budget::{Budget, BudgetPolicy, Concurrency, UnderWay};
use crate::retry::attempts::Denied;
use core::cell::Cell;
use core::time::Duration;

/// One budget, of a route or an upstream.
#[derive(Debug)]
pub struct WorkerBudget {
    policy: BudgetPolicy,
    of: Fund,
    requests: Cell<u32>,
    spent: Cell<u32>,
    left: Cell<i64>,
    /// When that was so.
    looked: Cell<Timestamp>,
    /// What the operator was told last.
    told: Cell<i64>,
    /// When the next request may have retries although they keep failing.
    reserved: Cell<Timestamp>,
    active: Concurrency,
}

impl WorkerBudget {
    /// This budget, of which so much was there at `now`.
    pub fn new(policy: BudgetPolicy, of: Fund, there: &Budget, now: Timestamp) -> Self {
        let left = there.balance(&policy, now);
        Self {
            policy,
            of,
            requests: Cell::new(0),
            spent: Cell::new(0),
            left: Cell::new(left),
            looked: Cell::new(now),
            told: Cell::new(left),
            active: Concurrency::default(),
            reserved: Cell::default(),
        }
    }

    /// A request that counts.
    pub(super) fn request(&self) {
        self.requests.set(self.requests.get().saturating_add(1));
    }

    /// Retries that Envoy has made.
    pub(super) fn spend(&self, retries: u32) {
        self.spent.set(self.spent.get().saturating_add(retries));
    }

    /// Whether some are left, as far as this worker knows: as of its last look, less what it has spent since. Where none
    /// seem to be left, a look that is older than a tick is taken again.
    pub(super) fn seems_to_allow(&self, budgets: &mut impl Budgets) -> bool {
        let some = || self.left.get() > i64::from(self.spent.get());
        some() || {
            let (now, looked) = (budgets.now(), self.looked.get());
            now.is_due(looked, NEWS_TICK) && self.change(budgets, now, |_| ()).is_some() && some()
        }
    }

    /// Whether a request may have so many retries while retries keep failing: at the pace of the reserve, in this worker.
    pub(super) fn grants_reserve(&self, retries: u8, budgets: &mut impl Budgets) -> bool {
        let now = budgets.now();
        let pace =
            Duration::from_secs(1).checked_div(self.policy.min_per_second).unwrap_or(self.policy.window / 10);
        let granted = now >= self.reserved.get() || now.plus(self.policy.window) < self.reserved.get();
        if granted {
            self.reserved.set(now.plus(pace.saturating_mul(retries.into())));
        }
        granted
    }

    /// Whether this worker knows something that the others or the operator do not.
    pub fn has_news(&self) -> bool {
        self.told != self.left || self.requests.get() > 0 || self.spent.get() > 0
    }

    /// Takes a retry, which counts as under way from now on. While retries keep failing, only one of the reserve.
    pub(super) fn withdraw(
        &self,
        failing: bool,
        budgets: &mut impl Budgets,
        now: Timestamp,
    ) -> Result<UnderWay, Denied> {
        if !self.active.has_room(&self.policy) {
            return Err(Denied::Concurrency);
        }
        let withdraw = |budget: &mut Budget| match failing {
            true => budget.withdraw_reserve(&self.policy, now),
            false => budget.withdraw(&self.policy, now),
        };
        match self.change(budgets, now, withdraw) {
            Some(true) => Ok(self.active.begin()),
            _ => Err(Denied::Budget),
        }
    }

    /// Gives one back that was not made.
    pub(super) fn give_back(&self, budgets: &mut impl Budgets, now: Timestamp) {
        self.change(budgets, now, |budget| budget.give_back(&self.policy, now));
    }

    /// Retries that wait or are under way.
    pub fn active(&self) -> u32 {
        self.active.active()
    }

    /// Tells the others, and learns how many are left.
    pub fn exchange_news(&self, budgets: &mut impl Budgets, now: Timestamp) -> i64 {
        self.change(budgets, now, |_| ());
        self.told.set(self.left.get());
        self.left.get()
    }

    /// Adds the news to the shared budget, and this change.
    fn change<R>(
        &self,
        budgets: &mut impl Budgets,
        now: Timestamp,
        mut change: impl FnMut(&mut Budget) -> R,
    ) -> Option<R> {
        let (requests, spent) = (self.requests.get(), self.spent.get());
        let changed = budgets.change_budget(self.of, |budget| {
            budget.deposit(&self.policy, now, requests);
            budget.spend(&self.policy, now, spent);
            let result = change(budget);
            (result, budget.balance(&self.policy, now))
        });
        let (result, left) = changed?;
        // Nothing else runs in between: a VM has one thread.
        self.requests.set(0);
        self.spent.set(0);
        self.left.set(left);
        self.looked.set(now);
        Some(result)
    }
}
