//! What the end of an attempt says about the endpoint: the table of docs/outlier.md, ending by ending.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::outlier::{
    Answer, Ending, Failure, FailurePolicy, Neutral, Outcome, Settings, http_status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn policy() -> FailurePolicy {
    Settings::default().failure
}

fn status(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

fn grpc(grpc_status: u32) -> Answer {
    Answer { status: 200, grpc_status: Some(grpc_status), ..Answer::default() }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failure(failure)
}

#[test]
fn every_ending_has_its_outcome() {
    let none = Ending::default();
    let answered = Ending { answered: true, ..none };
    let late = Ending { age: SECOND, limit: Some(SECOND), ..none };
    let cases = [
        ("complete", Ending { complete: true, ..answered }, Outcome::Success),
        ("truncated, or the route's timeout in mid-body", answered, failed(Failure::Truncated)),
        (
            "discarded for a retry",
            Ending { discarded: true, ..answered },
            Outcome::Neutral(Neutral::Discarded),
        ),
        ("reset", none, failed(Failure::Reset)),
        ("reset without a code", Ending { discarded: true, ..none }, failed(Failure::Reset)),
        ("no connection", Ending { connect_failure: true, ..none }, failed(Failure::ConnectFailure)),
        ("no connection in time", Ending { connect_failure: true, ..late }, failed(Failure::ConnectFailure)),
        ("no answer in time", late, failed(Failure::Timeout)),
        ("reset before its time", Ending { age: SECOND - MILLISECOND, ..late }, failed(Failure::Reset)),
        ("reset where no time is known", Ending { limit: None, ..late }, failed(Failure::Reset)),
        ("truncated after its time", Ending { answered: true, ..late }, failed(Failure::Truncated)),
    ];
    for (name, ending, expected) in cases {
        assert_eq!(policy().judge_ending(&ending), expected, "{name}");
    }
}

/// All 64 endings that did not come to their end, with and without a limit that was reached.
fn cut_short() -> impl Iterator<Item = Ending> {
    (0_u32..64).map(|bits| {
        let bit = |place: u32| bits >> place & 1 == 1;
        Ending {
            answered: bit(0),
            connect_failure: bit(1),
            discarded: bit(2),
            client_gone: bit(3),
            cancelled: bit(4),
            limit: bit(5).then_some(SECOND),
            age: SECOND,
            ..Ending::default()
        }
    })
}

#[test]
fn what_somebody_else_ended_is_never_a_failure() {
    for ending in cut_short() {
        let outcome = policy().judge_ending(&ending);
        let expected = match (ending.client_gone, ending.cancelled) {
            (true, _) => Some(Outcome::Neutral(Neutral::ClientGone)),
            (false, true) => Some(Outcome::Neutral(Neutral::Cancelled)),
            (false, false) => None,
        };
        assert!(expected.is_none_or(|expected| expected == outcome), "{ending:?}: {outcome:?}");
        assert_ne!(outcome, Outcome::Success, "{ending:?}");
    }
}

#[test]
fn a_complete_answer_is_a_success_even_if_the_client_has_left_since() {
    for ending in cut_short() {
        let complete = Ending { complete: true, answered: true, ..ending };
        assert_eq!(policy().judge_ending(&complete), Outcome::Success, "{complete:?}");
    }
}

#[test]
fn a_complete_answer_is_slow_from_the_threshold_on() {
    let complete = Ending { answered: true, complete: true, ..Ending::default() };
    let slow = FailurePolicy { slow_threshold: Some(SECOND), ..policy() };
    let cases = [
        (None, Outcome::Success),
        (Some(Duration::ZERO), Outcome::Success),
        (Some(SECOND - MILLISECOND), Outcome::Success),
        (Some(SECOND), failed(Failure::Slow)),
        (Some(SECOND + MILLISECOND), failed(Failure::Slow)),
    ];
    for (latency, expected) in cases {
        let ending = Ending { latency, ..complete };
        assert_eq!(slow.judge_ending(&ending), expected, "{latency:?}");
        assert_eq!(policy().judge_ending(&ending), Outcome::Success, "no threshold, {latency:?}");
    }
    let cancelled = Ending { complete: false, cancelled: true, latency: Some(2 * SECOND), ..complete };
    assert_eq!(slow.judge_ending(&cancelled), Outcome::Neutral(Neutral::Cancelled));
}

#[test]
fn by_default_every_5xx_is_a_failure_and_nothing_else_is() {
    for code in 100..=999 {
        let expected = match code {
            502..=504 => Some(failed(Failure::Gateway)),
            500..=599 => Some(failed(Failure::Status)),
            _ => None,
        };
        assert_eq!(policy().judge_answer(&status(code)), expected, "{code}");
    }
}

#[test]
fn statuses_of_ones_own_replace_the_default() {
    let own = FailurePolicy { statuses: vec![429..=429, 500..=502], ..policy() };
    let cases = [
        (428, None),
        (429, Some(Failure::Status)),
        (430, None),
        (499, None),
        (500, Some(Failure::Status)),
        (502, Some(Failure::Gateway)),
        (503, None),
    ];
    for (code, expected) in cases {
        assert_eq!(own.judge_answer(&status(code)), expected.map(failed), "{code}");
    }
    let nothing = FailurePolicy { statuses: Vec::new(), ..policy() };
    assert_eq!(nothing.judge_answer(&status(500)), None);
}

#[test]
fn every_grpc_status_maps_to_http_as_in_envoy() {
    let mapped = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (code, expected) in (0..).zip(mapped) {
        assert_eq!(http_status(code), expected, "{code}");
    }
    for unknown in [17, 1000, u32::MAX] {
        assert_eq!(http_status(unknown), 500, "{unknown}");
    }
}

#[test]
fn a_grpc_status_is_judged_as_the_http_status_it_maps_to() {
    for code in 0..=17 {
        let expected = match code {
            4 | 14 => Some(failed(Failure::Gateway)),
            2 | 12 | 13 | 15 | 17 => Some(failed(Failure::Status)),
            _ => None,
        };
        assert_eq!(policy().judge_answer(&grpc(code)), expected, "{code}");
    }
}

#[test]
fn an_http_error_counts_whatever_grpc_status_comes_with_it() {
    for grpc_status in [None, Some(0), Some(5), Some(14)] {
        let answer = Answer { status: 500, grpc_status, ..Answer::default() };
        assert_eq!(policy().judge_answer(&answer), Some(failed(Failure::Status)), "{grpc_status:?}");
    }
}

#[test]
fn retry_after_says_overload_on_429_and_503_where_asked_to() {
    let overload = FailurePolicy { retry_after_is_overload: true, statuses: vec![400..=599], ..policy() };
    let without = FailurePolicy { retry_after_is_overload: false, ..overload.clone() };
    let neutral = Some(Outcome::Neutral(Neutral::Overload));
    let cases = [
        (status(429), neutral, Failure::Status),
        (status(503), neutral, Failure::Gateway),
        (status(500), Some(failed(Failure::Status)), Failure::Status),
        (status(502), Some(failed(Failure::Gateway)), Failure::Gateway),
        (grpc(8), neutral, Failure::Status),
        (grpc(14), neutral, Failure::Gateway),
    ];
    for (answer, expected, plain) in cases {
        assert_eq!(overload.judge_answer(&answer), Some(failed(plain)), "no header: {answer:?}");
        let answer = Answer { retry_after: true, ..answer };
        assert_eq!(overload.judge_answer(&answer), expected, "{answer:?}");
        assert_eq!(without.judge_answer(&answer), Some(failed(plain)), "not asked to: {answer:?}");
    }
    let fine = Answer { retry_after: true, ..status(200) };
    assert_eq!(overload.judge_answer(&fine), None, "nothing that an answer without fault says");
}

#[test]
fn only_failures_without_an_answer_are_of_local_origin() {
    let cases = [
        (Failure::Status, false, false),
        (Failure::Gateway, false, true),
        (Failure::ConnectFailure, true, true),
        (Failure::Reset, true, true),
        (Failure::Timeout, true, true),
        (Failure::Truncated, false, true),
        (Failure::Slow, false, false),
    ];
    for (failure, local, gateway) in cases {
        assert_eq!((failure.is_local_origin(), failure.is_gateway()), (local, gateway), "{failure:?}");
    }
}
