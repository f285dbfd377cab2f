//! What requests cost without a failure, in host calls.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_retry::Flow;
use worker::{GET, Head, OK, POST, Worker, filter, process};

/// The host calls of a request that is answered well, after one before it.
fn price_of(worker: &mut Worker, head: Head<'_>) -> u64 {
    worker.succeed();
    worker.host.forget_calls();
    let mut request = worker.send(head);
    assert_eq!(worker.answer(&mut request, OK, false), Flow::Continue);
    assert_eq!(worker.body(&mut request, b"fine", true), Flow::Continue);
    worker.end(request);
    worker.host.all_calls()
}

#[test]
fn a_request_of_the_filters_engine_costs_two_host_calls() {
    let mut worker = Worker::filter("");
    assert_eq!(price_of(&mut worker, &GET), 2);
    assert_eq!(worker.host.calls("proxy_get_header_map_pairs"), 2, "the request's and the answer's");
    assert_eq!(price_of(&mut worker, &POST), 2);
}

#[test]
fn a_request_of_the_routers_engine_costs_three_host_calls() {
    let mut worker = Worker::alone("{}");
    assert_eq!(price_of(&mut worker, &GET), 3);
    for call in ["proxy_get_header_map_pairs", "proxy_set_header_map_pairs", "proxy_get_property"] {
        assert_eq!(worker.host.calls(call), 1, "{call}");
    }
    assert_eq!(price_of(&mut worker, &POST), 3);
}

#[test]
fn hedging_costs_at_most_one_more() {
    let mut worker = Worker::filter(r#""hedge": {}"#);
    assert_eq!(price_of(&mut worker, &GET), 3, "before the first quick tick");
    assert_eq!(worker.host.calls("proxy_get_current_time_nanoseconds"), 1);
    let _waiting = worker.send(&GET);
    worker.pass(5);
    assert_eq!(price_of(&mut worker, &GET), 3);
    assert_eq!(price_of(&mut worker, &POST), 2, "it is never hedged");
}

#[test]
fn a_deadline_costs_at_most_one_more() {
    let deadline = r#""deadline_header": "x-deadline-ms""#;
    let head = [GET[0], GET[1], GET[2], GET[3], ("x-deadline-ms", "800")];
    assert_eq!(price_of(&mut Worker::filter(deadline), &head), 3);
    assert_eq!(price_of(&mut Worker::filter(deadline), &GET), 2);
    assert_eq!(price_of(&mut Worker::alone(&format!("{{{deadline}}}")), &head), 3);
}

#[test]
fn a_fallback_of_the_routers_engine_costs_one_more() {
    let mut worker = Worker::alone(r#"{"fallback": {"answer": {"status": 200}}}"#);
    assert_eq!(price_of(&mut worker, &GET), 4, "it looks at the answer");
}

#[test]
fn an_answer_that_is_kept_for_worse_times_costs_who_asks_the_time_and_its_body() {
    let mut worker = Worker::filter(r#""fallback": {"stale_if_error": {"max_age": "60s"}}"#);
    assert_eq!(price_of(&mut worker, &GET), 2 + 2 + 2);
    assert_eq!(worker.host.calls("proxy_get_property"), 2, "who asks");
    assert_eq!(price_of(&mut worker, &POST), 2, "its answer is kept for nobody");
}

#[test]
fn a_tunnel_costs_one_host_call() {
    let head = [GET[0], GET[1], GET[2], ("upgrade", "websocket")];
    assert_eq!(price_of(&mut Worker::filter(""), &head), 1);
    let head = [(":method", "CONNECT"), (":authority", "shop")];
    assert_eq!(price_of(&mut Worker::filter(""), &head), 1);
}

#[test]
fn a_route_without_retries_costs_nothing_where_no_route_has_any_and_else_one_host_call() {
    let with = worker::document_with("", &filter(""));
    let mut none = Worker::of(&process(), &with.replace(&format!(r#", "retry": {}"#, filter("")), ""));
    assert_eq!(price_of(&mut none, &GET), 0);
    let mut other = Worker::of(
        &worker::process(),
        &with.replace(r#""match": {}"#, r#""match": {"path_prefix": "/elsewhere"}"#),
    );
    assert_eq!(price_of(&mut other, &GET), 1);
    assert_eq!((none.period(), other.period()), (0, 0), "nothing ticks");
}

#[test]
fn an_empty_configuration_does_nothing_at_all() {
    let mut worker = Worker::of(&process(), "");
    assert_eq!(price_of(&mut worker, &GET), 0);
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_suspicious_answer_that_is_none_of_ours_costs_one_more() {
    let mut worker = Worker::filter("");
    worker.succeed();
    worker.host.forget_calls();
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &[(":status", "500")], true), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.host.all_calls(), 3, "who made it");
    assert_eq!(worker.host.calls("proxy_get_property"), 1);
}
