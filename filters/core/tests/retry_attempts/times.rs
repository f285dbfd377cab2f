//! Waits, and ticks that come late.

use crate::retry_attempts::support::{Case, DEADLINE_MS, FAILED, asks, at, sorry};
use core::time::Duration;
use switchyard_core::retry::{Decision, Denied, Jitter, Step, Substitute};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: Duration = Duration::from_millis(1);

#[test]
fn an_endpoint_that_asks_for_patience_gets_it() {
    let mut case = Case::new(|_| ());
    let (_, wait) = case.first(0, asks(600)).retry.expect("a retry");
    // Half as long again at most, at random.
    assert!((600 * MS..900 * MS).contains(&wait), "{wait:?}");
    assert_eq!(case.attempts.due(), at(0).plus(wait));
    assert_eq!(case.tick(599).step, Step::Wait);
    assert_eq!(case.sends(900).timeout, 100 * MS);
}

#[test]
fn those_that_were_told_the_same_wait_differently_and_as_far_as_there_is_time() {
    let mut waits = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut case = Case::new(|_| ());
        case.world.rng = fastrand::Rng::with_seed(seed);
        let (_, wait) = case.first(0, asks(900)).retry.expect("a retry");
        assert!((900 * MS..(DEADLINE_MS as u32 - 10) * MS).contains(&wait), "{wait:?}");
        waits.insert(wait);
    }
    assert!(waits.len() > 25, "{waits:?}");
}

#[test]
fn an_endpoint_that_asks_for_more_than_the_ceiling_is_not_tried_again() {
    let mut case = Case::new(|settings| settings.back_off.retry_after_ceiling = Some(500 * MS));
    assert_eq!(case.first(0, asks(501)).denied, Some(Denied::RetryAfter));
    let mut case = Case::new(|settings| settings.back_off.retry_after_ceiling = None);
    let (_, wait) = case.first(0, asks(501)).retry.expect("a retry");
    assert!(wait < MS, "it is not heard");
}

#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    let mut case = Case::new(|_| ());
    let decision = case.first(0, asks(DEADLINE_MS - 9));
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::Deadline)));
    let mut case = Case::new(|_| ());
    assert!(case.first(0, asks(DEADLINE_MS - 10)).retry.is_some(), "just enough");
}

#[test]
fn no_attempt_begins_when_there_is_no_time_at_all() {
    let mut case = Case::new(|_| ());
    case.world.least = Duration::ZERO;
    let decision = case.first(DEADLINE_MS, FAILED);
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::Deadline)));
}

#[test]
fn waits_grow_from_retry_to_retry() {
    let mut longest = [Duration::ZERO; 4];
    for seed in 0..100 {
        let mut case = Case::new(|settings| {
            (settings.back_off.base, settings.back_off.max) = (8 * MS, 64 * MS);
            settings.num_retries = 10;
        });
        case.world.rng = fastrand::Rng::with_seed(seed);
        let mut decision = case.first(0, FAILED);
        for (retry, longest) in longest.iter_mut().enumerate() {
            let before = case.attempts.waited();
            let (_, wait) = decision.retry.expect("a retry");
            *longest = wait.max(*longest);
            let attempt = case.sends(retry as u64 * 100 + 90);
            decision = case.answer(retry as u64 * 100 + 100, attempt.number, FAILED);
            assert_eq!(
                case.attempts.waited(),
                before + decision.retry.expect("a retry").1,
                "the sum of them"
            );
        }
    }
    for (longest, bound) in longest.into_iter().zip([8, 16, 32, 64]) {
        assert!((bound * MS / 2..bound * MS).contains(&longest), "{longest:?} below {bound} ms");
    }
}

#[test]
fn decorrelated_waits_grow_from_the_wait_before() {
    let mut longest = Duration::ZERO;
    for seed in 0..200 {
        let mut case = Case::new(|settings| {
            settings.back_off.jitter = Jitter::Decorrelated;
            (settings.back_off.base, settings.back_off.max) = (10 * MS, 200 * MS);
        });
        case.world.rng = fastrand::Rng::with_seed(seed);
        let (_, first) = case.first(0, FAILED).retry.expect("a retry");
        assert_eq!(first, 10 * MS, "there was none before");
        case.sends(20);
        let (_, second) = case.answer(21, 2, FAILED).retry.expect("a retry");
        assert!((10 * MS..=30 * MS).contains(&second), "{second:?}");
        case.sends(100);
        let (_, third) = case.answer(101, 3, FAILED).retry.expect("a retry");
        assert!((10 * MS..=second * 3).contains(&third), "{third:?} after {second:?}");
        longest = longest.max(third);
    }
    assert!(longest > 30 * MS, "three times three");
}

#[test]
fn a_tick_that_comes_late_sends_what_still_has_time() {
    let mut case = Case::new(|_| ());
    case.first(0, FAILED);
    assert_eq!(case.sends(990).timeout, 10 * MS);
}

#[test]
fn a_tick_that_comes_too_late_sends_nothing() {
    for late in [991, DEADLINE_MS, DEADLINE_MS + 200] {
        let mut case = Case::new(|_| ());
        case.first(0, FAILED);
        let decision = case.tick(late);
        assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::Deadline)));
        case.check_quiet();
    }
    let mut case = Case::new(|settings| settings.fallback.answer = Some(sorry()));
    case.first(0, FAILED);
    assert_eq!(case.tick(DEADLINE_MS).step, Step::FallBack(Substitute::Answer));
}

#[test]
fn a_tick_that_is_too_late_for_a_hedge_ends_the_request_at_once() {
    let mut case = Case::hedged();
    assert_eq!(case.tick(DEADLINE_MS + 5), Decision::from(Step::TimeOut));
    case.check_quiet();
}

#[test]
fn ticks_while_an_answer_is_awaited_do_nothing() {
    let mut case = Case::new(|_| ());
    case.first(0, FAILED);
    case.sends(1);
    for millis in [2, 500, DEADLINE_MS, DEADLINE_MS + 500] {
        assert_eq!(case.tick(millis).step, Step::Wait, "{millis}");
    }
}
