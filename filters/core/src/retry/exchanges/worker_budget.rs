//! A retry budget as one worker sees it: what it has not told the others yet, and what is left as far as it knows.
//!
//! Invariant: a retry of the filter's engine is in the shared table before it is sent ([`WorkerBudget::withdraw`]); what cannot be
//! written is not allowed. Deposits are merged on ticks and with withdrawals, so a crossing per request is not needed; so is what helped.

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
    /// Retries that have helped.
    helped: Cell<u32>,
    left: Cell<i64>,
    /// As far as retries are spread until they are seen to help.
    left_at_once: Cell<i64>,
    most_at_once: Cell<i64>,
    /// Retries that Envoy may make of requests that have not been answered.
    granted: Cell<u32>,
    /// When that was so.
    looked: Cell<Timestamp>,
    /// What the operator was told last.
    told: Cell<i64>,
    /// When the next request may have retries although they keep failing.
    reserved: Cell<Timestamp>,
    active: Concurrency,
}

impl WorkerBudget {
    /// This budget, of which so much was there at `now`; what it has allowed counts in `active`.
    pub fn new(policy: BudgetPolicy, of: Fund, active: Concurrency, there: &Budget, now: Timestamp) -> Self {
        let left = there.balance(&policy, now);
        let left_at_once = { *there }.left_at_once(&policy, now);
        Self {
            policy,
            of,
            requests: Cell::new(0),
            spent: Cell::new(0),
            helped: Cell::new(0),
            left: Cell::new(left),
            left_at_once: Cell::new(left_at_once),
            most_at_once: Cell::new(left_at_once),
            granted: Cell::new(0),
            looked: Cell::new(now),
            told: Cell::new(left),
            active,
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

    /// Retries have helped.
    pub(super) fn help(&self, retries: u32) {
        self.helped.set(self.helped.get().saturating_add(retries));
    }

    /// How many of `most` retries a request may have that Envoy tries again, as far as this worker knows: as of its last look, less what
    /// it has spent since. Where none seem to be left, a look that is older than a tick is taken again. More than one only while those
    /// of all requests under way may be made at once: where retries help at all the first one does, nearly always.
    pub(super) fn seems_to_allow(&self, most: u8, budgets: &mut impl Budgets) -> u8 {
        if self.at_once() <= 0 {
            let (now, looked) = (budgets.now(), self.looked.get());
            let looks = now.is_due(looked, NEWS_TICK) && self.change(budgets, now, |_| ()).is_some();
            if !looks || self.at_once() <= 0 {
                return 0;
            }
        }
        let free = self.at_once().saturating_sub(self.granted.get().into());
        u8::try_from(free.max(1)).unwrap_or(u8::MAX).min(most)
    }

    /// Whether the window has some left, whatever may be made at once; the same look as there.
    pub(super) fn has_some_left(&self, budgets: &mut impl Budgets) -> bool {
        let some = || self.left.get() > i64::from(self.spent.get());
        some() || {
            let (now, looked) = (budgets.now(), self.looked.get());
            now.is_due(looked, NEWS_TICK) && self.change(budgets, now, |_| ()).is_some() && some()
        }
    }

    /// How many retries may be made at once.
    fn at_once(&self) -> i64 {
        let (spent, helped) = (i64::from(self.spent.get()), i64::from(self.helped.get()));
        let share = u64::from(self.requests.get()) * u64::from(self.policy.ratio_ppm) / 1_000_000;
        let (before, most) = (self.left_at_once.get(), self.most_at_once.get());
        let at_once = before.saturating_add_unsigned(share).saturating_sub(spent).min(most.max(before));
        at_once.saturating_add(2 * helped).min(self.left.get() - spent)
    }

    /// Envoy may make so many retries of a request, until it is answered.
    pub(super) fn grant(&self, retries: u8) {
        self.granted.set(self.granted.get().saturating_add(retries.into()));
    }

    /// The request is answered.
    pub(super) fn settle(&self, retries: u8) {
        self.granted.set(self.granted.get().saturating_sub(retries.into()));
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
        let counts = [&self.requests, &self.spent, &self.helped];
        self.told != self.left || counts.iter().any(|count| count.get() > 0)
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
            false => budget.withdraw_spread(&self.policy, now),
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
        let (requests, spent, helped) = (self.requests.get(), self.spent.get(), self.helped.get());
        let changed = budgets.change_budget(self.of, |budget| {
            // What the requests allow is not lost on a bucket that those before them have emptied.
            budget.spend(&self.policy, now, spent);
            budget.deposit(&self.policy, now, requests);
            budget.helped(&self.policy, now, helped);
            let result = change(budget);
            let at_once = (budget.left_at_once(&self.policy, now), budget.most_at_once(&self.policy, now));
            (result, budget.balance(&self.policy, now), at_once)
        });
        let (result, left, at_once) = changed?;
        // Nothing else runs in between: a VM has one thread.
        self.requests.set(0);
        self.spent.set(0);
        self.helped.set(0);
        self.left.set(left);
        self.left_at_once.set(at_once.0);
        self.most_at_once.set(at_once.1);
        self.looked.set(now);
        Some(result)
    }
}
