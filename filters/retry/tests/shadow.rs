//! Shadow mode: everything is decided and counted, and nothing is changed.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::retry::STEERING_HEADERS;
use switchyard_retry::Flow;
use worker::{GET, OK, PUT, Worker, document_with, filter, process};

const ALL: &str = r#""mode": "shadow", "hedge": {"initial_delay": "10ms"}, "fallback": {"answer": {"status": 200}},
    "retry_on": {"body": [{"pointer": "/error", "exists": true}]}"#;

#[test]
fn a_failure_is_counted_and_goes_on() {
    let mut worker = Worker::filter(ALL);
    let mut request = worker.send(&GET);
    worker.pass(100);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.end(request);
    worker.pass(100);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("shadow_retries_total", "status"), 1);
    assert_eq!(worker.count("retries_total", "status"), 0);
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn no_answer_is_held_to_be_judged() {
    let mut worker = Worker::filter(ALL);
    let mut request = worker.send(&GET);
    let json = [OK[0], ("content-type", "application/json")];
    assert_eq!(worker.answer(&mut request, &json, false), Flow::Continue);
    assert_eq!(worker.body(&mut request, br#"{"error": 1}"#, true), Flow::Continue);
    let mut request = worker.send(&[&GET[..], &[("content-type", "application/grpc")]].concat());
    let grpc = [OK[0], ("content-type", "application/grpc")];
    assert_eq!(worker.answer(&mut request, &grpc, false), Flow::Continue);
    assert_eq!(worker.trailers(&mut request, &[("grpc-status", "14")]), Flow::Continue);
}

#[test]
fn a_grpc_failure_in_the_headers_is_counted_as_any_other() {
    let mut worker = Worker::filter(ALL);
    let mut request = worker.send(&[&GET[..], &[("content-type", "application/grpc")]].concat());
    let failed = [OK[0], ("content-type", "application/grpc"), ("grpc-status", "14")];
    assert_eq!(worker.answer(&mut request, &failed, true), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("shadow_retries_total", "grpc_status"), 1);
    assert_eq!(worker.count("retries_denied_total", "answer"), 0);
}

#[test]
fn requests_keep_their_headers_in_both_engines() {
    for retry in [filter(ALL), r#"{"mode": "shadow"}"#.to_owned()] {
        let mut worker = Worker::alone(&retry);
        let theirs = STEERING_HEADERS.map(|name| (name, "1"));
        worker.send(&[&GET[..], &theirs[..]].concat());
        for name in STEERING_HEADERS {
            assert_eq!(worker.host.request_header(name), ["1"], "{name}");
        }
        assert_eq!(worker.host.calls("proxy_set_header_map_pairs"), 0);
    }
}

#[test]
fn no_body_is_kept() {
    let mut worker = Worker::filter(r#""mode": "shadow", "max_body": "4B""#);
    let mut request = worker.begin(&PUT, false);
    worker.host.forget_calls();
    worker.upload(&mut request, b"12345", true);
    assert_eq!(worker.host.all_calls(), 0);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 0);
}

#[test]
fn no_old_answer_is_kept() {
    let mut worker =
        Worker::filter(r#""mode": "shadow", "fallback": {"stale_if_error": {"max_age": "60s"}}"#);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, OK, false);
    worker.host.forget_calls();
    worker.body(&mut request, b"good", true);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn a_document_in_shadow_mode_has_retries_in_shadow_mode_unless_they_say_otherwise() {
    let document = document_with("", &filter("")).replacen('{', r#"{"mode": "shadow","#, 1);
    let mut worker = Worker::of(&process(), &document);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(worker.count("shadow_retries_total", "status"), 1);
    let document =
        document_with("", &filter(r#""mode": "enforce""#)).replacen('{', r#"{"mode": "shadow","#, 1);
    let mut worker = Worker::of(&process(), &document);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
}

#[test]
fn the_budget_is_left_alone() {
    let mut worker =
        Worker::filter(r#""mode": "shadow", "budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}"#);
    for _ in 0..3 {
        let mut request = worker.send(&GET);
        assert_eq!(worker.fail(&mut request), Flow::Continue);
        worker.end(request);
    }
    assert_eq!(worker.count("shadow_retries_total", "status"), 3);
    assert_eq!(worker.count("retries_denied_total", "budget"), 0);
}
