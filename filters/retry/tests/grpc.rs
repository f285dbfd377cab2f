//! gRPC: a failure keeps its status and message; one that has a message and trailers can be replaced.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::ResponseHeaders;
use switchyard_retry::Flow;
use worker::seen::pairs;
use worker::{CANDIDATES, GET, Head, Request, Worker};

const CALL: [(&str, &str); 6] = [
    (":method", "POST"),
    (":path", "/shop.Orders/List"),
    (":authority", "shop"),
    ("content-type", "application/grpc+proto"),
    ("idempotency-key", "7"),
    (CANDIDATES, "10.0.0.1:80,10.0.0.2:80"),
];
const ANSWER: Head<'static> = &[(":status", "200"), ("content-type", "application/grpc+proto")];
const TRAILERS_ONLY: [(&str, &str); 4] = [
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-status", "14"),
    ("grpc-message", "busy"),
];
const MESSAGE: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const OTHER: &[u8] = &[0, 0, 0, 0, 3, 8, 2, 9];
const FAILED: Head<'static> = &[("grpc-status", "14"), ("grpc-message", "busy")];
const FINE: Head<'static> = &[("grpc-status", "0"), ("x-cost", "3")];

/// A call whose answer has begun with a message.
fn answered(worker: &mut Worker) -> Request {
    let mut request = worker.send(&CALL);
    assert_eq!(worker.answer(&mut request, ANSWER, false), Flow::Pause);
    assert_eq!(worker.body(&mut request, MESSAGE, false), Flow::Pause);
    request
}

/// The trailers as they are now.
fn trailers(worker: &Worker) -> Vec<(String, String)> {
    pairs(&worker.host.response_trailers().expect("trailers"))
}

fn owned(trailers: Head<'_>) -> Vec<(String, String)> {
    trailers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_good_answer_goes_on_at_its_trailers() {
    let mut worker = Worker::filter("");
    let mut request = answered(&mut worker);
    assert_eq!(worker.trailers(&mut request, FINE), Flow::Continue);
    worker.end(request);
    worker.pass(10_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
}

#[test]
fn a_failure_in_trailers_is_replaced_by_the_answer_to_another_attempt() {
    let mut worker = Worker::filter("");
    let mut request = answered(&mut worker);
    assert_eq!(worker.trailers(&mut request, FAILED), Flow::Pause);
    let call = worker.next_call();
    worker.reply_with(&call, &[ANSWER[0], ANSWER[1], ("x-from", "B")], OTHER, FINE);
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.body.as_slice(), answer.header("x-from")), (200, OTHER, vec!["B"]));
    assert_eq!(trailers(&worker), owned(FINE));
    worker.end(request);
    assert_eq!(worker.count("retries_total", "grpc_status"), 1);
    assert_eq!(worker.count("retries_denied_total", "answer"), 0);
}

#[test]
fn a_failure_of_the_other_attempt_that_is_final_is_what_the_client_gets() {
    let mut worker = Worker::filter("");
    let mut request = answered(&mut worker);
    worker.trailers(&mut request, FAILED);
    let call = worker.next_call();
    let not_found: Head<'_> = &[("grpc-status", "5"), ("grpc-message", "no order")];
    worker.reply_with(&call, &[ANSWER[0], ANSWER[1], ("x-from", "B")], OTHER, not_found);
    worker.answer_to(&request);
    assert_eq!(trailers(&worker), owned(not_found));
}

#[test]
fn when_all_attempts_fail_the_first_status_and_message_stand() {
    let mut worker = Worker::filter("");
    let mut request = answered(&mut worker);
    worker.trailers(&mut request, FAILED);
    for headers in [ANSWER, &TRAILERS_ONLY] {
        let call = worker.next_call();
        worker.reply_with(&call, headers, OTHER, &[("grpc-status", "14"), ("grpc-message", "other")]);
    }
    assert!(worker.was_let_go(&request));
    assert_eq!((worker.host.current_response_body(), trailers(&worker)), (MESSAGE.to_vec(), owned(FAILED)));
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "num_retries"), 1);
}

#[test]
fn an_answer_that_cannot_take_the_held_ones_place_leaves_it() {
    let not_found = [TRAILERS_ONLY[0], TRAILERS_ONLY[1], ("grpc-status", "5")];
    let cases: [(Head<'_>, &[u8], Head<'_>); 3] =
        [(&not_found, b"", &[]), (ANSWER, b"", FINE), (ANSWER, OTHER, &[])];
    for (headers, body, last) in cases {
        let mut worker = Worker::filter("");
        let mut request = answered(&mut worker);
        worker.trailers(&mut request, FAILED);
        let call = worker.next_call();
        worker.reply_with(&call, headers, body, last);
        assert!(worker.was_let_go(&request));
        assert_eq!(trailers(&worker), owned(FAILED));
        worker.end(request);
        assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    }
}

#[test]
fn trailers_only_failures_keep_their_status_and_are_counted() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    assert_eq!(worker.answer(&mut request, &TRAILERS_ONLY, true), Flow::Continue);
    assert_eq!(worker.host.response_header("grpc-message"), ["busy"]);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    assert_eq!(worker.count("attempts_total", ""), 1);
    assert!(worker.is_quiet());
}

#[test]
fn a_failure_without_a_message_goes_on_at_its_trailers() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    assert_eq!(worker.answer(&mut request, ANSWER, false), Flow::Pause);
    assert_eq!(worker.trailers(&mut request, FAILED), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    assert!(worker.is_quiet());
}

