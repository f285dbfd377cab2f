//! What is tried again, and what is not.

use crate::retry_attempts::support::{Case, FAILED, Refusal, asks, at, failed};
use core::time::Duration;
use switchyard_core::retry::{Attempts, Decision, Denied, Failure, Reason, Settings, Step, Verdict};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_answer_that_is_no_failure_goes_on_and_costs_nothing() {
    let mut case = Case::new(|_| ());
    assert_eq!(case.first(5, Verdict::Final), Decision::from(Step::PassOn));
    assert_eq!((case.world.taken, case.attempts.made()), (0, 1));
    case.check_quiet();
}

#[test]
fn a_failure_is_held_back_and_tried_again_elsewhere_after_the_wait() {
    let mut case = Case::new(|settings| {
        settings.back_off.base = Duration::from_millis(25);
        settings.back_off.max = Duration::from_millis(250);
    });
    let decision = case.first(0, FAILED);
    let (reason, wait) = decision.retry.expect("a retry");
    assert_eq!((decision.step, reason), (Step::Wait, Reason::Status));
    assert!(case.attempts.is_held() && case.world.taken == 1, "taken from the budget before it is sent");
    assert_eq!((case.attempts.due(), case.attempts.waited()), (at(0).plus(wait), wait));
    if wait > Duration::from_millis(1) {
        assert_eq!(case.tick(wait.as_millis() as u64 - 1).step, Step::Wait, "not before");
    }
    let attempt = case.sends(25);
    assert_eq!((attempt.number, attempt.endpoint, attempt.hedge), (2, 1, false));
    assert_eq!(attempt.timeout, Duration::from_millis(975), "what the request has left");
    assert_eq!(case.answer(40, 2, Verdict::Final).step, Step::Deliver(2));
    case.check_quiet();
}

#[test]
fn attempts_are_numbered_and_go_to_one_endpoint_after_the_other() {
    let mut case = Case::new(|settings| settings.num_retries = 5);
    case.first(0, FAILED);
    for (number, endpoint) in [(2, 1), (3, 2), (4, 0), (5, 1), (6, 2)] {
        let attempt = case.sends(u64::from(number) * 10);
        assert_eq!((attempt.number, attempt.endpoint), (number, endpoint));
        case.answer(u64::from(number) * 10 + 5, number, FAILED);
    }
    assert_eq!((case.world.taken, case.attempts.made()), (5, 6));
    case.check_quiet();
}

#[test]
fn an_attempt_may_take_what_is_left_however_soon_its_answer_has_to_begin() {
    let mut case = Case::new(|settings| settings.per_try_timeout = Some(Duration::from_millis(300)));
    case.first(100, FAILED);
    assert_eq!(case.sends(101).timeout, Duration::from_millis(899));
    case.answer(850, 2, FAILED);
    assert_eq!(case.sends(900).timeout, Duration::from_millis(100));
}

#[test]
fn after_as_many_attempts_as_the_policy_allows_the_failure_stands() {
    let mut case = Case::new(|settings| settings.num_retries = 1);
    case.first(0, FAILED);
    case.sends(1);
    let decision = case.answer(5, 2, FAILED);
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::Exhausted)));
    case.check_quiet();
}

#[test]
fn every_refusal_lets_the_failure_stand_and_says_why() {
    let changes: [Refusal; 7] = [
        (Denied::Budget, |case| case.world.refuses = Some(Denied::Budget)),
        (Denied::Concurrency, |case| case.world.refuses = Some(Denied::Concurrency)),
        (Denied::Deadline, |case| case.world.least = Duration::from_millis(1000)),
        (Denied::BodySize, |case| case.attempts.subject().kept = false),
        (Denied::NotIdempotent, |case| case.attempts.subject().idempotent = false),
        (Denied::RetryAfter, |case| case.settings.back_off.retry_after_ceiling = Some(Duration::ZERO)),
        (Denied::Exhausted, |case| case.settings.num_retries = 0),
    ];
    for (denied, change) in changes {
        let mut case = Case::new(|_| ());
        change(&mut case);
        let decision = case.first(1, asks(1));
        assert_eq!(decision, Decision { denied: Some(denied), ..Step::PassOn.into() });
        assert_eq!(case.world.taken, 0, "{denied:?} takes nothing from the budget");
        case.check_quiet();
    }
}

