//! What clients get when all attempts have failed: another upstream, an old answer, a fixed one, in this order.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::contract::FALLBACK_HEADER;
use switchyard_core::local_reply::LocalReply;
use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::seen::sent;
use worker::{CANDIDATES, COUNT, D, GET, OK, POST, PUT, Request, UNAVAILABLE, Worker};

const SPARE: &str = r#""num_retries": 1, "fallback": {"upstream": "spare"}"#;
const FIXED: &str = r#""num_retries": 0, "fallback": {"answer":
    {"status": 200, "headers": {"content-type": "application/json"}, "body": "{\"orders\": []}"}}"#;

fn held(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    request
}

#[test]
fn a_fixed_answer_stands_in_for_a_failure() {
    let mut worker = Worker::filter(FIXED);
    let request = held(&mut worker);
    assert!(worker.is_quiet(), "it is sent from the next tick");
    worker.pass(5);
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &br#"{"orders": []}"#[..]));
    assert_eq!(answer.header("content-type"), ["application/json"]);
    assert_eq!(answer.header(FALLBACK_HEADER), ["answer"]);
    worker.end(request);
    worker.pass(1_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("fallback_answers_total", "answer"), 1);
    assert_eq!(worker.count("retries_denied_total", "num_retries"), 1, "once");
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn it_comes_after_all_attempts_and_they_are_counted() {
    let mut worker = Worker::filter(&FIXED.replace(r#""num_retries": 0"#, r#""num_retries": 2"#));
    let request = held(&mut worker);
    for _ in 0..2 {
        let call = worker.next_call();
        worker.reply(&call, UNAVAILABLE, b"");
    }
    assert_eq!(worker.answer_to(&request).header(FALLBACK_HEADER), ["answer"]);
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 3);
}

#[test]
fn another_upstream_is_asked_once() {
    let mut worker = Worker::filter(SPARE);
    let request = held(&mut worker);
    let retry = worker.next_call();
    worker.reply(&retry, UNAVAILABLE, b"");
    let call = worker.call();
    assert_eq!((call.request.cluster.as_str(), sent(&call, CANDIDATES)), ("spare", vec![D]));
    assert_eq!(sent(&call, COUNT), ["3"]);
    assert_eq!(call.context, worker::ROOT);
    worker.reply(&call, &[OK[0], ("x-from", "D")], b"fine");
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"fine"[..]));
    assert_eq!((answer.header("x-from"), answer.header(FALLBACK_HEADER)), (vec!["D"], vec!["upstream"]));
    worker.end(request);
    assert_eq!(worker.count("fallback_answers_total", "upstream"), 1);
    assert_eq!(worker.count("attempts_total", ""), 3);
}

#[test]
fn an_upstream_that_fails_too_leaves_the_first_failure() {
    for answer in [UNAVAILABLE, &[]] {
        let mut worker = Worker::filter(&SPARE.replace(r#""num_retries": 1"#, r#""num_retries": 0"#));
        let request = held(&mut worker);
        let call = worker.next_call();
        worker.reply(&call, answer, b"");
        assert!(worker.was_let_go(&request));
        worker.end(request);
        assert_eq!(worker.count("fallback_answers_total", "upstream"), 0);
    }
}

#[test]
fn an_upstream_that_cannot_be_called_leaves_the_first_failure() {
    let mut worker = Worker::filter(SPARE);
    let request = held(&mut worker);
    worker.host.fail("proxy_http_call", Status::BadArgument);
    worker.pass(5);
    assert!(worker.was_let_go(&request));
}

#[test]
fn the_first_substitute_that_there_is_is_taken() {
    let all = r#""num_retries": 0, "fallback": {"upstream": "spare", "stale_if_error": {"max_age": "60s"},
        "answer": {"status": 299, "body": "fixed"}}"#;
    let mut worker = Worker::filter(all);
    let request = held(&mut worker);
    let call = worker.next_call();
    worker.reply(&call, UNAVAILABLE, b"");
    assert_eq!(worker.answer_to(&request).header(FALLBACK_HEADER), ["answer"], "there is no old one");

    let mut good = worker.send(&GET);
    assert_eq!(worker.answer(&mut good, OK, false), Flow::Continue);
    worker.body(&mut good, b"old", true);
    worker.end(good);
    let request = held(&mut worker);
    let call = worker.next_call();
    worker.reply(&call, UNAVAILABLE, b"");
    let answer = worker.answer_to(&request);
    assert_eq!((answer.header(FALLBACK_HEADER), answer.body.as_slice()), (vec!["stale"], &b"old"[..]));
}

#[test]
fn a_request_that_is_not_idempotent_is_not_sent_to_another_upstream_if_an_endpoint_has_seen_it() {
    let mut worker = Worker::filter(SPARE);
    let mut request = worker.send(&POST);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.pass(100);
    assert!(worker.is_quiet());
    let mut request = worker.send(&POST);
    assert_eq!(worker.local(&mut request, UNAVAILABLE, true, "no_healthy_upstream"), Flow::Pause);
}

#[test]
fn a_request_that_is_not_idempotent_gets_a_fixed_answer() {
    let mut worker = Worker::filter(FIXED);
    let mut request = worker.send(&POST);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).status, 200);
}

