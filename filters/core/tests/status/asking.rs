//! Whom a look wakes, and who is given up.

use super::at;
use switchyard_core::status::{Asking, Look, Worker};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: u64 = 1_700_000_000_000;

/// A worker that has spoken so long before.
fn spoke(number: u32, before: u64) -> Worker {
    Worker { number, written: at(NOW - before), ..Worker::default() }
}

#[test]
fn who_has_just_spoken_is_not_woken_and_who_was_never_asked_is_not_gone() {
    let mut asking = Asking::default();
    let looks = [0, 99, 100, 9_999, 10_001, 3_600_000, NOW].map(|before| {
        asking.look("router", &spoke(u32::try_from(before % 1_000).expect("small"), before), at(NOW))
    });
    let (just, wake, silent) = (Look::JustHeard, Look::Wake, Look::WakeSilent);
    assert_eq!(looks, [just, just, wake, wake, silent, silent, silent]);
    let ahead = Worker { written: at(NOW + 1), ..Worker::default() };
    assert_eq!(asking.look("router", &ahead, at(NOW)), Look::Wake, "the clock has stepped back");
    assert_eq!(Asking::default().look("router", &Worker::default(), at(0)), Look::WakeSilent, "no clock");
}

#[test]
fn who_was_asked_and_stays_silent_is_waited_for_a_while_and_then_gone() {
    let mut asking = Asking::default();
    let dead = spoke(1, 3_600_000);
    let mut look = |now: u64, worker: &Worker| {
        let look = asking.look("router", worker, at(now));
        (look, asking.is_over(at(now)))
    };
    assert_eq!(look(NOW, &dead), (Look::WakeSilent, true));
    assert_eq!(look(NOW + 2_999, &dead), (Look::WakeSilent, true));
    assert_eq!(look(NOW + 3_000, &dead), (Look::WakeSilent, false), "nobody is waited for for ever");
    assert_eq!(look(NOW + 9_999, &dead), (Look::WakeSilent, false));
    assert_eq!(look(NOW + 10_000, &dead), (Look::Gone, false));
    assert_eq!(look(NOW + 11_000, &dead), (Look::Gone, false), "if its place cannot be freed");
    let answered = Worker { written: at(NOW + 1), ..dead };
    assert_eq!(
        look(NOW + 3_600_000, &answered),
        (Look::WakeSilent, true),
        "it has answered, and is asked anew"
    );
    assert_eq!(look(NOW + 1_000, &answered), (Look::Wake, false), "the clock has stepped back");
}

#[test]
fn of_places_that_are_gone_nothing_is_remembered() {
    let mut asking = Asking::default();
    asking.look("router", &spoke(1, 60_000), at(NOW));
    asking.is_over(at(NOW));
    assert!(!asking.is_over(at(NOW + 1)), "the last look has not found it");
    assert_eq!(asking.look("router", &spoke(1, 60_000), at(NOW + 60_000)), Look::WakeSilent);
}

#[test]
fn who_answers_at_the_moment_at_which_it_is_asked_has_answered() {
    let mut asking = Asking::default();
    assert_eq!(asking.look("router", &spoke(1, 60_000), at(NOW)), Look::WakeSilent);
    assert!(asking.is_over(at(NOW)));
    let answered = Worker { written: at(NOW), ..spoke(1, 0) };
    assert_eq!(asking.look("router", &answered, at(NOW + 10_001)), Look::WakeSilent, "it is asked anew");
}