#[test]
fn what_only_the_filter_knows_ends_the_request_at_once() {
    for denied in [Denied::BodySize, Denied::Memory, Denied::Answer] {
        let mut case = Case::new(|_| ());
        let decision = case.attempts.give_up(denied);
        assert_eq!(decision, Decision { denied: Some(denied), ..Step::PassOn.into() });
        case.check_quiet();
    }
}

#[test]
fn without_an_endpoint_the_failure_stands() {
    let mut case = Case::new(|_| ());
    case.world.endpoints = 0;
    case.first(0, FAILED);
    let decision = case.tick(1);
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::NoEndpoint)));
    case.check_quiet();
}

#[test]
fn an_attempt_that_cannot_be_sent_lets_the_failure_stand() {
    let mut case = Case::new(|_| ());
    case.first(0, FAILED);
    case.sends(1);
    let decision = case.could_not();
    assert_eq!((decision.step, decision.denied), (Step::PassOn, Some(Denied::NoEndpoint)));
    case.check_quiet();
}

#[test]
fn what_is_not_idempotent_is_repeated_only_while_nobody_has_seen_it() {
    for (failure, repeated) in [
        (Failure::ConnectFailure, true),
        (Failure::RefusedStream, true),
        (Failure::Status(503), false),
        (Failure::Reset, false),
        (Failure::Timeout, false),
        (Failure::Grpc(14), false),
    ] {
        assert_eq!(Case::post().first(0, failed(failure)).retry.is_some(), repeated, "{failure:?}");
    }
    let mut case = Case::post();
    case.first(0, failed(Failure::ConnectFailure));
    case.sends(1);
    let decision = case.answer(2, 2, failed(Failure::Reset));
    assert_eq!(decision.denied, Some(Denied::NotIdempotent), "somebody has seen it by now");
    let mut case = Case::post();
    case.settings.non_idempotent = true;
    assert!(case.first(0, failed(Failure::Reset)).retry.is_some(), "by the operator's word");
}

#[test]
fn a_first_attempt_that_went_elsewhere_is_the_one_that_was_tried() {
    let mut case = Case::new(|_| ());
    case.world.endpoints = 2;
    case.attempts.went_to(1);
    case.first(0, FAILED);
    assert_eq!(case.sends(1).endpoint, 0, "nobody has tried that one");
}

#[test]
fn where_the_first_attempt_went_is_known_or_not_and_is_never_where_another_went() {
    let mut case = Case::new(|_| ());
    assert_eq!(case.attempts.first_endpoint(), Some(0));
    case.attempts.went_to(2);
    assert_eq!(case.attempts.first_endpoint(), Some(2));
    let mut case = Case::new(|_| ());
    let subject = *case.attempts.subject();
    case.attempts = Attempts::new(subject, None, None);
    case.first(0, FAILED);
    assert_eq!((case.sends(1).endpoint, case.attempts.first_endpoint()), (0, None));
    case.attempts.went_to(1);
    assert_eq!(case.attempts.first_endpoint(), Some(1));
}

#[test]
fn answers_to_no_attempt_change_nothing() {
    let mut case = Case::new(|_| ());
    assert_eq!(case.answer(0, 2, Verdict::Final).step, Step::Wait, "none of ours is under way");
    case.first(0, FAILED);
    case.sends(1);
    assert_eq!(case.answer(2, 3, Verdict::Final).step, Step::Wait, "another number");
    assert_eq!(case.first(2, Verdict::Final).step, Step::Wait, "the first has been judged");
    assert_eq!(case.answer(3, 2, FAILED).step, Step::Wait);
    assert_eq!(case.answer(4, 2, Verdict::Final).step, Step::Wait, "a second answer to one attempt");
    assert_eq!(case.sends(5).number, 3);
}

#[test]
fn a_retry_needs_only_its_own_settings() {
    let mut case = Case::new(|settings| *settings = Settings::default());
    let decision = case.first(0, FAILED);
    assert!(decision.retry.is_some_and(|(_, wait)| wait < Duration::from_millis(25)));
}
