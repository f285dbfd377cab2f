//! When a second attempt is due before the first has failed: by how long answers take, from when the request came.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_retry::Flow;
use worker::{GET, OK, POST, Request, UNAVAILABLE, Worker};

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
fn a_hedge_is_due_when_most_answers_have_begun() {
    let mut worker = Worker::filter(r#""hedge": {"quantile": 90, "initial_delay": "5s"}"#);
    for millis in [40; 18].into_iter().chain([400; 2]) {
        let mut request = worker.send(&GET);
        worker.pass(millis);
        assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
        worker.end(request);
    }
    assert!(worker.is_quiet());
    let _request = worker.send(&GET);
    let began = worker.elapsed();
    while worker.host.take_called().is_empty() {
        worker.pass(5);
        assert!(worker.elapsed() - began < 450, "the quantile is 40 ms, and up to a twentieth too high");
    }
    assert!((40..=50).contains(&(worker.elapsed() - began)), "{}", worker.elapsed() - began);
}

#[test]
fn a_hedge_is_never_sooner_than_the_least_delay() {
    let mut worker = Worker::filter(r#""hedge": {"min_delay": "50ms", "initial_delay": "5ms"}"#);
    let _request = worker.send(&GET);
    worker.pass(45);
    assert!(worker.is_quiet());
    worker.next_call();
}

#[test]
fn an_answer_that_has_begun_is_not_hedged() {
    let mut worker = Worker::filter(&format!(
        r#"{HEDGE}, "retry_on": {{"body": [{{"pointer": "/error", "exists": true}}]}}"#
    ));
    let mut request = worker.send(&GET);
    let json = [OK[0], ("content-type", "application/json")];
    assert_eq!(worker.answer(&mut request, &json, false), Flow::Pause);
    worker.pass(500);
    assert!(worker.is_quiet());
}

#[test]
fn requests_after_a_long_rest_begin_now() {
    let mut worker = Worker::filter(HEDGE);
    worker.succeed();
    worker.pass(60_000);
    // The first one wakes the ticks; the second asks before the first tick.
    let (_one, _two) = (worker.send(&GET), worker.send(&GET));
    worker.pass(95);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert_eq!(worker.host.take_called().len(), 2);
}

#[test]
fn a_request_begins_when_it_comes_not_with_the_last_slow_tick() {
    let mut worker = Worker::filter(HEDGE);
    let _post = worker.send(&POST);
    assert_eq!(worker.period(), 50);
    worker.pass(90);
    let _request = worker.send(&GET);
    worker.pass(95);
    assert!(worker.is_quiet());
    worker.next_call();
}

#[test]
fn a_request_begins_now_after_one_that_woke_the_ticks_without_asking_the_time() {
    let mut worker = Worker::filter(HEDGE);
    worker.succeed();
    worker.pass(60_000);
    let mut post = worker.send(&POST);
    assert_eq!(worker.local(&mut post, UNAVAILABLE, true, "no_healthy_upstream"), Flow::Pause);
    let _request = worker.send(&GET);
    worker.end(post);
    worker.pass(95);
    assert!(worker.is_quiet());
    worker.next_call();
}

#[test]
fn a_body_that_comes_before_the_hedge_is_sent_with_it() {
    let mut worker = Worker::filter(HEDGE);
    let mut request = worker.begin(&worker::PUT, false);
    worker.pass(50);
    worker.upload(&mut request, b"whole", true);
    // It went on only then.
    worker.pass(100);
    assert_eq!(worker.call().body.as_deref(), Some(&b"whole"[..]));
    let mut request = worker.begin(&worker::PUT, false);
    worker.upload(&mut request, b"whole", true);
    assert_eq!(worker.fail(&mut request), Flow::Pause, "nor does it keep a retry from being made");
}

#[test]
fn answers_to_hedges_tell_how_long_answers_take() {
    let mut worker = Worker::filter(HEDGE);
    for _ in 0..20 {
        let (request, call) = hedged(&mut worker);
        worker.pass(50);
        worker.reply(&call, OK, b"fine");
        worker.answer_to(&request);
        worker.end(request);
    }
    let _request = worker.send(&GET);
    worker.pass(145);
    assert!(worker.is_quiet(), "they took 150 ms");
    worker.pass(15);
    worker.call();
}
