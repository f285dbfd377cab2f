//! POST: held until the body is there, and not a moment longer than it must be.

use crate::worker::{Batching, OK, Request, Worker, calls, pass, post, rpc, with};
use std::slice;
use switchyard_batch::Flow;
use switchyard_frame::Stream as _;
use switchyard_host::Status;

/// A worker with a request under way, and that request.
fn busy(more: &str) -> (Worker, Request) {
    let mut worker = Worker::alone(&calls(more));
    let first = worker.post(&post(), &rpc("get", 1));
    assert_eq!(first.flow, Flow::Continue);
    (worker, first)
}

fn passed(worker: &mut Worker, reason: &str) -> u64 {
    worker.count("batch_passed_total", ("reason", reason))
}

#[test]
fn a_head_is_held_until_its_body_is_whole() {
    let (mut worker, first) = busy("");
    let body = rpc("getB", 7);
    let mut request = worker.begin(&post(), false);
    assert_eq!(request.flow, Flow::Pause);
    // What is there of it grows.
    assert_eq!(worker.upload(&mut request, &body.as_bytes()[..5], false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, &body.as_bytes()[..9], false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, body.as_bytes(), true), Flow::Pause);
    assert!(worker.waits(&request));
    worker.returns(first);
    worker.deliver();
    assert!(worker.went_on(&request), "alone, since nobody else waits");
    worker.returns(request);
}

#[test]
fn a_request_that_finds_nothing_under_way_goes_on_with_its_body() {
    let (mut worker, first) = busy("");
    worker.returns(first);
    let mut request = worker.begin(&post(), false);
    assert_eq!(worker.upload(&mut request, rpc("get", 2).as_bytes(), true), Flow::Continue);
    assert!(worker.done.is_empty());
    worker.returns(request);
}

#[test]
fn an_empty_body_is_no_request() {
    let (mut worker, first) = busy("");
    assert_eq!(worker.send(&post()).flow, Flow::Continue);
    assert_eq!(worker.post(&post(), "").flow, Flow::Continue);
    assert_eq!(passed(&mut worker, "syntax"), 2);
    worker.end(first);
}

