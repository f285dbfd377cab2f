//! The budget: a share of the requests, a few per second, and never more, whoever takes them.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::budget::{BYTES, Budget, BudgetPolicy};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const POLICY: BudgetPolicy = BudgetPolicy {
    ratio_ppm: 200_000,
    min_per_second: 1,
    window: Duration::from_secs(10),
    max_concurrent: 8,
};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

/// Takes retries until there are none.
fn drain(budget: &mut Budget, now: Timestamp) -> u32 {
    (0..).take_while(|_| budget.withdraw(&POLICY, now)).count() as u32
}

#[test]
fn a_fifth_of_the_requests_and_one_a_second_may_be_retried() {
    let mut budget = Budget::default();
    assert_eq!(drain(&mut budget, at(0)), 10, "one a second over ten seconds");
    budget.deposit(&POLICY, at(0), 100);
    assert_eq!(drain(&mut budget, at(0)), 20);
    assert_eq!(budget.balance(&POLICY, at(0)), 0);
}

#[test]
fn what_leaves_the_window_counts_no_more() {
    let mut budget = Budget::default();
    budget.deposit(&POLICY, at(0), 1_000);
    assert_eq!(drain(&mut budget, at(0)), 210);
    assert_eq!(budget.balance(&POLICY, at(9_999)), 0);
    assert_eq!(budget.balance(&POLICY, at(10_000)), 10, "both requests and retries are gone");
}

#[test]
fn a_total_outage_is_retried_no_more_than_the_policy_says() {
    let mut budget = Budget::default();
    let mut retries = 0;
    // A minute of 100 requests a second, all failing, each wanting two retries.
    for tick in 0..600 {
        budget.deposit(&POLICY, at(tick * 100), 10);
        retries += (0..20).filter(|_| budget.withdraw(&POLICY, at(tick * 100))).count();
    }
    let requests = 6_000.0;
    let allowed = requests * 0.2 + 60.0 * 1.0;
    assert!((retries as f64) < allowed + 10.0, "{retries} retries for {requests} requests");
    assert!((retries as f64) > allowed * 0.9, "{retries}: nor much less");
}

#[test]
fn a_clock_that_was_set_back_starts_anew_and_overdraws_nothing() {
    let mut budget = Budget::default();
    budget.deposit(&POLICY, at(3_600_000), 1_000);
    assert_eq!(drain(&mut budget, at(0)), 10);
    assert_eq!(drain(&mut budget, at(0)), 0);
}

#[test]
fn bytes_come_back_as_they_went_and_strange_ones_are_an_empty_budget() {
    let mut budget = Budget::default();
    budget.deposit(&POLICY, at(0), 7);
    budget.withdraw(&POLICY, at(1_000));
    let bytes = budget.encode();
    assert_eq!((bytes.len(), Budget::decode(&bytes)), (BYTES, budget));
    for strange in [&[][..], &[1, 2], &[9; BYTES]] {
        assert_eq!(Budget::decode(strange), Budget::default());
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// One value with Envoy's compare-and-swap, as workers see it.
    #[derive(Default)]
    struct Shared {
        value: Vec<u8>,
        cas: u32,
    }

    /// A worker in the middle of a change.
    #[derive(Clone, Default)]
    struct Worker {
        read: Option<(Budget, u32)>,
        taken: u32,
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn workers_that_interleave_in_any_order_never_take_more_than_there_is(
            steps in prop::collection::vec((0..4_usize, any::<bool>(), 0..50_u32), 1..400),
        ) {
            let (mut shared, mut workers) = (Shared::default(), vec![Worker::default(); 4]);
            let mut requests = 0;
            for (who, write, deposit) in steps {
                let worker = &mut workers[who];
                match worker.read.take() {
                    Some((mut budget, cas)) if write => {
                        let took = deposit == 0 && budget.withdraw(&POLICY, at(0));
                        budget.deposit(&POLICY, at(0), deposit);
                        // Overtaken: nothing is written, nothing is taken.
                        if cas == shared.cas {
                            shared = Shared { value: budget.encode(), cas: cas + 1 };
                            worker.taken += u32::from(took);
                            requests += deposit;
                        }
                    }
                    _ => worker.read = Some((Budget::decode(&shared.value), shared.cas)),
                }
                let taken: u32 = workers.iter().map(|worker| worker.taken).sum();
                prop_assert!(taken <= requests / 5 + 10, "{taken} of {requests}");
            }
        }
    }
}
