//! The router's engine: the policy in Envoy's words, and what is learned of the attempts that Envoy made.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::retry::STEERING_HEADERS;
use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::{CANDIDATES, GET, OK, POST, Request, Worker, document_with, process};

const SECOND: &str = r#"{"budget": {"ratio": 0, "min_per_second": 2, "window": "1s"}}"#;

/// The headers that steer Envoy's router, as they are now.
fn steering(worker: &Worker) -> Vec<(&'static str, String)> {
    let all = STEERING_HEADERS.map(|name| (name, worker.host.request_header(name).join("|")));
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn owned(headers: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Envoy has made so many attempts, and the stream ends.
fn end_after(worker: &Worker, request: Request, attempts: u64) {
    worker.host.set_property("upstream.request_attempt_count", &attempts.to_le_bytes());
    worker.end(request);
}

#[test]
fn envoys_router_is_told_the_policy() {
    let mut worker = Worker::alone(r#"{"per_try_timeout": "250ms", "num_retries": 3}"#);
    worker.send(&GET);
    let expected = owned(&[
        ("x-envoy-retry-on", "connect-failure,refused-stream,reset,gateway-error"),
        ("x-envoy-retry-grpc-on", "unavailable"),
        ("x-envoy-max-retries", "3"),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "250"),
    ]);
    assert_eq!(steering(&worker), expected);
    assert_eq!(worker.host.request_header(CANDIDATES).len(), 1, "all else stands");
    assert_eq!(worker.host.request_header(":path"), ["/orders?page=2"]);
}

#[test]
fn a_request_that_is_not_idempotent_is_tried_again_only_if_nobody_has_seen_it() {
    let mut worker = Worker::alone("{}");
    worker.send(&POST);
    let unseen =
        owned(&[("x-envoy-retry-on", "connect-failure,refused-stream"), ("x-envoy-max-retries", "2")]);
    assert_eq!(steering(&worker), unseen);
    let keyed = [&POST[..], &[("idempotency-key", "7")]].concat();
    worker.send(&keyed);
    assert_ne!(steering(&worker), unseen);
    let mut worker = Worker::alone(r#"{"non_idempotent": true}"#);
    worker.send(&POST);
    assert_ne!(steering(&worker), unseen);
}

#[test]
fn what_a_client_says_about_retries_never_counts() {
    let theirs = STEERING_HEADERS.map(|name| (name, "99"));
    let head = [&GET[..], &theirs[..]].concat();
    let mut worker = Worker::alone("{}");
    worker.send(&head);
    let ours = steering(&worker);
    assert!(ours.iter().all(|(_, value)| !value.contains("99")), "{ours:?}");
    worker.send(&GET);
    assert_eq!(steering(&worker), ours);
}

#[test]
fn a_request_that_has_less_time_gets_less() {
    let mut worker = Worker::alone(r#"{"deadline_header": "x-deadline-ms", "timeout": "2s"}"#);
    let timeout = |worker: &Worker| worker.host.request_header("x-envoy-upstream-rq-timeout-ms").concat();
    worker.send(&[&GET[..], &[("x-deadline-ms", "700")]].concat());
    assert_eq!(timeout(&worker), "700");
    worker.send(&[&GET[..], &[("grpc-timeout", "500m")]].concat());
    assert_eq!(timeout(&worker), "500");
    worker.send(&[&GET[..], &[("x-deadline-ms", "7000")]].concat());
    assert_eq!(timeout(&worker), "", "the route gives less");
}

#[test]
fn without_a_budget_envoy_makes_no_retry() {
    let mut worker = Worker::alone(SECOND);
    let request = worker.send(&GET);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["2"]);
    end_after(&worker, request, 3);
    worker.send(&GET);
    assert_eq!(steering(&worker), owned(&[("x-envoy-max-retries", "0")]), "what it has spent counts at once");
    worker.pass(50);
    worker.send(&GET);
    assert_eq!(steering(&worker), owned(&[("x-envoy-max-retries", "0")]));
    assert_eq!(worker.count("retries_denied_total", "budget"), 2);
    worker.pass(1_000);
    worker.succeed();
    worker.pass(50);
    worker.send(&GET);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["2"], "the window has passed");
}

#[test]
fn a_budget_that_an_outage_emptied_is_full_again_for_the_first_request_after_a_rest() {
    let mut worker = Worker::alone(SECOND);
    let request = worker.send(&GET);
    end_after(&worker, request, 3);
    worker.pass(60_000);
    assert_eq!(worker.period(), 0);
    worker.send(&GET);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["2"]);
}

#[test]
fn what_one_worker_has_spent_another_hears_with_its_ticks() {
    let [mut one, mut two] = Worker::two(&document_with("", SECOND));
    let request = one.send(&GET);
    end_after(&one, request, 3);
    one.pass(50);
    two.send(&GET);
    assert_eq!(two.host.request_header("x-envoy-max-retries"), ["2"], "it has not heard");
    two.pass(50);
    two.send(&GET);
    assert_eq!(two.host.request_header("x-envoy-max-retries"), ["0"]);
}

#[test]
fn the_budget_of_the_upstream_counts_too() {
    let upstream = r#""retry_budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}"#;
    let mut worker = Worker::of(&process(), &document_with(upstream, "{}"));
    let request = worker.send(&GET);
    end_after(&worker, request, 2);
    worker.send(&GET);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["0"]);
}

