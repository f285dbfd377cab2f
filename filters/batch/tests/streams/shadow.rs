//! In shadow the filter counts what would have waited, and changes nothing.

use crate::worker::{Batching, Worker, calls, get, items, pass, post, rpc};
use std::slice;
use switchyard_batch::Flow;

const SHADOW: &str = r#""mode": "shadow", "tell": true"#;
const STRICT: &str = r#""mode": "shadow", "strict": true"#;

#[test]
fn nobody_is_held_and_what_would_have_waited_is_counted() {
    let mut worker = Worker::alone(&items(SHADOW));
    let first = worker.goes("/items?ids=1");
    let others = [2, 3].map(|id| worker.goes(&format!("/items?ids={id}")));
    assert_eq!(worker.count("batch_passed_total", ("reason", "shadow")), 2);
    assert_eq!(worker.count("batch_requests_total", ("result", "alone")), 1);
    worker.returns(first);
    let again = worker.goes("/items?ids=1");
    others.into_iter().chain([again]).for_each(|request| worker.returns(request));
    assert_eq!(worker.count("batch_requests_total", ("result", "alone")), 2);
    assert_eq!((worker.done.len(), worker.called.len()), (0, 0));
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

#[test]
fn answers_are_as_they_were() {
    let mut worker = Worker::alone(&items(SHADOW));
    let mut request = worker.goes("/items?ids=1");
    worker.answer(&mut request, crate::worker::OK, true);
    assert_eq!(worker.host.response_header("x-switchyard-batch"), [""; 0]);
    worker.end(request);
}

#[test]
fn a_body_is_read_as_it_passes() {
    let mut worker = Worker::alone(&calls(SHADOW));
    let first = worker.post(&post(), &rpc("get", 1));
    let body = rpc("get", 2);
    let mut second = worker.begin(&post(), false);
    assert_eq!(second.flow, Flow::Continue);
    // What has passed is not there any more.
    for (piece, ended) in [(&body.as_bytes()[..9], false), (&body.as_bytes()[9..], true)] {
        assert_eq!(worker.upload(&mut second, piece, ended), Flow::Continue);
    }
    assert_eq!(worker.count("batch_passed_total", ("reason", "shadow")), 1);
    worker.end(second);
    worker.end(first);
}

#[test]
fn a_body_that_is_too_long_is_not_kept() {
    let mut worker = Worker::alone(&calls(r#""mode": "shadow", "max_body": "16B""#));
    let mut request = worker.begin(&post(), false);
    worker.upload(&mut request, &[b' '; 16], false);
    worker.host.forget_calls();
    assert_eq!(worker.upload(&mut request, b" ", false), Flow::Continue);
    assert_eq!(worker.upload(&mut request, b" ", true), Flow::Continue);
    assert_eq!(worker.host.calls("proxy_get_buffer_bytes"), 0);
    assert_eq!(worker.count("batch_passed_total", ("reason", "body")), 1);
    worker.end(request);
}

#[test]
fn what_is_no_request_of_the_protocol_is_not_refused() {
    let mut worker = Worker::alone(&calls(STRICT));
    let request = worker.post(&post(), "{");
    assert_eq!((request.flow, worker.done.len()), (Flow::Continue, 0));
    assert_eq!(worker.count("batch_passed_total", ("reason", "syntax")), 1);
    worker.end(request);
}

#[test]
fn a_request_that_ends_with_trailers_is_counted_once() {
    let mut worker = Worker::alone(&calls(SHADOW));
    let mut request = worker.begin(&post(), false);
    worker.upload(&mut request, b"{", false);
    worker.request_trailers(&mut request);
    worker.end(request);
    assert_eq!(worker.count("batch_passed_total", ("reason", "body")), 1);
}

#[test]
fn no_worker_is_asked_for_anything() {
    let [mut one, mut two] = Worker::several(&items(&format!(r#"{SHADOW}, "scope": "proxy""#)));
    let requests = [one.send(&get("/items?ids=1")), two.send(&get("/items?ids=2"))];
    assert!(requests.iter().all(|request| request.flow == Flow::Continue));
    assert!(!one.has_messages() && !two.has_messages());
    pass(slice::from_mut(&mut one), 1_000);
    assert_eq!(one.host.store().keys("switchyard.batch.gatherer"), [""; 0], "no slots");
}

#[test]
fn what_is_copied_as_it_passes_takes_no_more_than_a_vm_keeps() {
    const MIB: usize = 1 << 20;
    let mut worker = Worker::alone(&calls(r#""mode": "shadow", "max_body": "1MiB", "max_bytes": "1MiB""#));
    let most = usize::try_from(switchyard_core::memory::MOST_KEPT).expect("a size") / MIB;
    let piece = vec![b' '; MIB - 1];
    let uploads: Vec<_> = (0..most + 1)
        .map(|_| {
            let mut request = worker.begin(&post(), false);
            worker.upload(&mut request, &piece, false);
            request
        })
        .collect();
    for mut request in uploads.into_iter().rev() {
        assert_eq!(worker.upload(&mut request, b"1", true), Flow::Continue);
        worker.end(request);
    }
    let passed = |worker: &mut Worker, reason| worker.count("batch_passed_total", ("reason", reason));
    assert_eq!(
        (passed(&mut worker, "max_bytes_held"), passed(&mut worker, "body")),
        (2, 0),
        "with their heads"
    );
}
