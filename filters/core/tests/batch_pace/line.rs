//! How long batches are thought to take.

use super::{is_about, micros, pace};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::{Estimator, Leaves, Pace};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Batches of these sizes at a server that takes 10 ms and 0.2 ms for each item.
fn after(sizes: impl IntoIterator<Item = u32>) -> Pace {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    sizes.into_iter().for_each(|items| pace.observe(items, cost(items)));
    pace
}

fn cost(items: u32) -> Duration {
    micros(10_000 + 200 * u64::from(items))
}

/// Sizes from 1 to 64, all over the place.
fn mixed(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| number * 37 % 64 + 1)
}

#[test]
fn nothing_is_known_before_some_were_seen() {
    assert_eq!(after([]).estimate(1), None);
    assert_eq!(after([1, 1]).estimate(1), None);
    assert_eq!(after([1, 2, 3]).model(), None);
    assert!(after([1, 1, 1]).estimate(1).is_some());
}

#[test]
fn while_all_are_of_one_size_more_items_are_thought_to_take_more_time_in_proportion() {
    let pace = after([4; 20]);
    assert_eq!(pace.model(), None);
    assert!(is_about(pace.estimate(4).expect("a time"), cost(4), 1));
    assert!(is_about(pace.estimate(8).expect("a time"), 2 * cost(4), 1));
    assert_eq!(pace.estimate(1), pace.estimate(4), "a smaller one takes no longer");
    assert_eq!(pace.estimate(9), None, "nobody knows");
}

#[test]
fn a_line_is_found_from_different_sizes() {
    for pace in [after([1, 2, 4, 8, 16]), after(mixed(20)), after(mixed(500))] {
        let model = pace.model().expect("a line");
        assert!(is_about(model.fixed, micros(10_000), 1), "{model:?}");
        assert!(is_about(model.per_item, micros(200), 1), "{model:?}");
        for items in [1, 10, 64, 300] {
            assert!(is_about(pace.estimate(items).expect("a time"), cost(items), 1), "{items}");
        }
    }
}

#[test]
fn the_line_is_known_under_every_policy() {
    for leaves in [Leaves::WhileBusy, Leaves::FixedDelay] {
        let mut pace = Pace::new(&leaves, 64);
        mixed(20).for_each(|items| pace.observe(items, cost(items)));
        assert!(pace.model().is_some() && pace.estimate(10).is_some());
    }
}

#[test]
fn noise_evens_out() {
    let (mut pace, mut random) = (after([]), fastrand::Rng::with_seed(3));
    for items in mixed(200) {
        pace.observe(items, cost(items).mul_f64(0.8 + 0.4 * random.f64()));
    }
    for items in [1, 32, 64] {
        assert!(is_about(pace.estimate(items).expect("a time"), cost(items), 10), "{items}");
    }
}

#[test]
fn without_different_sizes_the_line_moves_up_and_down_alone() {
    let mut pace = after(mixed(100).chain([20; 400]));
    (0..500).for_each(|_| pace.observe(20, cost(20) + micros(1_000)));
    let model = pace.model().expect("a line");
    assert!(is_about(model.per_item, micros(200), 1), "{model:?}");
    assert!(is_about(model.fixed, micros(11_000), 1), "{model:?}");
    for number in 0..500 {
        // Nearly alike, and noisy: that says nothing about sizes.
        pace.observe(20 + number % 2, cost(20) + micros(700 + u64::from(number % 7) * 100));
    }
    assert!(is_about(pace.model().expect("a line").per_item, micros(200), 1), "{:?}", pace.model());
}

#[test]
fn without_different_sizes_a_change_is_one_of_all_times_in_proportion() {
    let mut pace = after(mixed(100).chain([20; 400]));
    (0..20).for_each(|_| pace.observe(20, 3 * cost(20)));
    let model = pace.model().expect("a line");
    assert!(is_about(model.per_item, micros(600), 5), "{model:?}");
    assert!(is_about(model.fixed, micros(30_000), 5), "{model:?}");
    (0..20).for_each(|_| pace.observe(20, cost(20)));
    assert!(is_about(pace.model().expect("a line").per_item, micros(200), 5), "and back: {:?}", pace.model());
}

