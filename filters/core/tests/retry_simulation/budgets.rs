//! The two budgets that workers share, and their auditor, who knows no buckets.

use crate::shapes::Config;
use core::time::Duration;
use fastrand::Rng;
use std::collections::VecDeque;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Budget, BudgetPolicy, Denied};

/// Of the route, and of the upstream.
pub(crate) const BUDGETS: usize = 2;

/// What one worker has not told the others yet, and how many retries it has under way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Purse {
    pub(crate) requests: [u32; BUDGETS],
    pub(crate) active: u32,
    /// Retries in a row that failed, too.
    in_vain: u32,
}

/// So many say that trying again does not help: then there is only the reserve. As the filter has it.
const IN_VAIN: u32 = 8;

impl Purse {
    /// A retry has been answered.
    pub(crate) fn retried(&mut self, well: bool) {
        self.in_vain = if well { 0 } else { self.in_vain + 1 };
    }
}

/// Shared data.
#[derive(Default)]
pub(crate) struct Shared {
    tables: [Vec<u8>; BUDGETS],
    audits: [Audit; BUDGETS],
    /// Nobody overtakes in these tests, but a host may refuse.
    refuses: f64,
}

impl Config {
    fn policy(&self, which: usize) -> Option<&BudgetPolicy> {
        if which == 0 { Some(&self.settings.budget) } else { self.upstream.as_ref() }
    }
}

impl Shared {
    pub(crate) fn new(refuses: f64) -> Self {
        Self { refuses, ..Self::default() }
    }

    /// Takes a retry from both budgets or from none, as the filter does.
    pub(crate) fn withdraw(
        &mut self,
        config: &Config,
        purse: &mut Purse,
        now: Timestamp,
        rng: &mut Rng,
    ) -> Result<(), Denied> {
        let mut taken = Vec::new();
        for which in [1, 0] {
            let Some(policy) = config.policy(which) else { continue };
            if let Err(denied) = self.take(which, policy, purse, now, rng) {
                for which in taken {
                    self.give_back(which, config, now);
                }
                return Err(denied);
            }
            taken.push(which);
        }
        for which in taken {
            let policy = config.policy(which).expect("it was taken from");
            self.audits[which].check(policy, now);
        }
        Ok(())
    }

    fn take(
        &mut self,
        which: usize,
        policy: &BudgetPolicy,
        purse: &mut Purse,
        now: Timestamp,
        rng: &mut Rng,
    ) -> Result<(), Denied> {
        if purse.active >= policy.max_concurrent {
            return Err(Denied::Concurrency);
        }
        if rng.f64() < self.refuses {
            return Err(Denied::Budget);
        }
        self.deposit(which, policy, purse, now);
        let mut budget = Budget::decode(&self.tables[which]);
        let in_vain = purse.in_vain >= IN_VAIN;
        let taken = if in_vain { budget.withdraw_reserve(policy, now) } else { budget.withdraw(policy, now) };
        self.tables[which] = budget.encode();
        if taken {
            self.audits[which].retries.push_back(now);
            return Ok(());
        }
        if !in_vain || !self.audits[which].has_spent_reserve(policy, now) {
            self.audits[which].check_refusal(policy, now);
        }
        Err(Denied::Budget)
    }

    fn give_back(&mut self, which: usize, config: &Config, now: Timestamp) {
        let Some(policy) = config.policy(which) else { return };
        let mut budget = Budget::decode(&self.tables[which]);
        budget.give_back(policy, now);
        self.tables[which] = budget.encode();
        self.audits[which].retries.pop_back();
    }

    /// A worker tells what it has counted.
    pub(crate) fn tell(&mut self, config: &Config, purse: &mut Purse, now: Timestamp) {
        for which in 0..BUDGETS {
            if let Some(policy) = config.policy(which).filter(|_| purse.requests[which] > 0) {
                self.deposit(which, policy, purse, now);
            }
        }
    }

    fn deposit(&mut self, which: usize, policy: &BudgetPolicy, purse: &mut Purse, now: Timestamp) {
        let requests = core::mem::take(&mut purse.requests[which]);
        let mut budget = Budget::decode(&self.tables[which]);
        budget.deposit(policy, now, requests);
        self.tables[which] = budget.encode();
        self.audits[which].requests.push_back((now, requests));
    }
}

/// Everything that went in and out of a budget lately.
#[derive(Default)]
struct Audit {
    requests: VecDeque<(Timestamp, u32)>,
    retries: VecDeque<Timestamp>,
}

impl Audit {
    /// Counting in tenths of a window forgets up to a tenth too early: the retries of nine tenths are never more than
    /// the requests of a whole window allow.
    fn check(&mut self, policy: &BudgetPolicy, now: Timestamp) {
        self.forget(policy, now);
        let retries = self.retries_within(policy.window / 10 * 9, now);
        let requests = self.requests_within(policy.window, now);
        let most = allowed(policy, requests);
        assert!(retries <= most, "overdrawn: {retries} retries for {requests} requests under {policy:?}");
    }

    /// And none is refused that there is.
    fn check_refusal(&mut self, policy: &BudgetPolicy, now: Timestamp) {
        self.forget(policy, now);
        let retries = self.retries_within(policy.window, now);
        let requests = self.requests_within(policy.window / 10 * 9, now);
        assert!(retries >= allowed(policy, requests), "refused: {retries} of {requests} under {policy:?}");
    }

    /// As many were made in a tenth of a window as there may be however few requests there are, or one.
    fn has_spent_reserve(&self, policy: &BudgetPolicy, now: Timestamp) -> bool {
        let tenth = policy.window / 10;
        let reserve = tenth.as_millis() as u64 * u64::from(policy.min_per_second) / 1_000;
        self.retries_within(tenth, now) >= reserve.max(1)
    }

    fn retries_within(&self, time: Duration, now: Timestamp) -> u64 {
        self.retries.iter().rev().take_while(|at| now.since(**at) < time).count() as u64
    }

    fn requests_within(&self, time: Duration, now: Timestamp) -> u64 {
        let recent = self.requests.iter().rev().take_while(|(at, _)| now.since(*at) < time);
        recent.map(|(_, requests)| u64::from(*requests)).sum()
    }

    fn forget(&mut self, policy: &BudgetPolicy, now: Timestamp) {
        while self.requests.front().is_some_and(|(at, _)| now.since(*at) > policy.window) {
            self.requests.pop_front();
        }
        while self.retries.front().is_some_and(|at| now.since(*at) > policy.window) {
            self.retries.pop_front();
        }
    }
}

fn allowed(policy: &BudgetPolicy, requests: u64) -> u64 {
    let seconds = policy.window.as_millis() as u64;
    requests * u64::from(policy.ratio_ppm) / 1_000_000 + seconds * u64::from(policy.min_per_second) / 1_000
}
