//! Bodies that come after the head: a request that may be sent again waits for its own, since Envoy shows none once it has an answer.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::fake::Reply;
use switchyard_retry::Flow;
use worker::{GET, Head, OK, PUT, Request, Worker};

/// A request that waits for its body.
fn held(worker: &mut Worker) -> Request {
    let request = worker.begin(&PUT, false);
    assert_eq!(request.flow, Flow::Pause);
    request
}

/// The only thing that was done since the last look is that this request goes on.
fn goes_on(worker: &Worker, request: &mut Request) -> bool {
    request.flow = Flow::Continue;
    worker.host.take_replies() == [Reply::WentOn { context: request.context }]
}

#[test]
fn a_request_goes_on_with_its_whole_body_and_can_be_sent_again() {
    let mut worker = Worker::filter("");
    let mut request = held(&mut worker);
    assert_eq!(worker.upload(&mut request, b"first ", false), Flow::Pause);
    worker.pass(20);
    assert_eq!(worker.upload(&mut request, b"and last", true), Flow::Continue);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    assert_eq!(call.body.as_deref(), Some(&b"first and last"[..]));
    worker.reply(&call, OK, b"");
    assert_eq!(worker.answer_to(&request).status, 200);
    worker.end(request);
    assert_eq!(
        (worker.count("retries_total", "status"), worker.count("retries_denied_total", "body_size")),
        (1, 0)
    );
}

#[test]
fn a_body_that_becomes_too_large_goes_on_at_once_and_is_counted_once() {
    let mut worker = Worker::filter(r#""max_body": "10B""#);
    let mut request = held(&mut worker);
    assert_eq!(worker.upload(&mut request, b"ten bytes!", false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, b"1", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b" and more", true), Flow::Continue);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 1);
}

#[test]
fn a_body_that_does_not_come_holds_its_request_for_a_second() {
    let mut worker = Worker::filter("");
    let mut request = held(&mut worker);
    worker.pass(900);
    assert!(worker.is_quiet());
    worker.pass(200);
    assert!(goes_on(&worker, &mut request));
    // Nothing of it was missed.
    assert_eq!(worker.upload(&mut request, b"here it is", true), Flow::Continue);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    assert_eq!(worker.next_call().body.as_deref(), Some(&b"here it is"[..]));
}

#[test]
fn a_body_that_does_not_end_holds_its_request_for_its_time_and_cannot_be_sent_again() {
    let mut worker = Worker::filter(r#""body_timeout": "200ms""#);
    let mut request = held(&mut worker);
    assert_eq!(worker.upload(&mut request, b"half", false), Flow::Pause);
    worker.pass(150);
    assert!(worker.is_quiet());
    worker.pass(200);
    assert!(goes_on(&worker, &mut request));
    // Let go in mid-body, the piece after that waits for a tick of the chain's.
    assert_eq!(worker.upload(&mut request, b"the rest", true), Flow::Pause);
    worker.pass(50);
    assert!(goes_on(&worker, &mut request));
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 1);
    worker.pass(2_000);
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_piece_that_comes_late_takes_its_request_along_and_nothing_is_missed() {
    let mut worker = Worker::filter(r#""body_timeout": "200ms""#);
    let mut request = held(&mut worker);
    assert_eq!(worker.upload(&mut request, b"half", false), Flow::Pause);
    worker.pass(255);
    assert_eq!(worker.upload(&mut request, b" of it", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b", and the rest", true), Flow::Continue);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    assert_eq!(worker.next_call().body.as_deref(), Some(&b"half of it, and the rest"[..]));
}

#[test]
fn a_body_that_ends_with_trailers_cannot_be_sent_again() {
    let mut worker = Worker::filter("");
    let mut request = held(&mut worker);
    assert_eq!(worker.upload(&mut request, b"all of it", false), Flow::Pause);
    worker.upload_trailers(&mut request);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.pass(2_000);
    assert!(worker.is_quiet(), "Envoy has let it go on, and once more would be once too often");
    assert_eq!(worker.count("retries_denied_total", "body_size"), 1);
}

#[test]
fn only_a_request_that_may_be_sent_again_waits() {
    let flow = |policy: &str, more: Head<'_>| {
        Worker::alone(policy).begin(&[PUT.as_slice(), more].concat(), false).flow
    };
    let filter = r#"{"engine": "filter"}"#;
    assert_eq!(flow(filter, &[("content-length", "65536")]), Flow::Pause);
    assert_eq!(flow(filter, &[("content-length", "65537")]), Flow::Continue, "it is too large");
    for more in [("content-type", "application/grpc"), ("expect", "100-continue"), ("upgrade", "websocket")] {
        assert_eq!(flow(filter, &[more]), Flow::Continue, "{more:?}: its end may wait for the answer");
    }
    assert_eq!(flow(r#"{"engine": "filter", "mode": "shadow"}"#, &[]), Flow::Continue);
    assert_eq!(flow("{}", &[]), Flow::Continue, "Envoy's router waits itself");
}

#[test]
fn a_body_whose_head_says_that_it_is_too_large_is_not_kept_at_all() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin(&[PUT.as_slice(), &[("content-length", "65537")]].concat(), false);
    worker.host.forget_calls();
    worker.upload(&mut request, b"the beginning of it", false);
    assert_eq!(worker.host.all_calls(), 0);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 1);
}

#[test]
fn a_request_is_hedged_by_the_time_since_it_went_on() {
    let mut worker = Worker::filter(r#""hedge": {"initial_delay": "100ms"}"#);
    let mut request = held(&mut worker);
    worker.pass(300);
    assert_eq!(worker.upload(&mut request, b"all of it", true), Flow::Continue);
    worker.pass(90);
    assert!(worker.is_quiet());
    worker.pass(20);
    assert_eq!(worker.call().body.as_deref(), Some(&b"all of it"[..]));
}

#[test]
fn a_client_that_leaves_while_its_request_waits_leaves_nothing_behind() {
    let mut worker = Worker::filter("");
    let request = held(&mut worker);
    worker.end(request);
    worker.pass(3_000);
    assert!(worker.is_quiet());
    assert_eq!(worker.period(), 0);
}

#[test]
fn where_envoy_gives_no_bodies_hardly_any_request_waits() {
    let mut worker = Worker::filter("");
    for _ in 0..8 {
        let mut request = held(&mut worker);
        worker.pass(1_100);
        assert!(goes_on(&worker, &mut request));
    }
    let waits = (0..64).filter(|_| worker.begin(&PUT, false).flow == Flow::Pause).count();
    assert_eq!(waits, 1);
    worker.send(&GET);
}

#[test]
fn waiting_costs_no_host_call() {
    let mut worker = Worker::filter("");
    let price = |worker: &mut Worker| {
        worker.host.forget_calls();
        let mut request = held(worker);
        assert_eq!(worker.upload(&mut request, b"all of it", true), Flow::Continue);
        assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
        worker.end(request);
        worker.host.all_calls()
    };
    worker.succeed();
    assert_eq!(price(&mut worker), 3, "the two heads, and the body");
}
