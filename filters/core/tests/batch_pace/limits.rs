//! How large the next batch may be.

use super::{TARGET, micros, pace};
use core::time::Duration;
use switchyard_core::batch::{Adaptive, Estimator, Leaves, Pace};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const BOTH: [Estimator; 2] = [Estimator::LeastSquares, Estimator::Aimd];

fn cost(items: u32) -> Duration {
    micros(10_000 + 200 * u64::from(items))
}

/// A pace that knows these costs.
fn taught(cost: impl Fn(u32) -> Duration) -> Pace {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    (1..=200).for_each(|items| pace.observe(items, cost(items)));
    pace
}

#[test]
fn only_adaptive_sizes_have_a_limit_of_their_own() {
    for leaves in [Leaves::WhileBusy, Leaves::FixedDelay] {
        let mut pace = Pace::new(&leaves, 64);
        assert_eq!(pace.limit(Duration::ZERO), 64);
        (1..100).for_each(|items| pace.observe(items, Duration::from_secs(9)));
        assert_eq!(pace.limit(Duration::from_secs(1)), 64);
    }
    assert_eq!(Pace::new(&Leaves::WhileBusy, 0).limit(Duration::ZERO), 1, "at least one");
}

#[test]
fn sizes_begin_small_and_double_while_batches_are_in_time() {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    let mut limits = Vec::new();
    for _ in 0..6 {
        let limit = pace.limit(Duration::ZERO);
        pace.observe(limit, cost(limit));
        limits.push(limit);
    }
    assert_eq!(limits, [4, 8, 16, 32, 64, 75], "10 ms and 75 times 0.2 ms are half of the target");
}

#[test]
fn sizes_that_are_not_used_do_not_grow() {
    for estimator in BOTH {
        let mut pace = pace(estimator, 1000);
        (0..100).for_each(|_| pace.observe(1, cost(1)));
        assert_eq!(pace.limit(Duration::ZERO), 4, "{estimator:?}");
    }
}

#[test]
fn a_batch_gets_half_of_the_target_and_all_of_it_once_that_is_over() {
    let pace = taught(cost);
    let half = TARGET / 2;
    for (waited, limit) in [
        (Duration::ZERO, 75),
        (half, 75),
        (half + micros(1), 200),
        (TARGET, 200),
        (Duration::from_millis(60), 250),
        (Duration::from_millis(90), 400),
        (Duration::MAX, 400),
    ] {
        let found = pace.limit(waited);
        assert!(found.abs_diff(limit) <= 1, "{found}, not {limit}, after {waited:?}");
    }
}

#[test]
fn a_call_that_is_no_slower_for_more_items_takes_as_many_as_there_are() {
    let pace = taught(|_| Duration::from_millis(40));
    assert_eq!(pace.limit(Duration::ZERO), 400, "smaller ones would be as late");
}

#[test]
fn where_no_size_is_in_time_batches_are_large_enough_to_be_worth_their_call() {
    let pace = taught(|items| micros(60_000 + 400 * u64::from(items)));
    for waited in [0, 20, 70, 100] {
        assert!(pace.limit(Duration::from_millis(waited)).abs_diff(150) <= 1, "after {waited} ms");
    }
    assert!(pace.limit(Duration::from_millis(140)).abs_diff(200) <= 1, "as many as its wait allows");
}

#[test]
fn of_one_late_size_a_smaller_is_tried() {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    (0..3).for_each(|_| pace.observe(40, Duration::from_millis(60)));
    assert_eq!(pace.limit(Duration::ZERO), 20);
}

#[test]
fn by_trial_sizes_grow_by_one_and_shrink_by_a_tenth() {
    let mut pace = pace(Estimator::Aimd, 1000);
    let (early, late) = (TARGET / 2, TARGET / 2 + micros(1));
    let mut grown = Vec::new();
    for _ in 0..96 {
        let limit = pace.limit(Duration::ZERO);
        pace.observe(limit, early);
        grown.push(limit);
    }
    assert_eq!(grown, (4..100).collect::<Vec<_>>());
    pace.observe(pace.limit(Duration::ZERO), late);
    assert_eq!(pace.limit(Duration::ZERO), 90);
    pace.observe(95, late);
    assert_eq!(pace.limit(Duration::ZERO), 90, "it was larger than that: nothing is said against 90");
    pace.observe(50, early);
    assert_eq!(pace.limit(Duration::ZERO), 90, "nor for it by a smaller one");
    assert_eq!(pace.limit(TARGET), 180, "in proportion to the time it gets");
}

#[test]
fn a_limit_stays_within_its_bounds() {
    for estimator in BOTH {
        let mut few = pace(estimator, 10);
        (0..50).for_each(|_| few.observe(10, micros(1)));
        assert_eq!(few.limit(Duration::ZERO), 10);
        (0..500)
            .for_each(|number| few.observe(number % 10 + 1, Duration::from_secs(u64::from(number % 10) + 1)));
        assert_eq!(few.limit(Duration::ZERO), 1);
        let nothing = Adaptive { target: Duration::ZERO, estimator };
        let mut pace = Pace::new(&Leaves::Adaptive(nothing), 10);
        (1..9).for_each(|items| pace.observe(items, cost(items)));
        assert!((1..=10).contains(&pace.limit(Duration::ZERO)));
    }
}
