//! What the line learns of a batch, and what it does not.

use super::{TARGET, is_about, micros, pace};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::{Estimator, Pace};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn cost(items: u32) -> Duration {
    micros(10_000 + 200 * u64::from(items))
}

/// Batches of these sizes at a server that takes 10 ms and 0.2 ms for each item.
fn after(sizes: impl IntoIterator<Item = u32>) -> Pace {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    sizes.into_iter().for_each(|items| pace.observe(items, cost(items)));
    pace
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn ten(pace: &Pace) -> Duration {
    pace.estimate(10).expect("a time")
}

/// Of a server that is known three batches took three times as long as they should.
fn three_far() -> Pace {
    let mut pace = after((0..100).map(|number| number * 37 % 64 + 1));
    pace.landed(10, at(990), at(990).plus(cost(10)));
    (0..3).for_each(|_| pace.observe(10, 3 * cost(10)));
    pace
}

#[test]
fn four_in_a_row_that_miss_by_far_are_a_change() {
    let mut pace = three_far();
    assert!(is_about(ten(&pace), cost(10), 10), "{:?}", ten(&pace));
    pace.observe(10, 3 * cost(10));
    assert!(is_about(ten(&pace), 3 * cost(10), 1), "{:?}", ten(&pace));
}

#[test]
fn one_that_took_as_long_as_was_thought_ends_a_row_of_misses() {
    let mut pace = three_far();
    let expected = ten(&pace);
    pace.landed(10, at(2_000), at(2_000).plus(expected));
    pace.observe(10, 3 * cost(10));
    assert!(is_about(ten(&pace), cost(10), 10), "{:?}", ten(&pace));
}

#[test]
fn of_one_that_may_have_waited_for_another_nothing_is_learnt() {
    let (mut with, mut without) = (three_far(), three_far());
    // It has been under way for 30 ms, and another came back 8 ms ago.
    with.landed(10, at(980), at(1_010));
    for pace in [&mut with, &mut without] {
        pace.observe(10, 3 * cost(10));
    }
    assert_eq!((ten(&with), with.model()), (ten(&without), without.model()));
    assert!(is_about(ten(&with), 3 * cost(10), 1), "the fourth in a row: {:?}", ten(&with));
}

#[test]
fn misses_on_both_sides_are_no_change() {
    let mut pace = after((0..100).map(|number| number * 37 % 64 + 1));
    for millis in [200, 1, 200, 1, 200, 1] {
        pace.observe(10, Duration::from_millis(millis));
    }
    assert!(is_about(ten(&pace), cost(10), 10), "{:?}", ten(&pace));
}

#[test]
fn sizes_that_were_tried_are_known_after_a_change() {
    let mut pace = after(1..=200);
    (0..4).for_each(|_| pace.observe(10, cost(10) / 4));
    assert!(is_about(ten(&pace), cost(10) / 4, 1));
    assert_eq!(pace.limit(Duration::ZERO), 400, "twice as many as once before");
}

#[test]
fn sizes_tell_what_an_item_takes_if_they_differ_by_an_eighth_of_their_mean() {
    for (sizes, is_told) in [([1, 2], true), ([89, 111], false), ([86, 114], true)] {
        let pace = after(sizes.repeat(20));
        assert_eq!(pace.model().is_some(), is_told, "{sizes:?}");
        if let Some(model) = pace.model() {
            assert!(is_about(model.per_item, micros(200), 1), "{model:?}");
        }
    }
}

#[test]
fn a_line_that_is_new_is_thought_to_be_missed_by_an_eighth() {
    let mut pace = after([1, 2, 4, 8, 16]);
    pace.observe(10, Duration::from_millis(500));
    assert!(is_about(ten(&pace), cost(10), 15), "{:?}", ten(&pace));
    assert!(!is_about(ten(&pace), cost(10), 5), "{:?}", ten(&pace));
}

#[test]
fn while_there_is_time_a_batch_is_no_larger_than_fits_it_though_larger_ones_were_worth_more() {
    let mut pace = pace(Estimator::LeastSquares, 1000);
    (1..=200).for_each(|items| pace.observe(items, micros(20_000 + 400 * u64::from(items))));
    let limits = [Duration::ZERO, TARGET / 2].map(|waited| pace.limit(waited));
    assert_eq!(limits, [12, 12], "20 ms and twelve times 0.4 ms are nearly half of the target");
    assert!(pace.limit(TARGET / 2 + micros(1)).abs_diff(75) <= 1);
}
