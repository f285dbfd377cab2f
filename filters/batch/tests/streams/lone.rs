//! Requests that find nothing of their key under way: they go on as their clients wrote them, and their end is seen.

use crate::worker::{Batching, FAILED, Head, OK, Request, Worker, calls, get, items, pass, post, rpc, with};
use std::slice;
use switchyard_batch::Flow;
use switchyard_host::Status;

const SOON: Head<'static> = &[(":status", "200")];

/// Lets a lone request end in this way; whether the next one then finds nothing under way.
fn frees(end: impl FnOnce(&mut Worker, Request)) -> bool {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    let second = worker.joins("/items?ids=2");
    end(&mut worker, first);
    worker.deliver();
    worker.went_on(&second)
}

#[test]
fn the_end_of_its_answer_frees_its_key() {
    assert!(frees(|worker, mut first| worker.respond(&mut first, SOON, b"")), "an answer without a body");
    assert!(frees(|worker, mut first| {
        worker.answer(&mut first, OK, false);
        worker.body(&mut first, b"[", false);
        worker.body(&mut first, b"]", true);
    }));
    assert!(frees(|worker, mut first| {
        worker.answer(&mut first, OK, false);
        worker.body(&mut first, b"[]", false);
        worker.trailers(&mut first);
    }));
    assert!(frees(|worker, mut first| worker.respond(&mut first, FAILED, b"")), "whatever its status");
    assert!(frees(|worker, first| worker.end(first)), "its client has left");
    assert!(frees(|worker, mut first| {
        worker.answer(&mut first, OK, false);
        worker.end(first);
    }));
}

#[test]
fn an_answer_that_is_not_whole_frees_nothing() {
    assert!(!frees(|worker, mut first| {
        worker.answer(&mut first, OK, false);
        worker.body(&mut first, b"[", false);
    }));
}

#[test]
fn it_goes_on_untouched_and_so_does_its_answer() {
    let mut worker = Worker::alone(&items(""));
    let mut request = worker.goes("/items?ids=1");
    worker.answer(&mut request, OK, false);
    worker.body(&mut request, b"[]", true);
    worker.end(request);
    let host = &worker.host;
    let writes = ["proxy_replace_header_map_value", "proxy_set_header_map_pairs", "proxy_set_buffer_bytes"];
    assert!(writes.iter().all(|call| host.calls(call) == 0));
    assert_eq!(host.request_header(":path"), ["/items?ids=1"]);
    assert_eq!((worker.done.len(), worker.called.len()), (0, 0));
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    let mut worker = Worker::alone(&items(""));
    let colours = ["/items?ids=1&colour=red", "/items?ids=1&colour=blue"].map(|path| worker.goes(path));
    let mine = worker.send(&with(&get("/items?ids=1"), &[("authorization", "me")]));
    let yours = worker.send(&with(&get("/items?ids=1"), &[("authorization", "you")]));
    assert_eq!([mine.flow, yours.flow], [Flow::Continue; 2]);
    colours.into_iter().chain([mine, yours]).for_each(|request| worker.end(request));
    assert_eq!(worker.count("batch_requests_total", ("result", "alone")), 4);
}

#[test]
fn an_answer_is_ended_once_however_often_its_end_is_told() {
    let mut worker = Worker::alone(&items(""));
    let mut first = worker.goes("/items?ids=1");
    worker.respond(&mut first, OK, b"[]");
    let second = worker.goes("/items?ids=2");
    worker.trailers(&mut first);
    worker.end(first);
    let third = worker.joins("/items?ids=3");
    worker.end(second);
    worker.end(third);
}

#[test]
fn quick_failures_say_nothing_about_how_long_answers_take() {
    const CALL: &str = "switchyard.route=.=api;.;batch_call_microseconds";
    let mut worker = Worker::alone(&items(""));
    let mut learns = |status: &str| {
        for size in (1..5).cycle().take(40) {
            let ids: Vec<_> = (0..size).map(|id| id.to_string()).collect();
            let mut request = worker.goes(&format!("/items?ids={}", ids.join(",")));
            pass(slice::from_mut(&mut worker), 10 + size);
            worker.answer(&mut request, &[(":status", status)], true);
            worker.end(request);
        }
        worker.tick();
        worker.host.counter(CALL)
    };
    assert_eq!(learns("503"), 0);
    assert!(learns("404") > 0);
}

#[test]
fn how_long_an_answer_takes_is_learned_when_it_begins_and_not_from_who_reads_it() {
    const CALL: &str = "switchyard.route=.=api;.;batch_call_microseconds";
    let mut worker = Worker::alone(&items(""));
    for size in (1..5).cycle().take(40) {
        let ids: Vec<_> = (0..size).map(|id| id.to_string()).collect();
        let mut request = worker.goes(&format!("/items?ids={}", ids.join(",")));
        pass(slice::from_mut(&mut worker), 10 + size);
        worker.answer(&mut request, OK, false);
        pass(slice::from_mut(&mut worker), 5_000);
        worker.body(&mut request, b"[]", true);
        worker.end(request);
    }
    worker.tick();
    assert!((1..=11_000).contains(&worker.host.counter(CALL)), "{}", worker.host.counter(CALL));
}

#[test]
fn who_reads_its_answer_slowly_holds_others_up_for_max_delay_alone() {
    let mut worker = Worker::alone(&calls(r#""max_in_flight": 1, "max_delay": "30ms", "max_requests": 3"#));
    let mut slow = worker.post(&post(), &rpc("get", 1));
    let [one, other] = [2, 3].map(|id| worker.post(&post(), &rpc("get", id)));
    worker.answer(&mut slow, OK, false);
    worker.body(&mut slow, b"a little", false);
    let next = worker.post(&post(), &rpc("get", 4));
    assert_eq!(next.flow, Flow::Pause, "it takes no place any more");
    pass(slice::from_mut(&mut worker), 40);
    let call = worker.call();
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&other).is_some());
    assert_eq!(worker.count("batch_stalled_total", ("", "")), 1);
    worker.end(slow);
    worker.end(next);
}

#[test]
fn an_answer_whose_head_cannot_be_read_frees_its_key_all_the_same() {
    assert!(frees(|worker, mut first| {
        worker.host.fail("proxy_get_header_map_pairs", Status::InternalFailure);
        worker.respond(&mut first, OK, b"[]");
    }));
}

#[test]
fn a_request_that_waits_and_is_answered_by_somebody_else_is_in_no_batch() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=1");
    let mut timed_out = worker.joins("/items?ids=2");
    let other = worker.joins("/items?ids=3");
    // Envoy's own timeout, say.
    worker.answer(&mut timed_out, &[(":status", "504")], true);
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 1);
    worker.returns(first);
    worker.deliver();
    assert!(worker.waits(&timed_out) && worker.went_on(&other));
    worker.end(timed_out);
    worker.returns(other);
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 1);
}

#[test]
fn of_many_that_go_alone_in_turn_none_is_kept() {
    let mut worker = Worker::alone(&calls(""));
    for id in 0..100 {
        let request = worker.post(&post(), &rpc("get", id));
        assert_eq!(request.flow, Flow::Continue);
        worker.returns(request);
    }
    assert_eq!(worker.count("batch_active", ("", "")), 0);
    assert_eq!(worker.count("batch_bytes_held", ("", "")), 0);
    assert_eq!(worker.count("batch_requests_total", ("result", "alone")), 100);
}
