//! Requests that come while one like them is under way: one call, and each client gets its own of the answer.

use crate::worker::{
    Batching, Head, OK, Request, Worker, calls, get, header, items, object, pass, path, post, result, rpc,
    text, with,
};
use serde_json::json;
use std::slice;
use switchyard_batch::Flow;

/// Requests for these ids that wait behind one that is under way, which then returns.
fn waiting<const N: usize>(worker: &mut Worker, paths: [&str; N]) -> [Request; N] {
    let first = worker.goes("/items?ids=0");
    let requests = paths.map(|path| worker.joins(path));
    worker.returns(first);
    requests
}

#[test]
fn those_that_wait_leave_in_one_call_when_what_is_under_way_returns() {
    let mut worker = Worker::alone(&items(""));
    let [one, two, three] = waiting(&mut worker, ["/items?ids=1", "/items?ids=2,3", "/items/4"]);
    assert!(worker.called.is_empty(), "calls are made from the root's callbacks");
    worker.deliver();
    let call = worker.call();
    assert_eq!(call.request.cluster, "nodes");
    assert_eq!((path(&call), call.body.as_deref()), ("/items?ids=1,2,3,4", None));
    assert_eq!(header(&call, "accept-encoding"), Some("identity"));
    assert_eq!(header(&call, "content-length"), None, "the host writes it");
    worker.serve(&call);
    assert_eq!(worker.answer_to(&one), Some((200, json!([object("1")]))));
    assert_eq!(worker.answer_to(&two), Some((200, json!([object("2"), object("3")]))));
    assert_eq!(worker.answer_to(&three), Some((200, object("4"))));
}

#[test]
fn bodies_are_joined_and_results_find_their_calls() {
    let mut worker = Worker::alone(&calls(""));
    let first = worker.post(&post(), &rpc("get", 1));
    let [one, two] = [("getA", 7), ("setB", 7)].map(|(method, id)| worker.post(&post(), &rpc(method, id)));
    assert_eq!([one.flow, two.flow], [Flow::Pause; 2]);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let batch: serde_json::Value = serde_json::from_str(text(&call)).expect("a batch");
    assert_eq!(
        batch,
        json!([
            {"jsonrpc": "2.0", "id": 1, "method": "getA"},
            {"jsonrpc": "2.0", "id": 2, "method": "setB"}
        ])
    );
    assert_eq!(header(&call, "content-type"), Some("application/json"));
    worker.serve(&call);
    assert_eq!(worker.answer_to(&one), Some((200, result("getA", 7))));
    assert_eq!(worker.answer_to(&two), Some((200, result("setB", 7))));
}

#[test]
fn a_missing_object_is_missing_for_who_asked_for_it() {
    let mut worker = Worker::alone(&items(""));
    let [one, two, both] = waiting(&mut worker, ["/items/1", "/items/2", "/items?ids=1,2"]);
    worker.deliver();
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=1,2", "no id twice");
    worker.answer_call(&call, OK, json!([object("2")]).to_string().as_bytes());
    assert_eq!(worker.fate(&one).and_then(|fate| fate.status()), Some(404));
    assert_eq!(worker.answer_to(&two), Some((200, object("2"))));
    assert_eq!(worker.answer_to(&both), Some((200, json!([object("2")]))));
}

#[test]
fn who_is_alone_in_the_queue_goes_on_as_it_is() {
    let mut worker = Worker::alone(&items(""));
    let [one] = waiting(&mut worker, ["/items?ids=1"]);
    worker.deliver();
    assert!(worker.went_on(&one) && worker.called.is_empty());
    let behind = worker.joins("/items?ids=2");
    worker.returns(one);
    worker.deliver();
    assert!(worker.went_on(&behind));
    worker.end(behind);
}

#[test]
fn while_a_batch_is_under_way_the_next_one_gathers() {
    let mut worker = Worker::alone(&items(""));
    let first = waiting(&mut worker, ["/items?ids=1", "/items?ids=2"]);
    worker.deliver();
    let call = worker.call();
    let next = ["/items?ids=3", "/items?ids=4"].map(|path| worker.joins(path));
    worker.serve(&call);
    // The answer's own callback is one of the root's: the next batch leaves in it.
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=3,4");
    worker.serve(&call);
    assert!(first.iter().chain(&next).all(|request| worker.answer_to(request).is_some()));
    let idle = worker.goes("/items?ids=5");
    worker.end(idle);
}