#[test]
fn the_attempts_that_envoy_made_are_counted() {
    let mut worker = Worker::alone("{}");
    let request = worker.send(&GET);
    end_after(&worker, request, 3);
    let request = worker.send(&GET);
    end_after(&worker, request, 1);
    let request = worker.send(&GET);
    end_after(&worker, request, 0);
    assert_eq!((worker.count("attempts_total", ""), worker.count("retries_total", "envoy")), (4, 2));
}

#[test]
fn a_host_that_says_nothing_about_attempts_is_no_harm() {
    let mut worker = Worker::alone("{}");
    let request = worker.send(&GET);
    worker.end(request);
    let request = worker.send(&GET);
    worker.host.set_property("upstream.request_attempt_count", b"3");
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 0);
}

#[test]
fn answers_pass_unseen() {
    let mut worker = Worker::alone("{}");
    let mut request = worker.begin(&worker::PUT, false);
    worker.host.forget_calls();
    worker.upload(&mut request, b"body", true);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    assert_eq!(worker.body(&mut request, b"sorry", true), Flow::Continue);
    assert_eq!(worker.trailers(&mut request, &[]), Flow::Continue);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn a_host_that_takes_no_headers_stops_nothing() {
    let mut worker = Worker::alone("{}");
    for call in ["proxy_set_header_map_pairs", "proxy_get_header_map_pairs"] {
        worker.host.fail(call, Status::BadArgument);
        let mut request = worker.send(&GET);
        assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
        worker.end(request);
    }
}

#[test]
fn attempts_that_end_after_the_ticks_have_stopped_are_told_all_the_same() {
    let mut worker = Worker::alone(SECOND);
    let request = worker.send(&GET);
    worker.pass(5_000);
    assert_eq!(worker.period(), 0);
    end_after(&worker, request, 3);
    assert_eq!((worker.count("attempts_total", ""), worker.count("retries_total", "envoy")), (3, 2));
    let gauge = switchyard_frame::metrics::series_name("retry_budget_balance", &[("route", "api")]);
    assert_eq!(worker.host.counter(&gauge), 0);
}

#[test]
fn an_empty_budget_is_not_asked_for_on_every_request() {
    let mut worker = Worker::alone(SECOND);
    let request = worker.send(&GET);
    end_after(&worker, request, 3);
    worker.pass(50);
    worker.host.forget_calls();
    (0..10).for_each(|_| drop(worker.send(&GET)));
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 0);
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["0"]);
}

#[test]
fn no_body_is_kept_that_only_envoy_sends_again() {
    let mut worker = Worker::alone(r#"{"max_body": "4B", "fallback": {"answer": {"status": 200}}}"#);
    let mut request = worker.begin(&worker::PUT, false);
    worker.host.forget_calls();
    worker.upload(&mut request, b"12345", true);
    assert_eq!(worker.host.all_calls(), 0);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).status, 200);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 0);
    assert_eq!(worker.count("retries_denied_total", "num_retries"), 1);
}
