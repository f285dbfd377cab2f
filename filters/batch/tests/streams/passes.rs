//! Requests that are nothing to the filter, as far as their head says.

use crate::worker::{Batching, Head, Worker, calls, get, head, items, post, with};
use switchyard_batch::Flow;

/// A head passes, is counted for this reason, and costs what reading it costs, once the counter has its name.
fn passes(worker: &mut Worker, head: Head<'_>, ended: bool, reason: &str) {
    let before = worker.count("batch_passed_total", ("reason", reason));
    let named = worker.begin(head, ended);
    worker.host.forget_calls();
    let request = worker.begin(head, ended);
    assert_eq!((request.flow, worker.host.all_calls()), (Flow::Continue, 1), "{reason}");
    worker.end(named);
    worker.end(request);
    assert_eq!(worker.count("batch_passed_total", ("reason", reason)), before + 2, "{reason}");
}

#[test]
fn an_empty_configuration_leaves_requests_alone() {
    let mut worker = Worker::unconfigured(&Default::default());
    worker.host.set_configuration(b"");
    assert!(worker.root.configure(&worker.host));
    worker.host.forget_calls();
    for _ in 0..2 {
        let request = worker.goes("/items?ids=1");
        worker.returns(request);
    }
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn a_route_that_does_not_batch_is_left_alone() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    let others = ["/plain/items?ids=1", "/plain/items?ids=1"].map(|path| worker.goes(path));
    assert_eq!(worker.count("batch_passed_total", ("reason", "path")), 0);
    worker.returns(first);
    others.into_iter().for_each(|request| worker.end(request));
}

#[test]
fn a_get_that_must_go_by_itself_is_counted_for_its_reason() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    let reasons: [(Head<'_>, &str); 8] = [
        (&[("content-length", "2")], "body"),
        (&[("upgrade", "websocket")], "upgrade"),
        (&[("if-none-match", "\"7\"")], "conditional"),
        (&[("range", "bytes=0-1")], "range"),
        (&[("expect", "100-continue")], "expect"),
        (&[("content-digest", "sha-256=:x:")], "signed"),
        (&[("idempotency-key", "7")], "idempotency"),
        (&[("content-encoding", "gzip")], "content_encoding"),
    ];
    for (more, reason) in reasons {
        passes(&mut worker, &with(&get("/items?ids=2"), more), true, reason);
    }
    passes(&mut worker, &head("POST", "/items?ids=2"), true, "method");
    worker.end(first);
}

#[test]
fn a_post_that_must_go_by_itself_is_not_held_for_its_body() {
    let mut worker = Worker::alone(&calls(""));
    let first = worker.post(&post(), &crate::worker::rpc("get", 1));
    passes(&mut worker, &with(&post(), &[("content-type", "application/grpc")]), false, "grpc");
    passes(&mut worker, &with(&post(), &[("content-encoding", "gzip")]), false, "content_encoding");
    passes(&mut worker, &get("/rpc"), true, "method");
    worker.end(first);
}

#[test]
fn a_key_that_would_be_too_long_is_none() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    let long = "a".repeat(9_000);
    passes(&mut worker, &with(&get("/items?ids=2"), &[("authorization", &long)]), true, "key_too_long");
    worker.end(first);
}

#[test]
fn a_path_that_is_none_of_the_protocols_passes() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    passes(&mut worker, &get("/orders/1"), true, "path");
    passes(&mut worker, &get("/items?ids=1;2"), true, "path");
    passes(&mut worker, &get("/items?colour=red"), true, "empty");
    worker.end(first);
}

#[test]
fn what_passes_is_told_soon_though_nothing_else_happens() {
    let mut worker = Worker::alone(&items(""));
    let request = worker.send(&with(&get("/items?ids=2"), &[("range", "bytes=0-1")]));
    assert_eq!(worker.period(), 50);
    crate::worker::pass(core::slice::from_mut(&mut worker), 50);
    let passed = "switchyard.route=.=api;.;reason=.=range;.;batch_passed_total";
    assert_eq!(worker.host.counter(passed), 1);
    worker.end(request);
}
