//! What a server takes of one key, and for how long that is remembered.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::{Most, Tolerance};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// So many seconds after some begin.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

const NANO: Duration = Duration::from_nanos(1);

fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos() - NANO.as_nanos() as u64)
}

fn struck(times: impl IntoIterator<Item = Timestamp>) -> Tolerance {
    let mut tolerance = Tolerance::default();
    times.into_iter().for_each(|time| tolerance.strike(time));
    tolerance
}

fn requests(tolerance: &Tolerance, now: Timestamp) -> usize {
    tolerance.most(now).requests
}

#[test]
fn each_strike_leaves_fewer_requests_to_a_batch() {
    let most = [0, 1, 2, 3].map(|strikes| requests(&struck((0..strikes).map(|_| at(0))), at(0)));
    assert_eq!(most, [usize::MAX, 8, 2, 1]);
}

#[test]
fn a_strike_is_forgotten_after_a_minute() {
    let tolerance = struck([at(0), at(0)]);
    assert_eq!(requests(&tolerance, just_before(at(60))), 2);
    assert!(tolerance.is_strained(just_before(at(60))));
    assert_eq!(tolerance.most(at(60)), Most::ANY);
    assert!(!tolerance.is_strained(at(60)));
}

#[test]
fn a_strike_a_minute_after_another_is_the_first() {
    for (second, most) in [(just_before(at(60)), 2), (at(60), 8), (at(99), 8)] {
        assert_eq!(requests(&struck([at(0), second]), second), most);
    }
}

#[test]
fn a_size_is_forgotten_after_a_minute() {
    let mut tolerance = Tolerance::default();
    tolerance.too_large(20, at(0));
    let most = [just_before(at(60)), at(60)].map(|now| tolerance.most(now).items);
    assert_eq!(most, [10, u32::MAX]);
}

#[test]
fn a_size_that_was_taken_is_not_too_large() {
    let mut tolerance = Tolerance::default();
    tolerance.too_large(20, at(0));
    tolerance.answered(6, at(1));
    tolerance.too_large(6, at(2));
    assert_eq!(tolerance.most(at(2)).items, 10, "something in it was");
    tolerance.too_large(8, at(3));
    assert_eq!(tolerance.most(at(3)).items, 6, "half of it were fewer than were taken");
    tolerance.too_large(4, at(64));
    assert_eq!(tolerance.most(at(64)).items, 2, "and all that is forgotten");
}

#[test]
fn two_try_it_when_there_were_none_for_a_while_and_nobody_else_until_they_are_answered() {
    let mut tolerance = struck([at(0); 3]);
    assert_eq!([just_before(at(1)), at(1)].map(|now| requests(&tolerance, now)), [1, 2]);
    tolerance.leaves(at(1));
    assert_eq!([at(1), just_before(at(11)), at(11)].map(|now| requests(&tolerance, now)), [1, 1, 2]);
    tolerance.strike(at(2));
    assert_eq!([just_before(at(4)), at(4)].map(|now| requests(&tolerance, now)), [1, 2], "twice as long");
    tolerance.answered(2, at(4));
    assert_eq!(tolerance.most(at(4)), Most::ANY);
}
