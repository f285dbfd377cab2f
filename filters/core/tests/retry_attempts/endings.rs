//! What a client gets when all attempts have failed, or none has answered.

use crate::retry_attempts::support::{Case, DEADLINE_MS, FAILED, at, failed, sorry, stale};
use core::time::Duration;
use switchyard_core::retry::{Decision, Denied, Failure, Fallback, GRACE, Step, Substitute, Verdict};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A request without retries and with these substitutes.
fn with(fallback: Fallback) -> Case {
    Case::new(|settings| {
        settings.num_retries = 0;
        settings.fallback = fallback;
    })
}

fn all() -> Fallback {
    Fallback { upstream: Some(1), stale: Some(stale()), answer: Some(sorry()) }
}

fn left(millis: u64) -> Step {
    Step::FallBack(Substitute::Upstream(2, Duration::from_millis(millis)))
}

#[test]
fn another_upstream_is_asked_first_then_the_last_good_answer_then_the_configured_one() {
    let mut case = with(all());
    let decision = case.first(100, FAILED);
    assert_eq!((decision.step, decision.denied), (left(900), Some(Denied::Exhausted)));
    assert!(case.attempts.is_substitute() && case.attempts.is_held());
    assert_eq!(case.answer(200, 2, FAILED), Decision::from(Step::FallBack(Substitute::Stale)));
    assert_eq!(case.could_not(), Decision::from(Step::FallBack(Substitute::Answer)));
    case.attempts.substituted();
    case.check_quiet();
}

#[test]
fn a_substitute_that_is_had_ends_the_request() {
    let mut case = with(all());
    case.first(0, FAILED);
    assert_eq!(case.answer(10, 2, Verdict::Final).step, Step::Deliver(2));
    case.check_quiet();
    let mut case = with(Fallback { stale: Some(stale()), ..Fallback::default() });
    assert_eq!(case.first(0, FAILED).step, Step::FallBack(Substitute::Stale));
    case.attempts.substituted();
    case.check_quiet();
}

#[test]
fn when_no_substitute_is_to_be_had_the_failure_stands() {
    let mut case = with(all());
    case.first(0, FAILED);
    assert_eq!(case.could_not(), Decision::from(Step::FallBack(Substitute::Stale)), "it could not be sent");
    assert_eq!(case.could_not(), Decision::from(Step::FallBack(Substitute::Answer)));
    assert_eq!(case.could_not(), Decision::from(Step::PassOn));
    case.check_quiet();
}

#[test]
fn every_substitute_stands_alone() {
    let upstream = Fallback { upstream: Some(1), ..Fallback::default() };
    let mut case = with(upstream);
    case.first(0, FAILED);
    assert_eq!(case.answer(10, 2, FAILED).step, Step::PassOn);
    let mut case = with(Fallback { answer: Some(sorry()), ..Fallback::default() });
    assert_eq!(case.first(0, FAILED).step, Step::FallBack(Substitute::Answer));
}

#[test]
fn another_upstream_gets_a_number_and_no_more_time_than_is_left() {
    let mut case = with(all());
    case.settings.num_retries = 1;
    case.first(0, FAILED);
    case.sends(1);
    let step = Step::FallBack(Substitute::Upstream(3, Duration::from_millis(DEADLINE_MS - 2)));
    assert_eq!(case.answer(2, 2, FAILED).step, step);
    assert_eq!((case.attempts.made(), case.world.taken), (3, 1), "a fallback is no retry");
}

#[test]
fn another_upstream_is_not_asked_without_the_body_or_without_time() {
    let mut case = with(all());
    case.attempts.subject().kept = false;
    let decision = case.first(0, FAILED);
    assert_eq!(decision.denied, Some(Denied::BodySize));
    assert_eq!(decision.step, Step::FallBack(Substitute::Stale));
    let mut case = with(all());
    assert_eq!(case.first(DEADLINE_MS, FAILED).step, Step::FallBack(Substitute::Stale));
}

#[test]
fn what_may_have_done_its_work_is_not_sent_to_another_upstream_either() {
    let mut case = with(all());
    case.attempts.subject().idempotent = false;
    let decision = case.first(0, FAILED);
    assert_eq!(decision.denied, Some(Denied::NotIdempotent));
    assert_eq!(decision.step, Step::FallBack(Substitute::Stale), "a substitute that nobody acts on is fine");
    let mut case = with(all());
    case.attempts.subject().idempotent = false;
    assert_eq!(case.first(0, failed(Failure::ConnectFailure)).step, left(1000), "nobody has seen it");
}

