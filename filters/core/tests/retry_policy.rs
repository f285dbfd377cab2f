//! Which failures are tried again, which requests may be, and after which wait.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::{BackOff, Failure, Jitter, Reason, RetryOn, RetryRequest, retry_after};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FAILURES: [Failure; 6] = [
    Failure::Status(503),
    Failure::Grpc(14),
    Failure::ConnectFailure,
    Failure::RefusedStream,
    Failure::Reset,
    Failure::Timeout,
];

#[test]
fn the_defaults_try_again_what_no_endpoint_has_finished_answering() {
    let retried = |failure| RetryOn::default().reason(failure).map(Reason::name);
    let names = FAILURES.map(retried);
    let expected = ["status", "grpc_status", "connect_failure", "refused_stream", "reset"].map(Some);
    assert_eq!(names[..5], expected);
    assert_eq!(names[5], None, "a timeout may have been acted on, and costs its whole time again");
    for final_answer in [Failure::Status(200), Failure::Status(404), Failure::Status(500), Failure::Grpc(3)] {
        assert_eq!(retried(final_answer), None, "{final_answer:?}");
    }
}

#[test]
fn nothing_is_tried_again_that_was_not_asked_for() {
    let none = RetryOn {
        statuses: vec![],
        grpc_statuses: vec![],
        connect_failure: false,
        refused_stream: false,
        reset: false,
        timeout: false,
        headers: vec![],
        body: vec![],
    };
    assert!(FAILURES.iter().all(|failure| none.reason(*failure).is_none()));
}

#[test]
fn a_request_is_sent_twice_only_if_that_does_no_harm() {
    let request = |method, has_idempotency_key| RetryRequest { method, has_idempotency_key };
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        assert!(request(method, false).may_repeat(Failure::Reset, false), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "get", ""] {
        assert!(!request(method, false).may_repeat(Failure::Reset, false), "{method}");
        assert!(request(method, true).may_repeat(Failure::Reset, false), "{method} with a key");
        assert!(request(method, false).may_repeat(Failure::Reset, true), "{method} by the operator's word");
        for unseen in [Failure::ConnectFailure, Failure::RefusedStream] {
            assert!(request(method, false).may_repeat(unseen, false), "{method}: nobody saw it");
        }
    }
}

#[test]
fn an_empty_idempotency_key_is_none() {
    let keyed = |keys: &[&str]| {
        let post = PlainRequest::default().with(":method", "POST");
        let head = keys.iter().fold(post, |head, key| head.with("idempotency-key", key));
        RetryRequest::of(&head).is_idempotent()
    };
    assert!(keyed(&["7"]) && keyed(&["", "7"]));
    assert!(!keyed(&[]) && !keyed(&[""]) && !keyed(&["", ""]));
}

#[test]
fn full_jitter_stays_below_bounds_that_double_as_envoys_do() {
    let backoff = BackOff::default();
    let mut rng = Rng::with_seed(7);
    for (retry, bound_ms) in [(0, 25), (1, 50), (2, 100), (3, 200), (4, 250), (40, 250), (200, 250)] {
        let waits: Vec<_> = (0..500).map(|_| backoff.wait(retry, Duration::ZERO, &mut rng)).collect();
        let bound = Duration::from_millis(bound_ms);
        assert!(waits.iter().all(|wait| *wait < bound), "{retry}");
        assert!(waits.iter().any(|wait| *wait > bound / 2) && waits.iter().any(|wait| *wait < bound / 2));
    }
}

#[test]
fn decorrelated_jitter_grows_from_the_wait_before() {
    let backoff = BackOff { jitter: Jitter::Decorrelated, ..BackOff::default() };
    let mut rng = Rng::with_seed(7);
    let mut before = Duration::ZERO;
    for _ in 0..1_000 {
        let wait = backoff.wait(0, before, &mut rng);
        let bound = (before * 3).clamp(backoff.base, backoff.max);
        assert!((backoff.base..=bound).contains(&wait), "{wait:?} after {before:?}");
        before = wait;
    }
}

#[test]
fn an_endpoint_that_asks_for_patience_is_heard_up_to_the_ceiling() {
    let backoff = BackOff { retry_after_ceiling: Some(Duration::from_secs(5)), ..BackOff::default() };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(backoff.asked(None), Ok(None));
    assert_eq!(backoff.asked(seconds(5)), Ok(seconds(5)));
    assert_eq!(backoff.asked(seconds(6)), Err(Duration::from_secs(6)), "no retry rather than one too soon");
    let deaf = BackOff { retry_after_ceiling: None, ..backoff };
    assert_eq!(deaf.asked(seconds(6)), Ok(None));
}

#[test]
fn those_that_were_told_the_same_come_back_at_different_times_and_never_too_soon() {
    let backoff = BackOff::default();
    let (mut rng, second) = (Rng::with_seed(7), Duration::from_secs(1));
    let mut spread = |asked, room| backoff.spread(asked, room, &mut rng);
    let mut waits: Vec<_> = (0..200).map(|_| spread(second, second).as_millis()).collect();
    assert!(waits.iter().all(|more| *more < 500), "half as long again at most");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 100, "{waits:?}");
    // Who was told nothing but to come back waits as before a first retry; nobody waits past the room there is.
    assert!((0..200).map(|_| spread(Duration::ZERO, second)).all(|more| more < backoff.base));
    assert!((0..200).map(|_| spread(second * 60, second / 50)).all(|more| more < second / 50));
    assert_eq!(spread(second, Duration::ZERO), Duration::ZERO);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = Timestamp::from_millis(784_111_777_000);
    for (value, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 3 ", Some(3)),
        ("Sun, 06 Nov 1994 08:49:40 GMT", Some(3)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
        ("soon", None),
        ("-1", None),
        ("1.", None),
        ("", None),
    ] {
        assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
    }
    assert_eq!(retry_after("1.5", now), Some(Duration::from_millis(1_500)));
    // Too long for anybody is longer than any ceiling.
    assert_eq!(retry_after("99999999999999999999", now), Some(Duration::MAX));
}
