//! A second attempt before the first has failed.

use crate::retry_attempts::support::{Case, DEADLINE_MS, FAILED, Refusal, at};
use core::time::Duration;
use switchyard_core::retry::{Decision, Denied, Step, Verdict};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A request whose hedge is under way.
fn raced() -> Case {
    let mut case = Case::hedged();
    assert_eq!(case.attempts.due(), at(100));
    assert_eq!(case.tick(99), Decision::from(Step::Wait), "not before");
    let attempt = case.sends(100);
    assert_eq!((attempt.number, attempt.endpoint, attempt.hedge), (2, 1, true));
    assert_eq!(attempt.timeout, Duration::from_millis(900));
    assert_eq!(case.world.taken, 1, "it draws on the budget");
    case
}

#[test]
fn a_hedge_that_answers_first_wins() {
    let mut case = raced();
    assert_eq!(case.answer(120, 2, Verdict::Final).step, Step::Deliver(2));
    case.check_quiet();
}

#[test]
fn a_hedge_that_answers_last_changes_nothing() {
    let mut case = raced();
    assert_eq!(case.first(120, Verdict::Final).step, Step::PassOn);
    case.check_quiet();
}

#[test]
fn an_answer_before_the_hedge_is_due_makes_it_needless() {
    let mut case = Case::hedged();
    assert_eq!(case.first(50, Verdict::Final).step, Step::PassOn);
    case.check_quiet();
    let mut case = Case::hedged();
    case.first(99, FAILED);
    assert!(!case.sends(100).hedge, "a retry, and no hedge beside it");
    assert_eq!(case.tick(101).step, Step::Wait);
}

#[test]
fn a_hedge_that_fails_leaves_the_first_attempt_alone() {
    let mut case = raced();
    assert_eq!(case.answer(120, 2, FAILED), Decision::from(Step::Wait));
    assert!(!case.attempts.is_held());
    assert_eq!(case.tick(130).step, Step::Wait, "nor is there another hedge");
    assert_eq!(case.first(140, Verdict::Final).step, Step::PassOn);
    case.check_quiet();
}

#[test]
fn a_first_attempt_that_fails_after_its_hedge_is_tried_again_elsewhere() {
    let mut case = raced();
    case.answer(120, 2, FAILED);
    assert!(case.first(130, FAILED).retry.is_some());
    let attempt = case.sends(140);
    assert_eq!((attempt.number, attempt.endpoint, attempt.hedge), (3, 2, false));
    assert_eq!(case.world.taken, 2);
}

#[test]
fn a_first_attempt_that_fails_while_its_hedge_is_under_way_waits_for_it() {
    let mut case = raced();
    assert_eq!(case.first(110, FAILED), Decision::from(Step::Wait), "no third one beside it");
    assert!(case.attempts.is_held());
    assert_eq!(case.tick(120).step, Step::Wait);
    let mut lost =
        Case { settings: case.settings.clone(), world: script(&case), attempts: case.attempts.clone() };
    assert_eq!(case.answer(130, 2, Verdict::Final).step, Step::Deliver(2));
    case.check_quiet();
    assert!(lost.answer(130, 2, FAILED).retry.is_some(), "then a third is made");
    assert_eq!(lost.sends(140).number, 3);
}

fn script(case: &Case) -> crate::retry_attempts::support::Script {
    let rng = case.world.rng.clone();
    crate::retry_attempts::support::Script { rng, ..Case::hedged().world }
}

#[test]
fn a_hedge_is_one_of_the_retries_that_the_policy_allows() {
    let mut case = raced();
    case.settings.num_retries = 1;
    case.answer(120, 2, FAILED);
    let decision = case.first(130, FAILED);
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::Exhausted)));
}

#[test]
fn a_hedge_that_may_not_be_made_leaves_the_first_attempt_alone_and_says_why() {
    let changes: [Refusal; 7] = [
        (Denied::Budget, |case| case.world.refuses = Some(Denied::Budget)),
        (Denied::Concurrency, |case| case.world.refuses = Some(Denied::Concurrency)),
        (Denied::Deadline, |case| case.world.least = Duration::from_millis(901)),
        (Denied::BodySize, |case| case.attempts.subject().kept = false),
        (Denied::NotIdempotent, |case| case.attempts.subject().idempotent = false),
        (Denied::Exhausted, |case| case.settings.num_retries = 0),
        (Denied::NoEndpoint, |case| case.world.endpoints = 0),
    ];
    for (denied, change) in changes {
        let mut case = Case::hedged();
        change(&mut case);
        assert_eq!(case.tick(100), Decision { denied: Some(denied), ..Step::Wait.into() });
        assert_eq!(case.tick(101), Decision::from(Step::Wait), "it is asked once");
        assert_eq!(case.attempts.due(), at(DEADLINE_MS));
        assert_eq!(case.first(110, Verdict::Final).step, Step::PassOn);
        case.check_quiet();
    }
}

#[test]
fn a_post_is_not_hedged_even_where_it_is_repeated() {
    let mut case = Case::hedged();
    case.settings.non_idempotent = true;
    case.attempts.subject().idempotent = false;
    assert_eq!(case.tick(100).denied, Some(Denied::NotIdempotent));
}

#[test]
fn a_hedge_that_cannot_be_sent_leaves_the_first_attempt_alone() {
    let mut case = raced();
    assert_eq!(case.could_not(), Decision::from(Step::Wait));
    assert_eq!(case.first(110, Verdict::Final).step, Step::PassOn);
}

#[test]
fn a_hedge_goes_elsewhere_than_the_first_attempt_may_have_gone() {
    let mut case = raced();
    case.attempts.went_to(1);
    case.first(110, FAILED);
    case.answer(120, 2, FAILED);
    assert_eq!(case.sends(130).endpoint, 0, "both went to 1, it turns out; 0 was never asked");
}

#[test]
fn an_answer_that_is_being_judged_is_hedged_no_more_but_its_hedge_may_still_win() {
    let mut case = Case::hedged();
    case.attempts.judge_later(at(400));
    assert_eq!(case.tick(100), Decision::from(Step::Wait), "it has begun to answer");
    let mut case = raced();
    case.attempts.judge_later(at(400));
    assert_eq!(case.answer(120, 2, Verdict::Final).step, Step::Deliver(2));
    case.check_quiet();
    let mut case = raced();
    case.attempts.judge_later(at(400));
    assert_eq!(case.answer(120, 2, FAILED), Decision::from(Step::Wait));
    assert_eq!(case.first(130, Verdict::Final).step, Step::PassOn);
}
