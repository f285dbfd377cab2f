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

pub(crate) fn at(millis: u64) -> Timestamp {
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

/// Takes spread retries until there are none.
fn burst(budget: &mut Budget, policy: &BudgetPolicy, now: Timestamp) -> u32 {
    (0..).take_while(|_| budget.withdraw_spread(policy, now)).count() as u32
}

#[test]
fn retries_that_nobody_has_seen_help_are_spread_over_time() {
    let policy = BudgetPolicy { ratio_ppm: 300_000, min_per_second: 10, ..POLICY };
    let mut budget = Budget::default();
    // A second of 800 requests, one every 1.25 ms, and then an outage in which each wants two retries.
    let (mut retries, mut requests) = (Vec::new(), Vec::new());
    for request in 0..1_600_u64 {
        let now = request * 5 / 4;
        budget.deposit(&policy, at(now), 1);
        requests.push(now);
        if now >= 1_000 {
            retries.extend((0..2).filter(|_| budget.withdraw_spread(&policy, at(now))).map(|_| now));
        }
    }
    for from in 1_000..1_900 {
        let within =
            |times: &[u64]| times.iter().filter(|time| (from..from + 100).contains(*time)).count() as f64;
        let (retries, requests) = (within(&retries), within(&requests));
        assert!(retries <= 10.0 + 0.3 * requests + 2.0, "{retries} retries of {requests} from {from} ms on");
    }
    let (all, window) = (retries.len(), 0.3 * 800.0 + 10.0);
    assert!(all as f64 > window * 0.9, "{all}: nor much less than the policy says");
}

#[test]
fn retries_that_help_are_bridged_twice_as_often_with_every_round_and_up_to_the_window() {
    let policy = BudgetPolicy { min_per_second: 10, ..POLICY };
    let mut budget = Budget::default();
    budget.deposit(&policy, at(0), 100);
    let mut rounds = [0; 5];
    for round in &mut rounds {
        *round = burst(&mut budget, &policy, at(0));
        budget.helped(&policy, at(0), *round);
    }
    // A hundred and twenty are in the window.
    assert_eq!(rounds, [10, 20, 40, 50, 0]);
}

#[test]
fn what_has_helped_is_forgotten_after_a_second_and_a_full_bucket_drains() {
    let policy = BudgetPolicy { min_per_second: 10, ..POLICY };
    let mut budget = Budget::default();
    budget.helped(&policy, at(0), 50);
    assert_eq!(budget.left_at_once(&policy, at(0)), 110);
    assert_eq!(budget.left_at_once(&policy, at(1_000)), 10);
    assert_eq!(burst(&mut budget, &policy, at(1_000)), 10);
    assert_eq!(budget.left_at_once(&policy, at(1_300)), 3, "ten a second");
    budget.deposit(&policy, at(1_300), 10);
    assert_eq!(budget.left_at_once(&policy, at(1_300)), 5, "and a fifth of the requests");
    assert_eq!(budget.left_at_once(&policy, at(60_000)), 10, "and never more than a burst");
}

#[test]
fn a_burst_grows_with_the_load_and_is_ten_at_least() {
    let none = BudgetPolicy { ratio_ppm: 10, min_per_second: 0, ..POLICY };
    let mut budget = Budget::default();
    budget.deposit(&none, at(0), 1_000_000);
    assert_eq!(budget.most_at_once(&none, at(0)), 10);
    let mut budget = Budget::default();
    budget.deposit(&POLICY, at(0), 10_000);
    assert_eq!(budget.most_at_once(&POLICY, at(0)), 40, "the share of the requests of 20 ms");
    assert_eq!(budget.most_at_once(&POLICY, at(20_000)), 10);
    for most in [u32::MAX, 1 << 31] {
        budget.deposit(&POLICY, at(0), most);
        budget.spend(&POLICY, at(0), most);
        budget.helped(&POLICY, at(0), most);
        budget.left_at_once(&POLICY, at(u64::from(most)));
    }
}

#[test]
fn a_budget_of_an_earlier_version_has_a_bucket_that_is_empty() {
    let mut budget = Budget::default();
    budget.deposit(&POLICY, at(0), 100);
    budget.withdraw_spread(&POLICY, at(0));
    let before = budget.encode();
    let mut read = Budget::decode(&before[..before.len() - 16]);
    assert_eq!(read.balance(&POLICY, at(0)), 29, "the window is what it was");
    assert_eq!(read.left_at_once(&POLICY, at(0)), read.most_at_once(&POLICY, at(0)));
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
