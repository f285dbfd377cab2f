//! The budget's reserve, and the bucket that spreads retries in time: what is taken, spent and given back.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::budget::at;
use core::time::Duration;
use switchyard_core::budget::{Budget, BudgetPolicy};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const POLICY: BudgetPolicy = BudgetPolicy {
    ratio_ppm: 200_000,
    min_per_second: 4,
    window: Duration::from_secs(10),
    max_concurrent: 8,
};

#[test]
fn the_reserve_of_a_bucket_is_its_part_of_the_least_and_one_retry_at_least() {
    for (min_per_second, reserve) in [(4, 4), (1, 1), (0, 1)] {
        let policy = BudgetPolicy { min_per_second, ..POLICY };
        let mut budget = Budget::default();
        budget.deposit(&policy, at(0), 1_000);
        for second in 0..3 {
            let now = at(second * 1_000);
            let taken = (0..).take_while(|_| budget.withdraw_reserve(&policy, now)).count();
            assert_eq!(taken, reserve, "{min_per_second} a second");
        }
    }
}

#[test]
fn retries_that_were_made_without_asking_are_taken_from_the_window_and_from_the_bucket() {
    let mut budget = Budget::default();
    budget.spend(&POLICY, at(0), 7);
    assert_eq!(budget.balance(&POLICY, at(0)), 33);
    assert_eq!(budget.left_at_once(&POLICY, at(0)), 3);
    budget.spend(&POLICY, at(0), 40);
    assert_eq!(budget.balance(&POLICY, at(0)), -7, "whether there are any left or not");
}

#[test]
fn a_retry_that_is_given_back_may_be_taken_again() {
    let mut budget = Budget::default();
    assert!(budget.withdraw_spread(&POLICY, at(0)));
    let left = |budget: &mut Budget| (budget.balance(&POLICY, at(0)), budget.left_at_once(&POLICY, at(0)));
    assert_eq!(left(&mut budget), (39, 9));
    budget.give_back(&POLICY, at(0));
    assert_eq!(left(&mut budget), (40, 10));
}

#[test]
fn a_bucket_drains_by_what_is_allowed_a_second() {
    let mut budget = Budget::default();
    budget.spend(&POLICY, at(0), 10);
    let left = |millis| {
        let mut then = budget;
        then.left_at_once(&POLICY, at(millis))
    };
    assert_eq!([0, 249, 250, 500, 1_000, 2_500].map(left), [0, 0, 1, 2, 4, 10]);
}

#[test]
fn the_bucket_is_read_as_it_was_written() {
    let mut budget = Budget::default();
    assert!(budget.withdraw_spread(&POLICY, at(123)));
    assert_eq!(Budget::decode(&budget.encode()), budget);
    assert_eq!(Budget::decode(&budget.encode()).left_at_once(&POLICY, at(123)), 9);
}
