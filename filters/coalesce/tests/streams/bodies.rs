//! POST with its body in the key: held until the body is there, and not a moment longer than it must be.

use crate::worker::{GET, OK, POST, Request, Worker, pass, with, within};
use std::slice;
use switchyard_coalesce::Flow;
use switchyard_host::Status;

const BODY: &str = r#""key": {"body": true, "max_body_bytes": "16B"}"#;

fn worker() -> Worker {
    Worker::alone(&within(BODY))
}

/// A POST whose whole body comes at once.
fn post(worker: &mut Worker, body: &[u8]) -> Request {
    let mut request = worker.begin(POST, false);
    assert_eq!(request.flow, Flow::Pause);
    request.flow = worker.upload(&mut request, body, true);
    request
}

#[test]
fn requests_with_the_same_body_share_an_answer() {
    let mut worker = worker();
    let mut leader = post(&mut worker, b"q=soup");
    let same = post(&mut worker, b"q=soup");
    let mut other = post(&mut worker, b"q=wine");
    assert_eq!([leader.flow, same.flow, other.flow], [Flow::Continue, Flow::Pause, Flow::Continue]);
    worker.respond(&mut other, OK, b"red");
    worker.respond(&mut leader, OK, b"leek");
    worker.deliver();
    assert_eq!(worker.body_for(&same).as_deref(), Some(&b"leek"[..]));
    assert_eq!(worker.done.len(), 1);
}

#[test]
fn a_body_in_pieces_is_one_body() {
    let mut worker = worker();
    let _leader = post(&mut worker, b"q=soup");
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Pause);
    // What is there of it grows.
    assert_eq!(worker.upload(&mut request, b"q=so", false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, b"q=soup", true), Flow::Pause);
    assert!(worker.waits(&request));
    worker.end(request);
}

#[test]
fn a_body_that_is_too_long_goes_on_with_its_request() {
    let mut worker = worker();
    let _leader = post(&mut worker, b"0123456789abcdef");
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.upload(&mut request, b"0123456789", false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, b"0123456789abcdefg", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b"more", true), Flow::Continue);
    worker.respond(&mut request, OK, b"soup");
    worker.end(request);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "body")), 1);
}

#[test]
fn a_request_whose_body_never_comes_goes_on_after_a_second() {
    let mut worker = worker();
    let request = worker.begin(POST, false);
    assert_eq!((request.flow, worker.period()), (Flow::Pause, 250));
    pass(slice::from_mut(&mut worker), 990);
    assert!(worker.waits(&request));
    pass(slice::from_mut(&mut worker), 500);
    assert!(worker.went_on(&request));
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "no_body")), 1);
    worker.end(request);
    pass(slice::from_mut(&mut worker), 2_000);
    assert_eq!((worker.done.len(), worker.period()), (1, 0));
}

#[test]
fn a_request_that_went_on_without_its_body_is_not_held_when_it_comes() {
    let mut worker = worker();
    let _leader = post(&mut worker, b"q=soup");
    let mut request = worker.begin(POST, false);
    pass(slice::from_mut(&mut worker), 1_500);
    assert!(worker.went_on(&request));
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b"q=soup", true), Flow::Continue);
    worker.respond(&mut request, OK, b"leek");
    worker.end(request);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "no_body")), 1, "counted once");
}

#[test]
fn a_body_that_is_not_whole_in_its_time_goes_on_with_its_next_piece() {
    let mut worker = worker();
    let _leader = post(&mut worker, b"q=soup");
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 1_250);
    assert_eq!(worker.upload(&mut request, b"q=s", false), Flow::Continue);
    assert!(worker.done.is_empty(), "not from outside");
    assert_eq!(worker.upload(&mut request, b"oup", true), Flow::Continue);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "body_timeout")), 1);
    pass(slice::from_mut(&mut worker), 2_000);
    assert!(worker.done.is_empty());
}

#[test]
fn a_body_that_stands_still_beyond_its_time_goes_on_by_the_tick() {
    let mut worker = worker();
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 1_000);
    assert!(worker.waits(&request));
    pass(slice::from_mut(&mut worker), 750);
    assert!(worker.went_on(&request));
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "body_timeout")), 1);
    // Envoy before 1.39 would lose it otherwise.
    assert_eq!(worker.upload(&mut request, b"so", false), Flow::Pause);
    assert_eq!((worker.done.len(), worker.period()), (1, 1));
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.done.len(), 2, "a tick lets it go");
    assert_eq!(worker.upload(&mut request, b"u", false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, b"up", true), Flow::Continue, "both go on with the second");
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.done.len(), 2);
    worker.respond(&mut request, OK, b"leek");
    worker.end(request);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "body_timeout")), 1, "counted once");
}