#[test]
fn a_body_that_says_that_it_is_too_long_is_not_waited_for() {
    let (mut worker, first) = busy(r#""max_body": "64B""#);
    for length in ["65", " 66 ", "18446744073709551615"] {
        let request = worker.begin(&with(&post(), &[("content-length", length)]), false);
        assert_eq!(request.flow, Flow::Continue, "{length}");
    }
    assert_eq!(passed(&mut worker, "body"), 3);
    for length in ["64", "0", "many", ""] {
        let request = worker.begin(&with(&post(), &[("content-length", length)]), false);
        assert_eq!(request.flow, Flow::Pause, "{length:?}");
    }
    worker.end(first);
}

#[test]
fn a_body_that_turns_out_too_long_goes_on_with_its_request() {
    let (mut worker, first) = busy(r#""max_body": "64B""#);
    let mut request = worker.begin(&post(), false);
    assert_eq!(worker.upload(&mut request, &[b' '; 64], false), Flow::Pause);
    assert_eq!(worker.upload(&mut request, &[b' '; 65], false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b"more", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b"", true), Flow::Continue);
    worker.respond(&mut request, OK, b"{}");
    worker.end(request);
    assert_eq!(passed(&mut worker, "body"), 1);
    pass(slice::from_mut(&mut worker), 2_000);
    assert!(worker.done.is_empty());
    worker.end(first);
}

#[test]
fn a_request_that_ends_with_trailers_goes_on_once_and_by_itself() {
    // Nothing holds trailers up: with them Envoy lets the whole request go on.
    for pieces in [0, 1] {
        let (mut worker, first) = busy("");
        let mut request = worker.begin(&post(), false);
        for _ in 0..pieces {
            assert_eq!(worker.upload(&mut request, rpc("get", 2).as_bytes(), false), Flow::Pause);
        }
        worker.request_trailers(&mut request);
        pass(slice::from_mut(&mut worker), 2_000);
        assert!(worker.done.is_empty(), "it is not let go once more: {:?}", worker.done);
        assert_eq!(passed(&mut worker, "body"), 1);
        worker.returns(request);
        worker.end(first);
    }
}

#[test]
fn a_request_whose_body_never_comes_goes_on_after_a_second() {
    let (mut worker, first) = busy("");
    let mut request = worker.begin(&post(), false);
    pass(slice::from_mut(&mut worker), 999);
    assert!(worker.waits(&request));
    pass(slice::from_mut(&mut worker), 350);
    assert!(worker.went_on(&request));
    assert_eq!(passed(&mut worker, "no_body"), 1);
    assert_eq!(worker.upload(&mut request, b"{", false), Flow::Continue, "its head is gone");
    assert_eq!(worker.upload(&mut request, b"}", true), Flow::Continue);
    worker.returns(request);
    worker.returns(first);
    assert_eq!(worker.count("batch_requests_total", ("result", "alone")), 1, "the first alone was gathered");
    pass(slice::from_mut(&mut worker), 1_000);
    assert_eq!((worker.done.len(), worker.period()), (1, 0));
}

#[test]
fn trailers_of_a_request_that_went_on_without_its_body_change_nothing() {
    let (mut worker, first) = busy("");
    let mut request = worker.begin(&post(), false);
    pass(slice::from_mut(&mut worker), 1_400);
    assert!(worker.went_on(&request));
    worker.request_trailers(&mut request);
    assert_eq!((passed(&mut worker, "no_body"), passed(&mut worker, "body")), (1, 0));
    worker.end(request);
    worker.end(first);
}

#[test]
fn a_body_that_is_not_whole_in_its_time_goes_on_with_its_next_piece() {
    let (mut worker, first) = busy("");
    let mut request = worker.begin(&post(), false);
    assert_eq!(worker.upload(&mut request, b"{", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 1_300);
    assert_eq!(worker.upload(&mut request, b"{ ", false), Flow::Continue);
    assert!(worker.done.is_empty(), "not from outside");
    assert_eq!(worker.upload(&mut request, b"}", true), Flow::Continue);
    assert_eq!(passed(&mut worker, "body_timeout"), 1);
    worker.returns(request);
    worker.returns(first);
}

#[test]
fn a_body_that_stands_still_beyond_its_time_goes_on_by_the_tick() {
    let (mut worker, first) = busy(r#""body_timeout": "400ms""#);
    let mut request = worker.begin(&post(), false);
    assert_eq!(worker.upload(&mut request, b"{", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 400);
    assert!(worker.waits(&request));
    pass(slice::from_mut(&mut worker), 350);
    assert!(worker.went_on(&request));
    // Envoy before 1.39 would lose it otherwise.
    assert_eq!(worker.upload(&mut request, b"}", true), Flow::Pause);
    assert_eq!((worker.done.len(), worker.period()), (1, 1));
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.done.len(), 2, "a tick lets it go");
    assert_eq!(passed(&mut worker, "body_timeout"), 1, "counted once");
    worker.returns(request);
    worker.returns(first);
}

#[test]
fn a_body_that_is_whole_when_its_time_is_over_is_batched() {
    let (mut worker, first) = busy(r#""stall_timeout": "1h""#);
    let mut request = worker.begin(&post(), false);
    assert_eq!(worker.upload(&mut request, b"{", false), Flow::Pause);
    pass(slice::from_mut(&mut worker), 1_300);
    assert_eq!(worker.upload(&mut request, rpc("get", 2).as_bytes(), true), Flow::Pause);
    worker.returns(first);
    worker.deliver();
    assert!(worker.went_on(&request));
    worker.returns(request);
}

#[test]
fn a_request_that_may_wait_for_its_answer_before_its_body_ends_is_not_held() {
    let (mut worker, first) = busy("");
    for (name, value, reason) in [
        ("content-type", "application/grpc", "grpc"),
        ("content-type", "application/connect+json", "stream"),
        ("expect", "100-continue", "expect"),
        ("upgrade", "x", "upgrade"),
    ] {
        let request = worker.begin(&with(&post(), &[(name, value)]), false);
        assert_eq!((request.flow, passed(&mut worker, reason)), (Flow::Continue, 1), "{value}");
        worker.end(request);
    }
    worker.end(first);
}

#[test]
fn a_client_that_leaves_while_its_body_is_awaited_is_forgotten() {
    let (mut worker, first) = busy("");
    let (never, mut begun) = (worker.begin(&post(), false), worker.begin(&post(), false));
    worker.upload(&mut begun, b"{", false);
    worker.end(never);
    worker.end(begun);
    worker.returns(first);
    pass(slice::from_mut(&mut worker), 3_000);
    assert_eq!((worker.done.len(), worker.period()), (0, 0));
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 0, "it was not gathered yet");
}

#[test]
fn a_body_that_cannot_be_read_goes_on() {
    let (mut worker, first) = busy("");
    let mut request = worker.begin(&post(), false);
    worker.host.fail("proxy_get_buffer_bytes", Status::InternalFailure);
    assert_eq!(worker.upload(&mut request, rpc("get", 2).as_bytes(), true), Flow::Continue);
    worker.host.recover("proxy_get_buffer_bytes");
    assert_eq!(passed(&mut worker, "body"), 1);
    worker.end(request);
    worker.end(first);
}

#[test]
fn a_body_of_which_less_is_there_than_was_said_goes_on() {
    let (mut worker, first) = busy("");
    let mut request = worker.begin(&post(), false);
    let body = rpc("get", 2);
    worker.host.receive_body(body.as_bytes());
    let said = body.len() + 1;
    let flow = worker.of_stream(&mut request, |stream, host| stream.on_request_body(host, said, true));
    assert_eq!(flow, Flow::Continue);
    worker.end(request);
    worker.end(first);
}

#[test]
fn where_the_tick_cannot_read_the_clock_no_body_is_waited_for() {
    let (mut worker, first) = busy("");
    let request = worker.begin(&post(), false);
    worker.host.fail("proxy_get_current_time_nanoseconds", Status::InternalFailure);
    pass(slice::from_mut(&mut worker), 60);
    assert!(worker.went_on(&request));
    worker.end(request);
    worker.end(first);
}

#[test]
fn a_clock_that_steps_back_ends_the_waiting() {
    let (mut worker, first) = busy("");
    let request = worker.begin(&post(), false);
    pass(slice::from_mut(&mut worker), 100);
    assert!(worker.waits(&request));
    worker.set_time(worker.now - 60_000);
    worker.tick();
    assert!(worker.went_on(&request));
    worker.end(request);
    worker.end(first);
}
