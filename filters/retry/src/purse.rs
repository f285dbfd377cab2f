//! A retry budget as one worker sees it: what it has not told the others yet, and what is left as far as it knows.
//!
//! Invariant: a retry of the filter's engine is in the shared table before it is sent ([`Purse::withdraw`]); what cannot be
//! written is not allowed. Deposits are merged on ticks and with withdrawals, so a crossing per request is not needed.

use crate::worker::NEWS_TICK;
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Budget, BudgetPolicy, Denied};
use switchyard_host::shared_ledger::Table;
use switchyard_host::{Clock, SharedData};

/// One budget, of a route or an upstream.
pub(crate) struct Purse {
    policy: BudgetPolicy,
    table: Table,
    requests: Cell<u32>,
    spent: Cell<u32>,
    left: Cell<i64>,
    /// When that was so.
    looked: Cell<Timestamp>,
    /// What the operator was told last.
    told: Cell<i64>,
    /// When the next request may have retries although they are in vain.
    reserved: Cell<Timestamp>,
    active: Rc<Cell<u32>>,
}

/// A place among the retries that wait or are under way; free again when it is dropped.
pub(crate) struct Place(Rc<Cell<u32>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Purse {
    /// The budget of this name, whose table is created if need be.
    pub(crate) fn new(
        policy: BudgetPolicy,
        kind: &str,
        name: &str,
        host: &impl SharedData,
        now: Timestamp,
    ) -> Self {
        let table = Table::budget(kind, name);
        // Without a table nothing is ever withdrawn: no retries, and the requests go on.
        let _ = table.create(host);
        let left = Budget::decode(&table.read(host)).balance(&policy, now);
        Self {
            policy,
            table,
            requests: Cell::new(0),
            spent: Cell::new(0),
            left: Cell::new(left),
            looked: Cell::new(now),
            told: Cell::new(left),
            active: Rc::default(),
            reserved: Cell::default(),
        }
    }

    /// A request that counts.
    pub(crate) fn request(&self) {
        self.requests.set(self.requests.get().saturating_add(1));
    }

    /// Retries that Envoy has made.
    pub(crate) fn spend(&self, retries: u32) {
        self.spent.set(self.spent.get().saturating_add(retries));
    }

    /// Whether some are left, as far as this worker knows: as of its last look, less what it has spent since. Where none
    /// seem to be left, a look that is older than a tick is taken again.
    pub(crate) fn seems_to_allow(&self, host: &(impl SharedData + Clock)) -> bool {
        let some = || self.left.get() > i64::from(self.spent.get());
        some() || {
            let (now, looked) = (host.now().unwrap_or_default(), self.looked.get());
            // Wall time may step back.
            let old = now.since(looked) > NEWS_TICK || now < looked;
            old && self.change(host, now, |_| ()).is_some() && some()
        }
    }

    /// Whether a request may have so many retries while retries are in vain: at the pace of the reserve, in this worker.
    pub(crate) fn grants_reserve(&self, retries: u8, host: &impl Clock) -> bool {
        let now = host.now().unwrap_or_default();
        let pace =
            Duration::from_secs(1).checked_div(self.policy.min_per_second).unwrap_or(self.policy.window / 10);
        let granted = now >= self.reserved.get() || now.plus(self.policy.window) < self.reserved.get();
        if granted {
            self.reserved.set(now.plus(pace.saturating_mul(retries.into())));
        }
        granted
    }

    /// Whether this worker knows something that the others or the operator do not.
    pub(crate) fn has_news(&self) -> bool {
        self.told != self.left || self.requests.get() > 0 || self.spent.get() > 0
    }

    /// Takes a retry, and a place for it. While retries are in vain, only one of the reserve.
    pub(crate) fn withdraw(
        &self,
        in_vain: bool,
        host: &impl SharedData,
        now: Timestamp,
    ) -> Result<Place, Denied> {
        if self.active.get() >= self.policy.max_concurrent {
            return Err(Denied::Concurrency);
        }
        let withdraw = |budget: &mut Budget| match in_vain {
            true => budget.withdraw_reserve(&self.policy, now),
            false => budget.withdraw(&self.policy, now),
        };
        match self.change(host, now, withdraw) {
            Some(true) => {
                self.active.set(self.active.get().saturating_add(1));
                Ok(Place(Rc::clone(&self.active)))
            }
            _ => Err(Denied::Budget),
        }
    }

    /// Gives one back that was not made.
    pub(crate) fn give_back(&self, host: &impl SharedData, now: Timestamp) {
        self.change(host, now, |budget| budget.give_back(&self.policy, now));
    }

    /// Tells the others, and learns how many are left.
    pub(crate) fn exchange_news(&self, host: &impl SharedData, now: Timestamp) -> i64 {
        self.change(host, now, |_| ());
        self.told.set(self.left.get());
        self.left.get()
    }

    /// Adds the news to the shared budget, and this change.
    fn change<R>(
        &self,
        host: &impl SharedData,
        now: Timestamp,
        mut change: impl FnMut(&mut Budget) -> R,
    ) -> Option<R> {
        let (requests, spent) = (self.requests.get(), self.spent.get());
        let changed = self.table.change_budget(host, |budget| {
            budget.deposit(&self.policy, now, requests);
            budget.spend(&self.policy, now, spent);
            let result = change(budget);
            (true, (result, budget.balance(&self.policy, now)))
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
