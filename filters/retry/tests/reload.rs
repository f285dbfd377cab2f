//! Configurations that come and go while requests are under way.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_frame::metrics::series_name;
use switchyard_host::fake::Reply;
use switchyard_retry::{Flow, Root};
use worker::{GET, OK, Request, UNAVAILABLE, Worker, document_with, filter};

/// A root with another configuration in the same VM; the worker goes on with it, the old root is returned.
fn replace(worker: &mut Worker, retry: &str) -> Root {
    worker.host.set_configuration(document_with("", retry).as_bytes());
    let mut new = Root::new(2);
    assert!(new.configure(&worker.host));
    core::mem::replace(&mut worker.root, new)
}

fn held(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    request
}

/// Another root's tick.
fn tick(worker: &Worker, root: &mut Root) {
    worker.host.in_context(worker::ROOT);
    root.tick(&worker.host);
}

#[test]
fn a_request_in_back_off_ends_under_the_configuration_that_it_began_with() {
    let mut worker = Worker::filter(r#""num_retries": 1"#);
    let request = held(&mut worker);
    let mut old = replace(&mut worker, &filter(r#""num_retries": 5"#));
    worker.tick();
    assert!(worker.is_quiet(), "it is not the new root's");
    worker.pass(5);
    tick(&worker, &mut old);
    let call = worker.call();
    worker.host.answer_call(UNAVAILABLE, b"", &[]);
    worker.root.on_call_response(&worker.host, call.number, 1, 0);
    assert!(worker.is_quiet(), "nor is its call");
    old.on_call_response(&worker.host, call.number, 1, 0);
    assert!(worker.was_let_go(&request), "one retry, as it was");
    worker.end(request);
}

#[test]
fn a_request_that_began_before_may_fail_after() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    let mut old = replace(&mut worker, &filter(r#""num_retries": 0"#));
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    tick(&worker, &mut old);
    let call = worker.call();
    worker.host.answer_call(OK, b"fine", &[]);
    old.on_call_response(&worker.host, call.number, 1, 4);
    assert_eq!(worker.answer_to(&request).status, 200);
    worker.end(request);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue, "new ones follow the new policy");
}

#[test]
fn a_configuration_without_retries_leaves_the_waiting_ones_to_the_old_root() {
    let mut worker = Worker::filter("");
    let request = held(&mut worker);
    worker.host.set_configuration(b"");
    let mut new = Root::new(2);
    assert!(new.configure(&worker.host));
    let mut old = core::mem::replace(&mut worker.root, new);
    worker.pass(5);
    tick(&worker, &mut old);
    assert_eq!(worker.host.take_called().len(), 1);
    worker.end(request);
}

#[test]
fn an_old_root_that_is_gone_leaves_its_streams_harmless() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    drop(replace(&mut worker, &filter("")));
    worker.fail(&mut request);
    worker.pass(100);
    assert!(worker.is_quiet());
    worker.end(request);
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut worker = Worker::filter("");
    let request = held(&mut worker);
    for bad in [&b"{\"upstreams\": 1}"[..], document_with("", r#"{"num_retries": 11}"#).as_bytes()] {
        worker.host.set_configuration(bad);
        assert!(!worker.root.configure(&worker.host));
    }
    let labels = [("filter", "retry"), ("result", "rejected")];
    assert_eq!(worker.host.counter(&series_name("configurations_total", &labels)), 2);
    let call = worker.next_call();
    worker.reply(&call, OK, b"fine");
    assert!(matches!(worker.host.take_replies()[..], [Reply::Answered { .. }]));
    worker.end(request);
    held(&mut worker);
}

#[test]
fn the_budget_survives_a_new_configuration() {
    let small = filter(r#""budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}"#);
    let mut worker = Worker::alone(&small);
    held(&mut worker);
    let _old = replace(&mut worker, &small);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
}

#[test]
fn configurations_are_counted_and_the_build_is_told() {
    let mut worker = Worker::filter("");
    replace(&mut worker, "{}");
    let labels = [("filter", "retry"), ("result", "accepted")];
    assert_eq!(worker.host.counter(&series_name("configurations_total", &labels)), 1);
    let version = [("filter", "retry"), ("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(worker.host.counter(&series_name("build_info", &version)), 1);
}
