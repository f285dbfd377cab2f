//! Second attempts before the first has failed: where to, who wins, and what the loser leaves behind.

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
use worker::seen::sent;
use worker::{
    B, CANDIDATES, COUNT, GET, OK, POST, Request, UNAVAILABLE, Worker, document_with, filter, process,
};

const HEDGE: &str = r#""hedge": {"initial_delay": "100ms"}"#;

/// A request that is hedged, and the hedge.
fn hedged(worker: &mut Worker) -> (Request, switchyard_host::fake::Called) {
    let request = worker.send(&GET);
    worker.pass(95);
    assert!(worker.is_quiet());
    let call = worker.next_call();
    (request, call)
}

#[test]
fn an_answer_whose_head_cannot_be_read_goes_on_and_none_takes_its_place() {
    let mut worker = Worker::filter(r#""timeout": "100ms", "hedge": {"initial_delay": "20ms"}"#);
    let mut request = worker.send(&GET);
    worker.host.fail("proxy_get_header_map_pairs", Status::InternalFailure);
    assert_eq!(worker.answer(&mut request, OK, false), Flow::Continue);
    worker.host.recover("proxy_get_header_map_pairs");
    worker.pass(1_000);
    assert!(worker.is_quiet(), "its client has a part of it");
    worker.end(request);
}

#[test]
fn a_hedge_goes_to_another_endpoint_when_the_answer_has_not_begun() {
    let mut worker = Worker::filter(HEDGE);
    let (_request, call) = hedged(&mut worker);
    assert_eq!((sent(&call, CANDIDATES), sent(&call, COUNT)), (vec![B], vec!["2"]));
    assert_eq!(call.request.timeout.as_millis(), 14_900);
    worker.pass(5_000);
    assert!(worker.is_quiet(), "there is one hedge");
    assert_eq!(worker.count("hedges_total", ""), 1);
}

#[test]
fn the_hedge_wins() {
    let mut worker = Worker::filter(HEDGE);
    let (request, call) = hedged(&mut worker);
    worker.host.take_marks();
    worker.reply(&call, &[OK[0], ("x-from", "B")], b"fine");
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.header("x-from")), (200, vec!["B"]));
    assert_eq!(answer.header(COUNT), ["2"]);
    let mark = (request.context, "switchyard_cancelled".to_owned(), b"hedged".to_vec());
    assert_eq!(worker.host.take_marks(), [mark], "outlier must not take the loser for a failure");
    worker.end(request);
    assert_eq!(worker.count("hedges_won_total", ""), 1);
    assert_eq!(worker.count("attempts_total", ""), 2);
    assert_eq!(worker.count("retries_total", "status"), 0);
}

#[test]
fn the_hedge_loses() {
    let mut worker = Worker::filter(HEDGE);
    let (mut request, call) = hedged(&mut worker);
    assert_eq!(worker.answer(&mut request, OK, false), Flow::Continue);
    worker.reply(&call, OK, b"late");
    assert!(worker.is_quiet());
    assert_eq!(worker.body(&mut request, b"fine", true), Flow::Continue);
    worker.end(request);
    assert!(worker.host.take_marks().is_empty());
    assert_eq!(worker.count("hedges_total", ""), 1);
    assert_eq!(worker.count("hedges_won_total", ""), 0);
    assert_eq!(worker.count("attempts_total", ""), 2);
}

#[test]
fn a_hedge_that_fails_changes_nothing() {
    let mut worker = Worker::filter(HEDGE);
    let (mut request, call) = hedged(&mut worker);
    worker.reply(&call, UNAVAILABLE, b"");
    worker.pass(1_000);
    assert!(worker.is_quiet(), "the first attempt is under way");
    assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
    worker.end(request);
    assert_eq!((worker.count("retries_total", "status"), worker.count("hedges_won_total", "")), (0, 0));
}

