//! Clients that leave, at every stage: nothing is sent to a stream that is gone, and what its retries took is given back.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::Status;
use switchyard_host::fake::Called;
use switchyard_retry::Flow;
use worker::{GET, OK, PUT, Request, UNAVAILABLE, Worker};

/// One retry at a time, which waits 100 ms before it is made.
const ONE: &str = r#"{"engine": "filter", "num_retries": 1, "budget": {"max_concurrent": 1},
    "back_off": {"base": "100ms", "max": "100ms", "jitter": "decorrelated"}}"#;

fn held(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    request
}

/// A request whose second attempt is under way.
fn called(worker: &mut Worker) -> (Request, Called) {
    let request = held(worker);
    worker.pass(95);
    assert!(worker.is_quiet());
    let call = worker.next_call();
    (request, call)
}

/// Whether another request may be tried again now.
fn has_room(worker: &mut Worker) -> bool {
    let mut request = worker.send(&GET);
    let flow = worker.fail(&mut request);
    worker.end(request);
    flow == Flow::Pause
}

#[test]
fn a_client_that_leaves_before_the_answer_is_forgotten() {
    let mut worker = Worker::filter(r#""hedge": {"initial_delay": "100ms"}"#);
    let request = worker.send(&GET);
    worker.pass(50);
    worker.end(request);
    worker.pass(20_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.period(), 0);
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn a_client_that_leaves_during_the_wait_gets_no_other_attempt() {
    let mut worker = Worker::alone(ONE);
    let request = held(&mut worker);
    worker.pass(50);
    worker.end(request);
    worker.pass(20_000);
    assert!(worker.is_quiet());
    assert!(has_room(&mut worker));
}

#[test]
fn the_answer_to_a_client_that_left_during_an_attempt_goes_nowhere() {
    for answer in [OK, UNAVAILABLE, &[]] {
        let mut worker = Worker::alone(ONE);
        let (request, call) = called(&mut worker);
        worker.end(request);
        assert!(!has_room(&mut worker), "the attempt is under way");
        worker.host.forget_calls();
        worker.reply(&call, answer, b"late");
        assert!(worker.host.all_calls() <= 1, "nobody reads it");
        worker.pass(20_000);
        assert!(worker.is_quiet());
        assert!(has_room(&mut worker));
    }
}

#[test]
fn the_answer_to_a_hedge_whose_client_has_left_goes_nowhere() {
    let mut worker =
        Worker::filter(r#""hedge": {"initial_delay": "100ms"}, "budget": {"max_concurrent": 1}"#);
    let request = worker.send(&GET);
    worker.pass(95);
    let call = worker.next_call();
    worker.end(request);
    assert!(!has_room(&mut worker));
    worker.reply(&call, OK, b"late");
    assert!(worker.is_quiet());
    assert!(has_room(&mut worker));
    assert_eq!(worker.count("hedges_won_total", ""), 0);
}

#[test]
fn a_stream_that_ends_unseen_is_no_harm() {
    // Its context is gone before its end was told.
    let mut worker = Worker::alone(ONE);
    let (request, call) = called(&mut worker);
    worker.host.end_context(request.context);
    worker.reply(&call, OK, b"late");
    worker.pass(20_000);
    assert!(worker.is_quiet());
    worker.end(request);
    assert!(has_room(&mut worker));
}

#[test]
fn a_host_that_refuses_an_answer_is_not_asked_again() {
    let mut worker = Worker::alone(ONE);
    let (request, call) = called(&mut worker);
    for call in ["proxy_send_local_response", "proxy_continue_stream", "proxy_set_header_map_pairs"] {
        worker.host.fail(call, Status::InternalFailure);
    }
    worker.reply(&call, OK, b"fine");
    worker.host.forget_calls();
    worker.pass(500);
    assert_eq!(worker.host.calls("proxy_send_local_response"), 0);
    worker.end(request);
    assert!(has_room(&mut worker));
}

#[test]
fn a_retry_that_ends_makes_room_for_another() {
    for answer in [OK, UNAVAILABLE, &[]] {
        let mut worker = Worker::alone(ONE);
        let (_request, call) = called(&mut worker);
        assert!(!has_room(&mut worker));
        worker.reply(&call, answer, b"");
        assert!(has_room(&mut worker));
        assert_eq!(worker.count("retries_denied_total", "concurrency"), 1);
    }
}

#[test]
fn a_retry_that_fails_makes_room_for_the_next_of_its_request() {
    let mut worker = Worker::filter(r#""budget": {"max_concurrent": 1}"#);
    let _request = held(&mut worker);
    let call = worker.next_call();
    worker.reply(&call, UNAVAILABLE, b"");
    worker.next_call();
    assert!(!has_room(&mut worker));
}

#[test]
fn a_retry_that_envoy_refuses_makes_room_for_another() {
    let mut worker = Worker::alone(ONE);
    let _request = held(&mut worker);
    worker.host.fail("proxy_http_call", Status::InternalFailure);
    worker.pass(100);
    assert!(has_room(&mut worker));
}

#[test]
fn retries_that_wait_to_be_made_take_room() {
    let mut worker = Worker::alone(ONE);
    let _waits = held(&mut worker);
    assert!(!has_room(&mut worker));
    worker.pass(100);
    assert_eq!(worker.host.take_called().len(), 1);
}

#[test]
fn a_failure_that_grows_too_long_makes_room_for_another() {
    let mut worker = Worker::alone(&ONE.replace("{\"engine\"", r#"{"max_body": "4B", "engine""#));
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, UNAVAILABLE, false), Flow::Pause);
    assert_eq!(worker.body(&mut request, b"12345", false), Flow::Continue);
    assert!(has_room(&mut worker));
}

#[test]
fn the_room_of_an_upstream_is_its_own() {
    let document = worker::document_with(r#""retry_budget": {"max_concurrent": 1}"#, &worker::filter(""));
    let mut worker = Worker::of(&worker::process(), &document);
    let _waits = held(&mut worker);
    let call = worker.next_call();
    assert!(!has_room(&mut worker));
    worker.reply(&call, OK, b"fine");
    assert!(has_room(&mut worker));
}

#[test]
fn a_retry_that_is_under_way_takes_room_under_the_next_configuration_too() {
    let mut worker = Worker::alone(ONE);
    let waits = held(&mut worker);
    worker.host.set_configuration(worker::document_with("", ONE).as_bytes());
    assert!(worker.root.configure(&worker.host));
    assert!(!has_room(&mut worker));
    worker.end(waits);
    assert!(has_room(&mut worker));
}

#[test]
fn a_client_that_leaves_while_it_uploads_is_forgotten() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin(&PUT, false);
    worker.upload(&mut request, b"half", false);
    worker.end(request);
    worker.pass(20_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_client_that_leaves_while_its_answer_is_judged_is_forgotten() {
    let mut worker = Worker::filter(r#""retry_on": {"body": [{"pointer": "/error", "exists": true}]}"#);
    let mut request = worker.send(&GET);
    let json = [OK[0], ("content-type", "application/json")];
    assert_eq!(worker.answer(&mut request, &json, false), Flow::Pause);
    worker.end(request);
    worker.pass(20_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.period(), 0);
    worker.succeed();
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
    assert_eq!(worker.count("attempts_total", ""), 2, "of those that left, too");
}

#[test]
fn calls_are_the_roots_even_after_a_stream_that_could_not_be_served() {
    let mut worker = Worker::filter(r#""deadline_header": "x-left", "budget": {"min_per_second": 1000}"#);
    let hasty = [&GET[..], &[("x-left", "50")]].concat();
    let requests: Vec<Request> = (0..20)
        .map(|at| {
            let mut request = worker.send(if at % 2 == 0 { &hasty } else { &GET });
            worker.fail(&mut request);
            request
        })
        .collect();
    worker.host.fail("proxy_continue_stream", Status::InternalFailure);
    // A late tick: half of them have no time left, and cannot be let go.
    worker.set_time(worker::START + 45);
    worker.tick();
    let calls = worker.host.take_called();
    assert_eq!(calls.len(), 10);
    assert!(calls.iter().all(|call| call.context == worker::ROOT), "{calls:?}");
    requests.into_iter().for_each(|request| worker.end(request));
}
