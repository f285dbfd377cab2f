//! The budgets that workers share, and their auditor, who knows no buckets and no machine: he reads what stands in the table.

use crate::shapes::Config;
use core::time::Duration;
use std::collections::VecDeque;
use switchyard_core::Timestamp;
use switchyard_core::budget::{BUCKETS, Budget, BudgetPolicy};
use switchyard_core::retry::exchanges::{Fund, Upstream};

/// Of the route, and of the upstream.
const BUDGETS: usize = 2;

/// Shared data.
#[derive(Default)]
pub(crate) struct Shared {
    tables: [Vec<u8>; BUDGETS],
    audits: [Audit; BUDGETS],
    /// Retries that were taken in this callback and that nothing has been decided on yet, of all budgets together.
    pub(crate) pending: i64,
    /// Which budget gave nothing the last time, unless the host did not let it be changed.
    refused: Option<Option<usize>>,
}

impl Config {
    fn policy(&self, which: usize) -> Option<&BudgetPolicy> {
        if which == 0 { Some(&self.settings.budget) } else { self.upstream.as_ref() }
    }

    /// How many budgets a retry is taken from.
    pub(crate) fn budgets(&self) -> i64 {
        1 + i64::from(self.upstream.is_some())
    }
}

fn which(of: Fund) -> usize {
    match of {
        Fund::Route(_) => 0,
        Fund::Upstream(_) => 1,
    }
}

/// Number, requests and retries of every bucket, as the module says that they stand there.
fn buckets(bytes: &[u8]) -> Vec<[u32; 3]> {
    let word = |at: usize| {
        bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes(four.try_into().expect("four bytes")))
    };
    (0..BUCKETS).map(|bucket| [0, 4, 8].map(|at| word(4 + bucket * 12 + at))).collect()
}

/// How many requests and retries a change has added.
fn added(before: &[u8], after: &[u8]) -> (i64, i64) {
    let pairs = buckets(before).into_iter().zip(buckets(after));
    pairs.fold((0, 0), |(requests, retries), (before, after)| {
        let is_same = before[0] == after[0];
        let by = |at: usize| i64::from(after[at]) - if is_same { i64::from(before[at]) } else { 0 };
        (requests + by(1), retries + by(2))
    })
}

impl Shared {
    /// A callback begins.
    pub(crate) fn begins(&mut self) {
        assert_eq!(self.pending, 0, "a retry was taken and not made");
        self.refused = None;
    }

    /// The host does not let a budget be changed.
    pub(crate) fn host_refuses(&mut self) {
        self.refused = Some(None);
    }

    /// Lets a budget be changed, under the eyes of its auditor.
    pub(crate) fn change<R>(
        &mut self,
        of: Fund,
        config: &Config,
        now: Timestamp,
        mut change: impl FnMut(&mut Budget) -> R,
    ) -> R {
        let which = which(of);
        let policy = config.policy(which).expect("it has a policy");
        let mut budget = Budget::decode(&self.tables[which]);
        let result = change(&mut budget);
        let after = budget.encode();
        let (requests, retries) = added(&self.tables[which], &after);
        self.tables[which] = after;
        self.pending += retries;
        let audit = &mut self.audits[which];
        audit.requests.push_back((now, u32::try_from(requests).expect("requests are only added")));
        match retries {
            1 => {
                audit.retries.push_back(now);
                audit.check(policy, now);
            }
            -1 => drop(audit.retries.pop_back()),
            0 => self.refused = Some(Some(which)),
            many => panic!("{many} at a time"),
        }
        result
    }

    /// A retry was refused for want of a budget.
    pub(crate) fn check_denial(&mut self, config: &Config, upstream: &Upstream, now: Timestamp) {
        assert_eq!(self.pending, 0, "what was taken and not used was not given back");
        let Some(which) = self.refused.expect("no budget was asked") else { return };
        let policy = config.policy(which).expect("it has a policy");
        // Or too many are out that nobody has seen help.
        let mut stands = Budget::decode(&self.tables[which]);
        if stands.left_at_once(policy, now) <= 0 && !upstream.retries_keep_failing() {
            return;
        }
        if !upstream.retries_keep_failing() || !self.audits[which].has_spent_reserve(policy, now) {
            self.audits[which].check_refusal(policy, now);
        }
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