#[test]
fn an_empty_budget_does_not_keep_a_substitute_from_the_client() {
    let budget = r#""budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}"#;
    let mut worker = Worker::filter(&format!("{}, {budget}", FIXED.replace("0,", "1,")));
    held(&mut worker);
    let request = held(&mut worker);
    worker.pass(5);
    let answered = worker.host.take_replies();
    assert_eq!(answered.len(), 1, "{answered:?}");
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "budget"), 1);
}

#[test]
fn an_upload_that_was_not_kept_is_not_sent_to_another_upstream() {
    let mut worker = Worker::filter(&format!(r#"{SPARE}, "max_body": "4B""#));
    let mut request = worker.begin(&PUT, false);
    worker.upload(&mut request, b"12345", true);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert!(worker.is_quiet());
}

#[test]
fn a_request_that_runs_out_of_time_gets_a_fixed_answer_instead_of_504() {
    let hedged =
        FIXED.replace(r#""num_retries": 0"#, r#""hedge": {"initial_delay": "900ms"}, "timeout": "1s""#);
    let mut worker = Worker::filter(&hedged);
    let request = worker.send(&GET);
    worker.pass(1_000);
    assert_eq!(worker.host.take_called().len(), 1, "the hedge");
    assert_eq!(worker.answer_to(&request).header(FALLBACK_HEADER), ["answer"]);
    worker.end(request);
    assert_eq!(worker.count("deadlines_exceeded_total", ""), 0);
}

#[test]
fn grpc_gets_no_substitute() {
    let mut worker = Worker::filter(FIXED);
    let call = [&GET[..], &[("content-type", "application/grpc")]].concat();
    let mut request = worker.send(&call);
    let kind = ("content-type", "application/grpc");
    assert_eq!(worker.answer(&mut request, &[OK[0], kind], false), Flow::Pause);
    worker.body(&mut request, &[0, 0, 0, 0, 1, 9], false);
    assert_eq!(worker.trailers(&mut request, &[("grpc-status", "14")]), Flow::Pause);
    worker.pass(5);
    assert!(worker.was_let_go(&request), "its status and message stand");
}

#[test]
fn the_routers_engine_has_substitutes_too() {
    let mut worker = Worker::alone(&format!("{{{}}}", FIXED.replace(r#""num_retries": 0, "#, "")));
    let mut request = worker.send(&GET);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["2"], "Envoy tries again");
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).header(FALLBACK_HEADER), ["answer"]);
    worker.host.set_property("upstream.request_attempt_count", &3_u64.to_le_bytes());
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 3);
    assert_eq!(worker.count("retries_total", "envoy"), 2);
}

#[test]
fn the_routers_engine_asks_another_upstream_once() {
    let mut worker = Worker::alone(r#"{"fallback": {"upstream": "spare"}}"#);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    assert_eq!(sent(&call, CANDIDATES), [D]);
    for name in ["x-envoy-max-retries", "x-envoy-retry-on"] {
        assert!(sent(&call, name).is_empty(), "{name}");
    }
    worker.reply(&call, OK, b"fine");
    assert_eq!(worker.answer_to(&request).status, 200);
    worker.host.set_property("upstream.request_attempt_count", &3_u64.to_le_bytes());
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 4);
}

#[test]
fn what_a_client_gets_in_place_of_an_answer_says_which_it_is() {
    let mut worker = Worker::filter(FIXED);
    let request = held(&mut worker);
    worker.pass(5);
    worker.answer_to(&request);
    assert_eq!(worker.host.take_details(), [LocalReply::FallbackAnswer]);
    let mut worker = Worker::filter(r#""timeout": "50ms""#);
    let request = held(&mut worker);
    worker.next_call();
    worker.pass(2_000);
    assert_eq!(worker.answer_to(&request).status, 504);
    assert_eq!(worker.host.take_details(), [LocalReply::Deadline]);
}