#[test]
fn a_body_that_is_whole_when_its_time_is_over_is_part_of_the_key() {
    let mut worker = worker();
    let _leader = post(&mut worker, b"q=soup");
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 1_250);
    assert_eq!(worker.upload(&mut request, b"q=soup", true), Flow::Pause);
    assert!(worker.waits(&request));
}

#[test]
fn how_long_a_body_may_take_is_the_operators() {
    let mut worker = Worker::alone(&within(&format!(r#"{BODY}, "body_timeout": "40ms""#)));
    let mut request = worker.begin(POST, false);
    assert_eq!(worker.period(), 10);
    assert_eq!(worker.upload(&mut request, b"q=", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 70);
    assert!(worker.went_on(&request));
}

#[test]
fn a_request_that_may_wait_for_its_answer_before_its_body_ends_is_not_held() {
    let mut worker = worker();
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("content-type", "application/grpc-web+proto"),
        ("content-type", "application/connect+json"),
        ("expect", "100-continue"),
    ] {
        assert_eq!(worker.begin(&with(POST, &[(name, value)]), false).flow, Flow::Continue, "{value}");
    }
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "stream")), 4);
    assert_eq!(worker.begin(&with(POST, &[("upgrade", "x")]), false).flow, Flow::Continue);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "upgrade")), 1);
}

#[test]
fn where_no_body_ever_comes_nearly_no_request_is_held_any_more() {
    let mut worker = worker();
    for _ in 0..8 {
        let request = worker.begin(POST, false);
        pass(slice::from_mut(&mut worker), 1_500);
        assert!(worker.went_on(&request));
        worker.end(request);
    }
    let held = (0..128).filter(|_| worker.begin(POST, false).flow == Flow::Pause).count();
    assert_eq!(held, 2, "to see whether that is so still");
}

#[test]
fn a_client_that_leaves_while_its_body_is_awaited_is_forgotten() {
    let mut worker = worker();
    let request = worker.begin(POST, false);
    worker.end(request);
    pass(slice::from_mut(&mut worker), 3_000);
    assert!(worker.done.is_empty());
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_post_without_a_body_a_get_with_one_and_a_body_that_cannot_be_read_go_by_themselves() {
    let mut worker = worker();
    assert_eq!(worker.send(POST).flow, Flow::Continue);
    assert_eq!(worker.begin(GET, false).flow, Flow::Continue);
    worker.host.fail("proxy_get_buffer_bytes", Status::InternalFailure);
    assert_eq!(post(&mut worker, b"q=soup").flow, Flow::Continue);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "body")), 3);
}

#[test]
fn where_the_tick_cannot_read_the_clock_no_body_is_waited_for() {
    let mut worker = worker();
    worker.host.fail("proxy_get_current_time_nanoseconds", Status::InternalFailure);
    let request = worker.begin(POST, false);
    pass(slice::from_mut(&mut worker), 250);
    assert!(worker.went_on(&request));
}

#[test]
fn a_clock_that_steps_back_ends_the_waiting_at_once() {
    let mut worker = worker();
    let request = worker.begin(POST, false);
    worker.tick();
    worker.set_time(worker.now - 60_000);
    worker.tick();
    assert!(worker.went_on(&request));
}

#[test]
fn a_request_that_ends_with_trailers_goes_on_once_and_by_itself() {
    // Nothing holds trailers up: with them Envoy lets the whole request go on.
    for pieces in [0, 1] {
        let mut worker = worker();
        let mut request = worker.begin(POST, false);
        for _ in 0..pieces {
            assert_eq!(worker.upload(&mut request, b"q=soup", false), Flow::Pause);
        }
        worker.request_trailers(&mut request);
        pass(slice::from_mut(&mut worker), 2_000);
        assert!(worker.done.is_empty(), "it is not let go once more: {:?}", worker.done);
        assert_eq!(worker.count("coalesce_passed_total", ("reason", "body")), 1);
        worker.respond(&mut request, OK, b"leek");
        worker.end(request);
    }
}

#[test]
fn without_the_option_a_post_is_not_held() {
    let mut worker = Worker::alone(&within(""));
    let request = worker.begin(POST, false);
    assert_eq!(request.flow, Flow::Continue);
}

#[test]
fn a_post_that_must_not_be_coalesced_is_counted_for_what_it_is() {
    let mut worker = worker();
    let request = worker.begin(&with(POST, &[("authorization", "me")]), false);
    assert_eq!(request.flow, Flow::Continue, "its head says so");
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "credentials")), 1);
}
