//! What is kept of bodies: bounded per VM, and given back when requests end, however they end.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_retry::{Flow, MOST_KEPT, Root};
use worker::{OK, PUT, Request, Worker, document_with, filter};

const MIB: usize = 1 << 20;
const LARGE: &str = r#""max_body": "1MiB", "budget": {"min_per_second": 1000}"#;

/// A request with a body of 1 MiB.
fn upload(worker: &mut Worker) -> Request {
    let mut request = worker.begin(&PUT, false);
    worker.upload(&mut request, &vec![7; MIB / 2], false);
    worker.upload(&mut request, &vec![7; MIB / 2], true);
    request
}

/// As many requests as may be kept.
fn full(worker: &mut Worker) -> Vec<Request> {
    (0..MOST_KEPT).step_by(MIB).map(|_| upload(worker)).collect()
}

/// Whether the body of one more request is kept.
fn has_room(worker: &mut Worker) -> bool {
    let mut request = upload(worker);
    let flow = worker.fail(&mut request);
    worker.end(request);
    flow == Flow::Pause
}

/// Whether there is room for all that may be kept, and no more.
fn is_empty(worker: &mut Worker) -> bool {
    let mut most = full(worker);
    let fits = most.iter_mut().all(|request| worker.fail(request) == Flow::Pause);
    let over = has_room(worker);
    most.into_iter().for_each(|request| worker.end(request));
    fits && !over
}

#[test]
fn bodies_over_the_bound_stream_on_and_are_counted_once() {
    let mut worker = Worker::filter(LARGE);
    let mut kept = full(&mut worker);
    let mut request = upload(&mut worker);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "memory"), 1);
    assert_eq!(worker.count("retries_denied_total", "body_size"), 0);
    assert!(kept.iter_mut().all(|request| worker.fail(request) == Flow::Pause), "the others are kept");
}

#[test]
fn small_requests_find_room_when_large_ones_do_not() {
    let mut worker = Worker::filter(LARGE);
    let _kept = full(&mut worker);
    let mut request = worker.send(&worker::GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause, "it keeps nothing");
}

#[test]
fn what_was_kept_is_given_back_when_requests_end() {
    let mut worker = Worker::filter(LARGE);
    let kept = full(&mut worker);
    assert!(!has_room(&mut worker));
    kept.into_iter().for_each(|request| worker.end(request));
    assert!(is_empty(&mut worker));
    assert!(is_empty(&mut worker));
}

#[test]
fn what_was_kept_is_given_back_when_a_body_becomes_too_large() {
    let mut worker = Worker::filter(LARGE);
    let mut kept = full(&mut worker);
    worker.upload(&mut kept[0], b"more", true);
    assert!(has_room(&mut worker));
    assert_eq!(worker.fail(&mut kept[0]), Flow::Continue);
    kept.into_iter().for_each(|request| worker.end(request));
    assert!(is_empty(&mut worker));
}

#[test]
fn what_was_kept_of_a_body_that_found_no_room_is_given_back() {
    let mut worker = Worker::filter(LARGE);
    let mut kept = full(&mut worker);
    worker.end(kept.pop().expect("one"));
    let mut half = worker.begin(&PUT, false);
    worker.upload(&mut half, &vec![7; MIB / 2], false);
    let mut other = worker.begin(&PUT, false);
    worker.upload(&mut other, &vec![7; MIB / 2], false);
    worker.upload(&mut other, b"1", false);
    worker.upload(&mut half, &vec![7; MIB / 2], true);
    assert_eq!(worker.fail(&mut half), Flow::Pause, "the other one's half is free again");
    assert_eq!(worker.fail(&mut other), Flow::Continue);
}

#[test]
fn what_was_kept_is_given_back_when_an_attempt_is_answered_after_the_client_has_left() {
    let mut worker = Worker::filter(LARGE);
    let mut requests = full(&mut worker);
    requests.iter_mut().for_each(|request| assert_eq!(worker.fail(request), Flow::Pause));
    worker.pass(5);
    let calls = worker.host.take_called();
    assert_eq!(calls.len(), requests.len());
    requests.into_iter().for_each(|request| worker.end(request));
    calls.iter().for_each(|call| worker.reply(call, OK, b"late"));
    assert!(is_empty(&mut worker));
}

#[test]
fn a_client_that_has_left_needs_no_memory_while_its_attempt_is_under_way() {
    let mut worker = Worker::filter(LARGE);
    let mut requests = full(&mut worker);
    requests.iter_mut().for_each(|request| assert_eq!(worker.fail(request), Flow::Pause));
    worker.pass(5);
    requests.into_iter().for_each(|request| worker.end(request));
    assert!(is_empty(&mut worker));
}

#[test]
fn what_was_kept_is_given_back_when_a_root_ends_with_attempts_under_way() {
    let mut worker = Worker::filter(LARGE);
    let mut requests = full(&mut worker);
    requests.iter_mut().for_each(|request| assert_eq!(worker.fail(request), Flow::Pause));
    worker.pass(5);
    // Envoy tells nobody about the calls of a root that is no more.
    worker.root.on_done(&worker.host);
    worker.root = Root::new(2);
    requests.into_iter().for_each(|request| worker.end(request));
    worker.host.set_configuration(document_with("", &filter(LARGE)).as_bytes());
    assert!(worker.root.configure(&worker.host));
    assert!(is_empty(&mut worker));
}

#[test]
fn old_and_new_configuration_have_one_bound() {
    let mut old = Worker::filter(LARGE);
    let kept = full(&mut old);
    let mut new = Worker::filter(LARGE);
    assert!(!has_room(&mut new));
    kept.into_iter().for_each(|request| old.end(request));
    assert!(is_empty(&mut new));
}

#[test]
fn what_the_host_did_not_give_takes_no_room() {
    let mut worker = Worker::filter(LARGE);
    worker.host.fail("proxy_get_buffer_bytes", switchyard_host::Status::BadArgument);
    full(&mut worker).into_iter().for_each(|request| worker.end(request));
    worker.host.recover("proxy_get_buffer_bytes");
    assert!(is_empty(&mut worker));
}

#[test]
fn streams_that_nobody_ended_leave_nothing_behind_with_their_root() {
    let mut worker = Worker::filter(LARGE);
    let mut requests = full(&mut worker);
    requests.iter_mut().for_each(|request| assert_eq!(worker.fail(request), Flow::Pause));
    worker.pass(5);
    drop(requests);
    worker.root.on_done(&worker.host);
    drop(worker);
    assert!(is_empty(&mut Worker::filter(LARGE)));
}