#[test]
fn a_share_passes_its_own_streams_callbacks_untouched() {
    let mut worker = Worker::alone(&items(r#""tell": true"#));
    let [mut one, two] = waiting(&mut worker, ["/items?ids=1", "/items?ids=2"]);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    worker.host.forget_calls();
    worker.answer(&mut one, OK, false);
    worker.body(&mut one, b"[]", true);
    worker.end(one);
    worker.end(two);
    assert_eq!(worker.host.all_calls(), 0);
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 0);
}

#[test]
fn a_client_that_leaves_before_its_batch_is_not_in_it() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let [one, two, three] = [1, 2, 3].map(|id| worker.joins(&format!("/items?ids={id}")));
    worker.end(two);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=1,3");
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&three).is_some());
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 1);
}

#[test]
fn the_share_of_a_client_that_has_left_goes_to_nobody() {
    let mut worker = Worker::alone(&items(""));
    let [one, two] = waiting(&mut worker, ["/items?ids=1", "/items?ids=2"]);
    worker.deliver();
    let call = worker.call();
    worker.end(one);
    worker.serve(&call);
    assert_eq!(worker.done.len(), 1);
    assert_eq!(worker.answer_to(&two), Some((200, json!([object("2")]))));
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 1);
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

#[test]
fn a_batch_that_is_full_leaves_though_something_is_under_way() {
    let mut worker = Worker::alone(&items(r#""max_items": 2"#));
    let first = worker.goes("/items?ids=0");
    let full = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    worker.deliver();
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=1,2");
    worker.serve(&call);
    assert!(full.iter().all(|request| worker.answer_to(request).is_some()));
    worker.end(first);
}

#[test]
fn a_batch_whose_oldest_request_has_waited_long_enough_leaves() {
    let mut worker = Worker::alone(&items(r#""max_delay": "20ms""#));
    let first = worker.goes("/items?ids=0");
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    pass(slice::from_mut(&mut worker), 19);
    assert!(worker.called.is_empty());
    pass(slice::from_mut(&mut worker), 1);
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=1,2");
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&two).is_some());
    assert_eq!(worker.count("batch_departures_total", ("reason", "max_delay")), 1);
    worker.end(first);
}

#[test]
fn with_a_fixed_delay_even_the_first_waits() {
    let mut worker = Worker::alone(&items(r#""leaves": "fixed_delay", "max_delay": "5ms""#));
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    pass(slice::from_mut(&mut worker), 4);
    assert!(worker.called.is_empty());
    pass(slice::from_mut(&mut worker), 1);
    let call = worker.call();
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&two).is_some());
}

#[test]
fn an_alarm_comes_in_time_though_the_worker_was_idle_before() {
    let mut worker = Worker::alone(&items(r#""max_delay": "5ms", "stall_timeout": "1h""#));
    let range: Head<'_> = &[("range", "bytes=0-1")];
    let first = worker.goes("/items?ids=0");
    pass(slice::from_mut(&mut worker), 3_000);
    // A tick is asked for without a look at the clock, whose last time is long ago.
    let passes = worker.send(&with(&get("/items?ids=0"), range));
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    pass(slice::from_mut(&mut worker), 5);
    let call = worker.call();
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&two).is_some());
    worker.end(passes);
    worker.end(first);
}

#[test]
fn different_principals_share_no_call() {
    let mut worker = Worker::alone(&items(""));
    let mut each = |who: &str| {
        ["/items?ids=0", "/items?ids=1", "/items?ids=2"]
            .map(|path| worker.send(&with(&get(path), &[("authorization", who)])))
    };
    let (mine, yours) = (each("me"), each("you"));
    let [mine, yours] = [mine, yours].map(|requests| {
        assert_eq!(requests.each_ref().map(|request| request.flow == Flow::Pause), [false, true, true]);
        let [first, ..] = requests;
        worker.returns(first);
        worker.deliver();
        worker.call()
    });
    assert_eq!([&mine, &yours].map(|call| header(call, "authorization")), [Some("me"), Some("you")]);
}