#[test]
fn a_retry_that_may_have_been_seen_keeps_the_request_from_another_upstream() {
    for idempotent in [true, false] {
        let mut case = with(all());
        case.settings.num_retries = 1;
        case.attempts.subject().idempotent = idempotent;
        case.first(0, failed(Failure::ConnectFailure));
        case.sends(100);
        let decision = case.attempts.no_answer(&case.settings, case.world.now);
        let (denied, step) = match idempotent {
            true => (Denied::NoEndpoint, Substitute::Upstream(3, Duration::from_millis(900))),
            false => (Denied::NotIdempotent, Substitute::Stale),
        };
        assert_eq!((decision.denied, decision.step), (Some(denied), Step::FallBack(step)));
    }
}

#[test]
fn a_request_that_is_refused_by_the_filter_gets_no_substitute() {
    assert_eq!(with(all()).attempts.give_up(Denied::Answer).step, Step::PassOn);
}

#[test]
fn an_attempt_that_cannot_be_sent_is_replaced_like_one_that_failed() {
    let mut case = with(all());
    case.settings.num_retries = 1;
    case.first(0, FAILED);
    case.sends(100);
    let decision = case.could_not();
    assert_eq!(decision.denied, Some(Denied::NoEndpoint));
    assert_eq!(decision.step, Step::FallBack(Substitute::Upstream(3, Duration::from_millis(900))));
}

#[test]
fn without_any_answer_by_the_deadline_the_client_gets_a_504() {
    let mut case = Case::new(|_| ());
    assert_eq!(case.attempts.due(), at(DEADLINE_MS));
    assert_eq!(case.tick(DEADLINE_MS - 1).step, Step::Wait);
    assert_eq!(case.tick(DEADLINE_MS), Decision::from(Step::TimeOut));
    case.check_quiet();
}

#[test]
fn at_the_deadline_no_upstream_is_asked_but_an_old_answer_may_stand_in() {
    let mut case = with(all());
    assert_eq!(case.tick(DEADLINE_MS).step, Step::FallBack(Substitute::Stale));
    assert_eq!(case.could_not().step, Step::FallBack(Substitute::Answer));
    assert_eq!(case.could_not().step, Step::TimeOut, "there is no failure to pass on");
    case.check_quiet();
}

#[test]
fn at_the_deadline_a_hedge_under_way_is_waited_for_no_more() {
    let mut case = Case::hedged();
    case.sends(100);
    assert_eq!(case.tick(DEADLINE_MS).step, Step::TimeOut);
    case.check_quiet();
}

#[test]
fn the_watchdog_ends_what_a_call_without_an_answer_has_left_behind() {
    let grace = GRACE.as_millis() as u64;
    let mut case = Case::new(|_| ());
    case.first(0, FAILED);
    case.sends(1);
    assert_eq!(
        case.tick(DEADLINE_MS + grace - 1),
        Decision::from(Step::Wait),
        "the call may still end by itself"
    );
    let decision = case.tick(DEADLINE_MS + grace);
    assert_eq!(decision, Decision { overdue: true, ..Step::TimeOut.into() });
    case.check_quiet();
    let mut case = with(all());
    case.first(0, FAILED);
    assert!(case.tick(DEADLINE_MS + grace).overdue, "another upstream's call, too");
    case.check_quiet();
}

#[test]
fn an_answer_that_could_not_be_judged_in_time_goes_on_and_is_counted() {
    let mut case = Case::new(|_| ());
    case.attempts.judge_later(at(400));
    assert!(case.attempts.is_held());
    assert_eq!(case.attempts.due(), at(400));
    assert_eq!(case.tick(399), Decision::from(Step::Wait));
    assert_eq!(case.tick(400), Decision { overdue: true, ..Step::PassOn.into() });
    case.check_quiet();
}

#[test]
fn judging_ends_at_the_deadline_at_the_latest() {
    let mut case = Case::new(|_| ());
    case.attempts.judge_later(at(DEADLINE_MS * 5));
    assert_eq!(case.attempts.due(), at(DEADLINE_MS));
    assert_eq!(case.tick(DEADLINE_MS).step, Step::PassOn);
}

#[test]
fn an_answer_that_was_judged_late_may_still_be_tried_again() {
    let mut case = Case::new(|_| ());
    case.attempts.judge_later(at(400));
    assert!(case.first(300, FAILED).retry.is_some());
    case.attempts.judge_later(at(900));
    assert_eq!(case.sends(310).number, 2, "a held failure is not judged again");
}

#[test]
fn a_request_has_ended_with_an_answer_for_its_client_and_with_no_other_step() {
    assert!([Step::PassOn, Step::Deliver(2), Step::TimeOut].iter().all(Step::ends));
    assert!(![Step::Wait, Step::FallBack(Substitute::Stale)].iter().any(Step::ends));
}

#[test]
fn substitutes_have_the_names_that_are_counted() {
    let all = [Substitute::Upstream(2, Duration::ZERO), Substitute::Stale, Substitute::Answer];
    assert_eq!(all.map(Substitute::name), ["upstream", "stale", "answer"]);
}
