//! Large shares: given out as clients read them, and the root is woken for the next.

use crate::worker::{Batching, OK, Request, Worker, get, items};
use switchyard_core::memory::{MOST_KEPT, MOST_LONG_UNREAD};
use switchyard_host::fake::Called;

const SHARE: usize = 60 << 20;

/// So many clients ask for one object, whose call is there to be answered.
fn batch(worker: &mut Worker, clients: usize) -> (Vec<Request>, Called) {
    let first = worker.goes("/items?ids=0");
    let waiting = (0..clients).map(|_| worker.send_held(&get("/items/7"))).collect();
    worker.returns(first);
    worker.deliver();
    (waiting, worker.call())
}

fn object() -> Vec<u8> {
    format!(r#"[{{"id":7,"pad":"{}"}}]"#, "x".repeat(SHARE)).into()
}

/// Its share passes by, and its client reads it.
fn reads(worker: &mut Worker, mut request: Request) {
    worker.answer(&mut request, OK, false);
    assert!(!worker.has_messages(), "its head is nothing to go by");
    worker.body(&mut request, b"all of it", true);
    assert!(!worker.has_messages(), "nor is what Envoy has written of it");
    worker.end(request);
}

#[test]
fn the_next_share_waits_until_one_is_read_and_the_root_is_woken_for_it() {
    let mut worker = Worker::alone(&items(""));
    worker.host.set_property("request.protocol", b"HTTP/2");
    let fit = usize::try_from(MOST_LONG_UNREAD).expect("a size") / SHARE;
    let (mut waiting, call) = batch(&mut worker, fit + 2);
    worker.answer_call(&call, OK, &object());
    assert_eq!(worker.done.len(), 1, "one in each callback");
    while worker.deliver() {}
    assert_eq!(worker.done.len(), fit);
    let next = [waiting.pop(), waiting.pop()].map(|request| request.expect("one"));
    assert!(next.iter().all(|request| worker.waits(request)));
    for (done, request) in (fit + 1..=fit + 2).zip(waiting.drain(..2)) {
        reads(&mut worker, request);
        assert!(worker.deliver());
        assert_eq!(worker.done.len(), done);
    }
    waiting.into_iter().chain(next).for_each(|request| reads(&mut worker, request));
    assert_eq!(worker.count("batch_active", ("", "")), 0);
    assert_eq!(worker.count("batch_requests_total", ("result", "answered")), fit as u64 + 2);
}

#[test]
fn of_clients_of_http1_who_comes_after_as_many_as_may_goes_alone() {
    let mut worker = Worker::alone(&items(""));
    worker.host.set_property("request.protocol", b"HTTP/1.1");
    let (waiting, call) = batch(&mut worker, 3);
    worker.answer_call(&call, OK, &object());
    while worker.deliver() {}
    assert_eq!(worker.fate(&waiting[0]).and_then(|fate| fate.status()), Some(200));
    assert!(waiting[1..].iter().all(|request| worker.went_on(request)));
    waiting.into_iter().for_each(|request| worker.end(request));
    assert_eq!(worker.count("batch_withheld_total", ("", "")), 2);
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

#[test]
fn an_answer_for_which_there_is_no_room_is_not_taken_in() {
    let mut worker = Worker::alone(&items(""));
    worker.host.set_property("request.protocol", b"HTTP/2");
    // One answer goes out, the next to one more client, as many as may have theirs unread; and then so many are kept.
    let calls: Vec<_> = (0..1 + MOST_KEPT / SHARE as u64 + 1)
        .map(|_| {
            let (waiting, call) = batch(&mut worker, 2);
            worker.answer_call(&call, OK, &object());
            waiting
        })
        .collect();
    let last = calls.last().expect("one");
    assert!(last.iter().all(|request| worker.went_on(request)), "what may be made twice goes alone");
    assert_eq!(worker.count("batch_failures_total", ("reason", "memory")), 1);
    calls.into_iter().flatten().for_each(|request| worker.end(request));
    assert_eq!(worker.count("batch_bytes_held", ("", "")), 0);
}
