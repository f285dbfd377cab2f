//! Why a request gets no further attempt: the failure goes to the client, and the reason is counted once.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::{GET, OK, POST, PUT, Request, UNAVAILABLE, Worker};

const DENIALS: [&str; 10] = [
    "budget",
    "concurrency",
    "deadline",
    "body_size",
    "memory",
    "not_idempotent",
    "retry_after",
    "num_retries",
    "no_endpoint",
    "answer",
];

/// Every denial that was counted, with its count.
fn denials(worker: &mut Worker) -> Vec<(&'static str, u64)> {
    let counts = DENIALS.map(|reason| (reason, worker.count("retries_denied_total", reason)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// A request that failed and is held back.
fn held(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    request
}

#[test]
fn a_request_that_is_not_idempotent_is_not_sent_twice() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&POST);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(denials(&mut worker), [("not_idempotent", 1)]);
    assert!(worker.is_quiet());
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn an_empty_budget_lets_the_failure_stand() {
    let mut worker = Worker::filter(r#""budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}"#);
    held(&mut worker);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(denials(&mut worker), [("budget", 1)]);
    assert_eq!(worker.count("retries_total", "status"), 1);
}

#[test]
fn a_shared_store_that_fails_allows_no_retry() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        let mut worker = Worker::filter("");
        worker.host.fail(call, Status::InternalFailure);
        let mut request = worker.send(&GET);
        assert_eq!(worker.fail(&mut request), Flow::Continue);
        worker.host.recover(call);
        assert_eq!(denials(&mut worker), [("budget", 1)], "{call}");
    }
}

#[test]
fn no_attempt_is_made_that_has_no_time_left() {
    let mut worker = Worker::filter(r#""timeout": "1s", "deadline_floor": "100ms""#);
    let mut late = worker.send(&GET);
    let mut in_time = worker.send(&GET);
    worker.pass(895);
    assert_eq!(worker.fail(&mut in_time), Flow::Pause);
    worker.pass(10);
    assert_eq!(worker.fail(&mut late), Flow::Continue);
    assert_eq!(denials(&mut worker), [("deadline", 1)]);
}

#[test]
fn no_attempt_is_made_that_is_shorter_than_the_quickest_answers() {
    let mut worker = Worker::filter(r#""timeout": "1s", "hedge": {"min_delay": "900ms"}"#);
    for _ in 0..30 {
        let mut request = worker.send(&GET);
        worker.pass(200);
        worker.answer(&mut request, OK, true);
        worker.end(request);
    }
    let mut request = worker.send(&GET);
    worker.pass(850);
    assert_eq!(worker.fail(&mut request), Flow::Continue, "150 ms are left, and an answer takes 200");
    assert_eq!(denials(&mut worker), [("deadline", 1)]);
}

#[test]
fn a_tick_that_comes_too_late_makes_no_attempt() {
    let mut worker = Worker::filter(r#""timeout": "1s""#);
    let request = held(&mut worker);
    worker.set_time(worker::START + 995);
    worker.tick();
    assert!(worker.was_let_go(&request));
    assert_eq!(denials(&mut worker), [("deadline", 1)]);
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn a_body_over_the_limit_streams_on_and_is_counted_once() {
    let mut worker = Worker::filter(r#""max_body": "10B""#);
    for (last, expected) in [(4, Flow::Pause), (5, Flow::Continue)] {
        let mut request = worker.begin(&PUT, false);
        worker.upload(&mut request, &[1; 6], false);
        worker.upload(&mut request, &vec![2; last], true);
        assert_eq!(worker.fail(&mut request), expected, "6 and {last} bytes");
    }
    assert_eq!(denials(&mut worker), [("body_size", 1)]);
}

#[test]
fn a_body_that_has_not_come_whole_cannot_be_sent_again() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin(&PUT, false);
    worker.upload(&mut request, b"half", false);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(denials(&mut worker), [("body_size", 1)]);
}

#[test]
fn a_body_that_the_host_does_not_give_whole_is_not_kept() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin(&PUT, false);
    worker.host.fail("proxy_get_buffer_bytes", Status::BadArgument);
    worker.upload(&mut request, b"lost", true);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(denials(&mut worker), [("body_size", 1)]);
}

#[test]
fn an_endpoint_that_asks_for_a_long_wait_is_left_alone() {
    let mut worker = Worker::alone(r#"{"engine": "filter", "back_off": {"retry_after_ceiling": "2s"}}"#);
    let mut request = worker.send(&GET);
    let headers = [UNAVAILABLE[0], ("retry-after", "3")];
    assert_eq!(worker.answer(&mut request, &headers, true), Flow::Continue);
    assert_eq!(denials(&mut worker), [("retry_after", 1)]);
}

#[test]
fn an_endpoint_that_asks_for_a_wait_gets_it() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &[UNAVAILABLE[0], ("retry-after", "1")], true), Flow::Pause);
    worker.pass(995);
    assert!(worker.is_quiet());
    worker.pass(515);
    worker.call();
    // And up to half as much more, at random.
    assert!((1_000..1_500).contains(&worker.count("retry_back_off_milliseconds_total", "")));
}

#[test]
fn a_policy_without_retries_makes_none() {
    let mut worker = Worker::filter(r#""num_retries": 0"#);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(denials(&mut worker), [("num_retries", 1)]);
}

#[test]
fn a_call_that_envoy_refuses_lets_the_failure_stand() {
    let mut worker = Worker::filter("");
    let request = held(&mut worker);
    worker.host.fail("proxy_http_call", Status::InternalFailure);
    worker.pass(5);
    assert!(worker.was_let_go(&request));
    assert_eq!(denials(&mut worker), [("no_endpoint", 1)]);
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 1, "the other was not made");
}

#[test]
fn a_failure_that_is_longer_than_what_is_kept_goes_on() {
    let mut worker = Worker::filter(r#""max_body": "10B""#);
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, UNAVAILABLE, false), Flow::Pause);
    assert_eq!(worker.body(&mut request, &[1; 10], false), Flow::Pause);
    assert_eq!(worker.body(&mut request, &[1; 11], false), Flow::Continue);
    worker.pass(1_000);
    assert!(worker.is_quiet(), "its retry is not made any more");
    assert_eq!(denials(&mut worker), [("answer", 1)]);
    assert_eq!(worker.body(&mut request, &[1; 20], true), Flow::Continue);
    worker.end(request);
}

#[test]
fn a_failure_that_grows_too_long_during_an_attempt_goes_on_and_the_attempt_is_for_nothing() {
    let mut worker = Worker::filter(r#""max_body": "10B", "budget": {"max_concurrent": 1}"#);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, UNAVAILABLE, false);
    let call = worker.next_call();
    assert_eq!(worker.body(&mut request, &[1; 11], false), Flow::Continue);
    worker.reply(&call, OK, b"too late");
    assert!(worker.is_quiet());
    assert_eq!(denials(&mut worker), [("answer", 1)]);
    held(&mut worker);
}
