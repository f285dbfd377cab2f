//! Bodies that do not come: where Envoy gives the filter none, and where clients send none.

use crate::worker::{Request, Worker, calls, pass, post, rpc};
use std::slice;
use switchyard_batch::Flow;

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

/// Lets requests for whose bodies the filter waits in vain go on, so many times.
fn in_vain(worker: &mut Worker, times: usize) {
    for _ in 0..times {
        let request = worker.begin(&post(), false);
        assert_eq!(request.flow, Flow::Pause);
        pass(slice::from_mut(worker), 1_300);
        assert!(worker.went_on(&request));
        worker.end(request);
    }
}

#[test]
fn where_no_body_ever_comes_nearly_no_request_is_held_any_more() {
    let mut worker = Worker::alone(&calls(""));
    in_vain(&mut worker, 8);
    let held = (0..128).filter(|_| worker.begin(&post(), false).flow == Flow::Pause).count();
    assert_eq!(held, 2, "to see whether that is so still");
    assert_eq!(passed(&mut worker, "no_body"), 8 + 126);
}

#[test]
fn clients_that_send_no_body_change_nothing_where_others_have_sent_theirs() {
    let (mut worker, first) = busy("");
    in_vain(&mut worker, 20);
    let held = (0..128).filter(|_| worker.begin(&post(), false).flow == Flow::Pause).count();
    assert_eq!(held, 128);
    worker.end(first);
}

#[test]
fn when_one_comes_again_all_are_held_for_theirs() {
    let mut worker = Worker::alone(&calls(""));
    in_vain(&mut worker, 8);
    let mut probe = (0..64).map(|_| worker.begin(&post(), false)).last().expect("64");
    assert_eq!(worker.upload(&mut probe, b"{", false), Flow::Pause);
    let next = worker.begin(&post(), false);
    assert_eq!(next.flow, Flow::Pause);
    [probe, next].into_iter().for_each(|request| worker.end(request));
}

#[test]
fn a_few_slow_clients_change_nothing() {
    let (mut worker, first) = busy("");
    in_vain(&mut worker, 7);
    let quick = worker.post(&post(), &rpc("get", 2));
    in_vain(&mut worker, 7);
    let next = worker.begin(&post(), false);
    assert_eq!(next.flow, Flow::Pause);
    [quick, next, first].into_iter().for_each(|request| worker.end(request));
}

#[test]
fn clients_that_leave_before_their_body_are_not_slow() {
    let (mut worker, first) = busy("");
    for _ in 0..20 {
        let request = worker.begin(&post(), false);
        assert_eq!(request.flow, Flow::Pause);
        worker.end(request);
    }
    worker.end(first);
}