#[test]
fn a_stream_of_messages_is_let_go_at_its_second() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    worker.answer(&mut request, ANSWER, false);
    assert_eq!(worker.body(&mut request, &MESSAGE[..4], false), Flow::Pause, "not even a frame's head");
    assert_eq!(worker.body(&mut request, MESSAGE, false), Flow::Pause);
    let two = [MESSAGE, &[0]].concat();
    assert_eq!(worker.body(&mut request, &two, false), Flow::Continue);
    assert_eq!(worker.trailers(&mut request, FAILED), Flow::Continue, "it has gone to the client already");
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
}

#[test]
fn a_stream_that_pauses_after_its_first_message_is_held_for_a_second_at_most() {
    let mut worker = Worker::filter("");
    let request = answered(&mut worker);
    worker.pass(995);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert!(worker.was_let_go(&request));
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    assert_eq!(worker.count("retry_watchdog_total", ""), 0, "a stream is no oversight");
}

#[test]
fn an_answer_that_ends_without_trailers_goes_on() {
    let mut worker = Worker::filter("");
    let mut request = answered(&mut worker);
    assert_eq!(worker.body(&mut request, MESSAGE, true), Flow::Continue);
}

#[test]
fn only_the_statuses_of_the_list_are_failures() {
    let mut worker = Worker::filter(r#""retry_on": {"grpc_statuses": ["resource_exhausted"]}"#);
    for (status, expected) in [("8", Flow::Pause), ("14", Flow::Continue), ("0", Flow::Continue)] {
        let mut request = answered(&mut worker);
        assert_eq!(worker.trailers(&mut request, &[("grpc-status", status)]), expected, "{status}");
    }
}

#[test]
fn without_grpc_statuses_no_answer_is_held() {
    let mut worker = Worker::filter(r#""retry_on": {"grpc_statuses": []}"#);
    let mut request = worker.send(&CALL);
    assert_eq!(worker.answer(&mut request, ANSWER, false), Flow::Continue);
}

#[test]
fn a_grpc_status_means_nothing_to_a_request_that_is_not_grpc() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &TRAILERS_ONLY, true), Flow::Continue);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("retries_denied_total", "answer"), 0);
}

#[test]
fn a_call_that_breaks_off_before_the_answer_keeps_envoys_own_status() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    let details = "upstream_reset_before_response_started{connection_failure}";
    assert_eq!(worker.local(&mut request, &TRAILERS_ONLY, true, details), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
}

#[test]
fn an_empty_piece_is_no_message() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    worker.answer(&mut request, ANSWER, false);
    assert_eq!(worker.body(&mut request, b"", false), Flow::Pause);
    assert_eq!(worker.trailers(&mut request, FAILED), Flow::Continue, "it could not be replaced");
}

#[test]
fn what_another_filter_answers_is_never_a_failure() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&CALL);
    assert_eq!(worker.local(&mut request, ANSWER, false, "ext_authz_denied"), Flow::Pause);
    worker.body(&mut request, MESSAGE, false);
    assert_eq!(worker.trailers(&mut request, FAILED), Flow::Continue);
    let mut request = worker.send(&CALL);
    assert_eq!(worker.local(&mut request, &TRAILERS_ONLY, true, "request_rate_limited"), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 0);
}

#[test]
fn a_broken_attempt_is_a_failure_whichever_statuses_are() {
    let mut worker = Worker::filter(r#""retry_on": {"grpc_statuses": ["resource_exhausted"]}"#);
    let mut request = worker.send(&CALL);
    let details = "upstream_reset_before_response_started{connection_failure}";
    worker.local(&mut request, &TRAILERS_ONLY, true, details);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
}

#[test]
fn a_call_whose_clients_time_is_over_says_so_and_not_that_nobody_is_there() {
    for engine in ["filter", "router"] {
        let retry = format!(
            r#"{{"engine": "{engine}", "timeout": "1s", "retry_on": {{"timeout": true, "reset": true}}}}"#
        );
        let ends = |more: Head<'_>, details: &str| {
            let mut worker = Worker::alone(&retry);
            let mut request = worker.send(&[CALL.as_slice(), more].concat());
            worker.host.forget_calls();
            assert_eq!(worker.local(&mut request, &TRAILERS_ONLY, true, details), Flow::Continue);
            let status = worker.head().into_iter().find(|(name, _)| name == "grpc-status").expect("a status");
            status.1
        };
        let own = [("grpc-timeout", "200m")];
        assert_eq!(ends(&own, "response_timeout"), "4", "{engine}");
        // The operator's limits, an endpoint's word, and another filter's keep their codes.
        for details in ["upstream_per_try_timeout", "via_upstream", "rate_limited"] {
            assert_eq!(ends(&own, details), "14", "{engine}: {details}");
        }
        for more in [&[][..], &[("grpc-timeout", "2S")]] {
            assert_eq!(ends(more, "response_timeout"), "14", "{engine}: {more:?}");
        }
    }
}

#[test]
fn a_deadline_costs_an_answer_that_goes_on_after_its_head_nothing() {
    let mut worker = Worker::alone("{}");
    let mut request = worker.send(&[CALL.as_slice(), &[("grpc-timeout", "200m")]].concat());
    worker.host.forget_calls();
    assert_eq!(worker.answer(&mut request, ANSWER, false), Flow::Continue);
    assert_eq!(worker.host.all_calls(), 0);
}
