//! Who is waited for, and until when, to the moment.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::Crowd;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TOOK: Duration = Duration::from_millis(20);

fn at(micros: u64) -> Timestamp {
    Timestamp::from_nanos(micros * 1_000)
}

/// Four are answered at zero after so long, and come back a millisecond later.
fn four_back(took: Duration) -> Crowd {
    let mut crowd = Crowd::default();
    crowd.answered(4, took, TOOK, at(0));
    (0..4).for_each(|_| crowd.comes(at(1_000)));
    crowd
}

#[test]
fn a_crowd_that_is_back_is_learnt_though_its_time_is_not_over() {
    let mut crowd = four_back(TOOK);
    crowd.answered(4, TOOK, TOOK, at(2_000));
    assert_eq!(crowd.waits_until(at(2_000)), Some(at(3_500)), "twice a quarter of a millisecond, and a tick");
    assert_eq!(crowd.waits_until(at(3_499)), Some(at(3_500)));
    assert_eq!(crowd.waits_until(at(3_500)), None, "it is over then");
}

#[test]
fn the_time_that_it_takes_moves_by_a_quarter_of_what_was_seen() {
    let mut crowd = four_back(TOOK);
    crowd.answered(4, TOOK, TOOK, at(100_000));
    (0..4).for_each(|_| crowd.comes(at(101_000)));
    crowd.answered(4, TOOK, TOOK, at(200_000));
    assert_eq!(crowd.waits_until(at(200_000)), Some(at(201_875)));
    (0..4).for_each(|_| crowd.comes(at(201_000)));
    crowd.answered(1, TOOK, TOOK, at(300_000));
    crowd.answered(4, TOOK, TOOK, at(400_000));
    let until = Timestamp::from_nanos(402_156_250);
    assert_eq!(
        crowd.waits_until(at(400_000)),
        Some(until),
        "who does not come says nothing of how long it takes"
    );
}

#[test]
fn who_comes_when_all_are_back_is_none_of_them() {
    let mut crowd = four_back(TOOK);
    crowd.comes(at(4_000));
    crowd.answered(4, TOOK, TOOK, at(100_000));
    assert_eq!(crowd.waits_until(at(100_000)), Some(at(101_500)), "the last of them was there after one");
}

#[test]
fn as_many_are_waited_for_as_usually_come() {
    let mut crowd = four_back(TOOK);
    crowd.answered(4, TOOK, TOOK, at(100_000));
    // Of four nearly three: four of five and a half came.
    for is_waited_for in [true, true, false] {
        crowd.comes(at(100_100));
        assert_eq!(crowd.waits_until(at(100_100)).is_some(), is_waited_for);
    }
}

#[test]
fn nobody_is_waited_for_where_a_part_of_the_call_is_shorter_than_a_timer() {
    for (took, until) in [(7, None), (8, Some(at(101_500)))] {
        let took = Duration::from_millis(took);
        let mut crowd = four_back(took);
        crowd.answered(4, took, TOOK, at(100_000));
        assert_eq!(crowd.waits_until(at(100_000)), until, "a quarter of {took:?}");
    }
}

#[test]
fn of_calls_that_return_one_after_the_other_all_are_waited_for() {
    let mut crowd = four_back(TOOK);
    crowd.answered(4, TOOK, TOOK, at(100_000));
    crowd.answered(4, TOOK, TOOK, at(100_500));
    // Eight, of whom somewhat less than six usually come.
    for number in 1..=6 {
        crowd.comes(at(100_600));
        assert_eq!(crowd.waits_until(at(100_600)).is_some(), number < 6, "{number} are back");
    }
}

#[test]
fn who_is_not_back_when_the_time_is_over_is_not_waited_for_with_the_next() {
    for after in [105_000, 106_000] {
        let mut crowd = four_back(TOOK);
        crowd.answered(4, TOOK, TOOK, at(100_000));
        (0..3).for_each(|_| crowd.comes(at(101_000)));
        crowd.answered(4, TOOK, TOOK, at(after));
        // Four, of whom usually six of a little over eight come.
        for number in 1..=3 {
            crowd.comes(at(after));
            assert_eq!(crowd.waits_until(at(after)).is_some(), number < 3, "{number} are back");
        }
    }
}