#[test]
fn a_first_attempt_that_fails_waits_for_its_hedge() {
    let mut worker = Worker::filter(HEDGE);
    let (mut request, call) = hedged(&mut worker);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(1_000);
    assert!(worker.is_quiet());
    worker.reply(&call, OK, b"fine");
    assert_eq!(worker.answer_to(&request).body, b"fine");
    assert!(worker.host.take_marks().is_empty(), "it had failed, and counts");
    assert_eq!(worker.count("hedges_won_total", ""), 0);
}

#[test]
fn when_both_fail_there_is_another_attempt_if_one_is_left() {
    for (retries, again) in [(1, false), (2, true)] {
        let mut worker = Worker::filter(&format!(r#"{HEDGE}, "num_retries": {retries}"#));
        let (mut request, call) = hedged(&mut worker);
        worker.fail(&mut request);
        worker.reply(&call, UNAVAILABLE, b"");
        worker.pass(5);
        assert_eq!(worker.host.take_called().len(), usize::from(again));
        assert_eq!(worker.host.take_replies().len(), usize::from(!again));
    }
}

#[test]
fn a_hedge_that_envoy_refuses_changes_nothing() {
    let mut worker = Worker::filter(HEDGE);
    let mut request = worker.send(&GET);
    worker.host.fail("proxy_http_call", Status::InternalFailure);
    worker.pass(200);
    assert!(worker.is_quiet());
    assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
    worker.end(request);
    assert_eq!((worker.count("hedges_total", ""), worker.count("attempts_total", "")), (0, 1));
}

#[test]
fn a_request_that_is_not_idempotent_is_never_hedged() {
    let mut worker = Worker::filter(HEDGE);
    let _post = worker.send(&POST);
    worker.pass(5_000);
    assert!(worker.is_quiet());
    let _keyed = worker.send(&[&POST[..], &[("idempotency-key", "7")]].concat());
    worker.pass(95);
    worker.next_call();
}

#[test]
fn a_hedge_draws_on_the_budget() {
    let mut worker =
        Worker::filter(&format!(r#"{HEDGE}, "budget": {{"ratio": 0, "min_per_second": 1, "window": "1s"}}"#));
    let _first = hedged(&mut worker);
    let mut second = worker.send(&GET);
    worker.pass(200);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("retries_denied_total", "budget"), 1);
    assert_eq!(worker.answer(&mut second, OK, true), Flow::Continue);
}

#[test]
fn a_request_whose_body_has_not_come_is_not_hedged() {
    let mut worker = Worker::filter(HEDGE);
    let mut request = worker.begin(&worker::PUT, false);
    worker.upload(&mut request, b"half", false);
    // It goes on without the rest, and there is no hedge.
    worker.pass(2_000);
    assert_eq!(worker.host.take_replies().len(), 1);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("retries_denied_total", "body_size"), 1);
}

#[test]
fn a_request_without_any_answer_ends_at_its_deadline() {
    let mut worker = Worker::filter(&format!(r#"{HEDGE}, "timeout": "1s""#));
    let (request, call) = hedged(&mut worker);
    assert_eq!(call.request.timeout.as_millis(), 900);
    worker.pass(895);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).status, 504);
    worker.reply(&call, OK, b"late");
    worker.end(request);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("deadlines_exceeded_total", ""), 1);
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
}

#[test]
fn a_hedge_never_goes_to_an_endpoint_that_is_ejected() {
    let ejected = format!(r#"{{"address": "{B}", "health": "ejected"}}"#);
    let document = document_with("", &filter(HEDGE)).replace(&format!(r#"{{"address": "{B}"}}"#), &ejected);
    let mut worker = Worker::of(&process(), &document);
    let (_request, call) = hedged(&mut worker);
    assert_eq!(sent(&call, CANDIDATES), [worker::C]);
}

#[test]
fn grpc_is_never_hedged() {
    let mut worker = Worker::filter(HEDGE);
    let _call = worker.send(&[&GET[..], &[("content-type", "application/grpc")]].concat());
    worker.pass(5_000);
    assert!(worker.is_quiet());
}
