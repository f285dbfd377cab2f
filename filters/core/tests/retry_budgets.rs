//! What a worker allows Envoy's router while it does not look at the shared budget: out of what it knew, less what it has seen since.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::budget::{Budget, BudgetPolicy, Concurrency};
use switchyard_core::memory::Memory;
use switchyard_core::retry::Settings;
use switchyard_core::retry::exchanges::{
    Budgets, CONSECUTIVE_FAILED_RETRIES, Fund, Policy, Upstream, WorkerBudget,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Ten retries at once, forty in a window, and a fifth of the requests.
const POLICY: BudgetPolicy = BudgetPolicy {
    ratio_ppm: 200_000,
    min_per_second: 4,
    window: Duration::from_secs(10),
    max_concurrent: 8,
};
/// Ten retries in a window.
const TEN: BudgetPolicy = BudgetPolicy { min_per_second: 1, ..POLICY };

/// The clock, and the budget of all workers.
struct Shared {
    now: Timestamp,
    budget: Budget,
    is_readable: bool,
}

impl Budgets for Shared {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn change_budget<R>(&mut self, _: Fund, mut change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        self.is_readable.then(|| change(&mut self.budget))
    }
}

/// One of them.
struct Worker {
    policy: Policy,
    upstream: Upstream,
    shared: Shared,
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

impl Worker {
    /// One whose requests may have so many retries each, when there have been so many requests.
    fn new(budget: BudgetPolicy, num_retries: u8, requests: u32) -> Self {
        let mut shared = Shared { now: at(0), budget: Budget::default(), is_readable: true };
        shared.budget.deposit(&budget, at(0), requests);
        let known = WorkerBudget::new(budget, Fund::Route(3), Concurrency::default(), &shared.budget, at(0));
        let settings = Settings { num_retries, budget, ..Settings::default() };
        let policy = Policy::new(3, settings, known, &Memory::default());
        Self { policy, upstream: Upstream::new(0, None), shared }
    }

    /// One whose retries keep failing.
    fn failing(budget: BudgetPolicy, requests: u32) -> Self {
        let worker = Self::new(budget, 2, requests);
        (0..CONSECUTIVE_FAILED_RETRIES).for_each(|_| worker.spend(0));
        worker
    }

    fn spend(&self, retries: u32) {
        self.policy.envoy_retried(&self.upstream, retries, false);
    }

    /// What a request is granted.
    fn grant(&mut self) -> u8 {
        self.policy.grant_to_envoy(&self.upstream, &mut self.shared)
    }

    fn grant_at(&mut self, now: Timestamp) -> u8 {
        self.shared.now = now;
        self.grant()
    }
}

#[test]
fn what_requests_without_an_answer_may_take_is_granted_to_no_other_but_for_one_each() {
    let mut worker = Worker::new(POLICY, 5, 0);
    assert_eq!([0, 1, 2].map(|_| worker.grant()), [5, 5, 1]);
    worker.policy.envoy_answered(&worker.upstream, 5);
    assert_eq!(worker.grant(), 4, "ten at once, of which five and one are granted");
}

#[test]
fn a_retry_that_has_helped_allows_two() {
    let mut worker = Worker::new(POLICY, 5, 0);
    worker.spend(10);
    assert_eq!(worker.grant(), 0, "ten at once are made");
    worker.policy.envoy_retried(&worker.upstream, 0, true);
    assert_eq!(worker.grant(), 2);
}

#[test]
fn requests_allow_their_share_before_the_others_hear_of_them() {
    let mut worker = Worker::new(POLICY, 5, 0);
    worker.spend(10);
    (0..10).for_each(|_| worker.policy.request(&worker.upstream));
    assert_eq!(worker.grant(), 2, "a fifth of them");
}

#[test]
fn a_look_that_finds_none_grants_none() {
    let mut worker = Worker::new(POLICY, 5, 0);
    worker.spend(20);
    assert_eq!(worker.grant_at(at(50)), 0);
}

#[test]
fn while_retries_keep_failing_requests_are_granted_theirs_at_the_pace_of_the_reserve() {
    // One a second.
    let mut worker = Worker::failing(TEN, 0);
    assert_eq!([0, 1, 1_999, 2_000, 3_999].map(|now| worker.grant_at(at(now))), [2, 0, 0, 2, 0]);
    // Where none is allowed however few requests there are: one in a tenth of the window.
    let mut worker = Worker::failing(BudgetPolicy { min_per_second: 0, ..POLICY }, 100);
    assert_eq!([0, 1, 1_999, 2_000, 3_999].map(|now| worker.grant_at(at(now))), [2, 0, 0, 2, 0]);
}

#[test]
fn a_clock_that_steps_back_by_more_than_a_window_does_not_put_the_reserve_off() {
    for (back, granted) in [(9_500, 0), (9_501, 2)] {
        let mut worker = Worker::failing(POLICY, 0);
        assert_eq!(worker.grant(), 2, "and the next two in half a second");
        assert_eq!(worker.grant_at(Timestamp::from_millis(1_700_000_000_000 - back)), granted, "{back} ms");
    }
}

#[test]
fn while_retries_keep_failing_none_is_granted_of_a_window_that_is_spent() {
    for (spent, granted) in [(9, 2), (10, 0), (11, 0)] {
        let mut worker = Worker::failing(TEN, 0);
        worker.spend(spent);
        assert_eq!(worker.grant(), granted, "{spent} of ten");
    }
    let mut worker = Worker::failing(TEN, 0);
    worker.spend(10);
    assert_eq!(worker.grant_at(at(50)), 0, "nor when it is looked at again");
}

#[test]
fn what_others_have_saved_of_a_window_is_seen_a_tick_after_the_last_look() {
    let saved = || {
        let mut worker = Worker::failing(TEN, 0);
        worker.spend(10);
        worker.shared.budget.deposit(&TEN, at(0), 100);
        worker
    };
    let mut worker = saved();
    assert_eq!([0, 49, 50].map(|now| worker.grant_at(at(now))), [0, 0, 2]);
    let mut worker = saved();
    worker.shared.is_readable = false;
    assert_eq!(worker.grant_at(at(50)), 0, "if it can be looked at");
}

#[test]
fn a_policy_knows_its_routes_position() {
    assert_eq!(Worker::new(POLICY, 2, 0).policy.route(), 3);
}