#[test]
fn one_that_took_long_does_not_throw_the_line_off() {
    for outlier in [200, 15_000] {
        let mut pace = after(mixed(100));
        pace.observe(10, Duration::from_millis(outlier));
        for items in [1, 10, 64] {
            assert!(
                is_about(pace.estimate(items).expect("a time"), cost(items), 3),
                "{items} after {outlier} ms"
            );
        }
        mixed(5).for_each(|items| pace.observe(items, cost(items)));
        pace.observe(64, Duration::from_millis(outlier));
        pace.observe(1, Duration::from_millis(outlier));
        mixed(5).for_each(|items| pace.observe(items, cost(items)));
        for items in [1, 10, 64] {
            assert!(
                is_about(pace.estimate(items).expect("a time"), cost(items), 10),
                "{items} after {outlier} ms"
            );
        }
    }
}

#[test]
fn a_change_is_followed_within_a_few_batches() {
    for (call, item) in [(10_000, 600), (30_000, 600), (3_000, 60), (100_000, 2_000)] {
        let changed = |items: u32| micros(call + item * u64::from(items));
        let mut pace = after(mixed(200));
        mixed(12).for_each(|items| pace.observe(items, changed(items)));
        for items in [1, 10, 32, 64] {
            let estimate = pace.estimate(items).expect("a time");
            assert!(
                is_about(estimate, changed(items), 25),
                "{items}: {estimate:?}, not {:?}",
                changed(items)
            );
        }
        mixed(60).for_each(|items| pace.observe(items, changed(items)));
        for items in [1, 32, 64] {
            assert!(is_about(pace.estimate(items).expect("a time"), changed(items), 2), "{items}");
        }
    }
}

#[test]
fn neither_part_is_below_zero() {
    let (mut shrinking, mut steep) = (after([]), after([]));
    for items in mixed(50) {
        shrinking.observe(items, micros(50_000 - 500 * u64::from(items)));
        steep.observe(items, micros(100 * u64::from(items).pow(2)));
    }
    let model = shrinking.model().expect("a line");
    assert_eq!(model.per_item, Duration::ZERO);
    assert!(model.fixed > micros(18_000) && model.fixed < micros(50_000), "{model:?}");
    let model = steep.model().expect("a line");
    assert_eq!(model.fixed, Duration::ZERO);
    assert!(model.per_item > micros(100) && model.per_item < micros(6_400), "{model:?}");
}

#[test]
fn a_batch_that_may_have_waited_for_another_says_only_what_it_cannot_have_taken() {
    let at = Timestamp::from_millis;
    let known = || {
        let mut pace = after(mixed(100));
        pace.landed(10, at(1_000), at(1_012));
        pace
    };
    let estimate = |pace: &Pace| pace.estimate(10).expect("a time");
    let before = estimate(&known());
    let mut waited = known();
    (0..9).for_each(|_| waited.landed(10, at(1_002), at(1_024)));
    assert_eq!(estimate(&waited), before, "22 ms since it left, at least nothing since another came back");
    let mut slow = known();
    for number in 0..20 {
        // One leaves every 20 ms, and comes back after 60: each takes 20, if they take turns.
        slow.landed(10, at(2_000 + number * 20), at(2_060 + number * 20));
    }
    assert!(is_about(estimate(&slow), micros(20_000), 20), "{:?}", slow.estimate(10));
    let mut fast = known();
    for number in 0..20 {
        // Two at a time that are back after 6 ms: whether they wait for each other or not, they take no longer.
        fast.landed(10, at(2_000 + number * 10), at(2_006 + number * 10));
        fast.landed(10, at(2_001 + number * 10), at(2_007 + number * 10));
    }
    assert!(is_about(estimate(&fast), micros(6_000), 20), "{:?}", fast.estimate(10));
    let mut alone = after([]);
    for number in 0..20_u32 {
        let left = u64::from(number) * 100;
        alone.landed(number + 1, at(left), at(left).plus(cost(number + 1)));
    }
    assert!(is_about(alone.model().expect("a line").fixed, micros(10_000), 1), "and all, if it was alone");
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let at = Timestamp::from_millis;
    let mut pace = after(mixed(100));
    let before = pace.estimate(10);
    pace.landed(10, at(9_000), at(9_012));
    pace.landed(10, at(9_001), at(5_000));
    (0..5).for_each(|number| pace.landed(10, at(6_000 + number * 20), at(6_012 + number * 20)));
    assert!(is_about(pace.estimate(10).expect("a time"), before.expect("a time"), 5));
}
