//! Requests of all workers of a key gather on one worker.

use crate::worker::{
    Batching, OK, Request, Worker, calls, get, items, object, pass, path, post, result, rpc, settle, truth,
    with,
};
use serde_json::json;
use switchyard_batch::Flow;
use switchyard_host::Status;
use switchyard_host::fake::SharedStore;

const PROXY: &str = r#""scope": "proxy""#;

/// Two workers; the first gathers, and has a request under way.
fn two() -> ([Worker; 2], Request) {
    let mut workers: [Worker; 2] = Worker::several(&items(PROXY));
    let first = workers[0].goes("/items?ids=0");
    (workers, first)
}

#[test]
fn requests_of_two_workers_share_a_call_and_each_gets_its_own() {
    let (mut workers, first) = two();
    let here = workers[0].joins("/items?ids=1");
    let there = workers[1].joins("/items?ids=2");
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    assert_eq!(path(&call), "/items?ids=1,2");
    workers[0].serve(&call);
    settle(&mut workers);
    assert_eq!(workers[0].answer_to(&here), Some((200, json!([object("1")]))));
    assert_eq!(workers[1].answer_to(&there), Some((200, json!([object("2")]))));
    assert!(workers[1].called.is_empty());
    // The shares pass by and end without a word more.
    workers[0].end(here);
    workers[1].end(there);
    assert!(!workers[0].has_messages() && !workers[1].has_messages());
}

#[test]
fn bodies_go_with_them() {
    let mut workers: [Worker; 3] = Worker::several(&calls(PROXY));
    let first = workers[1].post(&post(), &rpc("get", 0));
    let there = [0, 2].map(|at| workers[at].post(&post(), &rpc(["getA", "", "getC"][at], 7)));
    settle(&mut workers);
    workers[1].returns(first);
    settle(&mut workers);
    let call = workers[1].call();
    workers[1].serve(&call);
    settle(&mut workers);
    assert_eq!(workers[0].answer_to(&there[0]), Some((200, result("getA", 7))));
    assert_eq!(workers[2].answer_to(&there[1]), Some((200, result("getC", 7))));
}

#[test]
fn one_that_finds_nothing_under_way_is_let_go_and_its_end_frees_the_key() {
    let (mut workers, first) = two();
    workers[0].returns(first);
    let alone = workers[1].joins("/items?ids=1");
    settle(&mut workers);
    assert!(workers[1].went_on(&alone));
    let behind = workers[0].joins("/items?ids=2");
    workers[1].returns(alone);
    settle(&mut workers);
    assert!(workers[0].went_on(&behind), "the other worker was told");
    workers[0].end(behind);
}

#[test]
fn a_client_that_leaves_the_other_worker_is_in_no_batch() {
    let (mut workers, first) = two();
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| workers[1].joins(path));
    let here = workers[0].joins("/items?ids=3");
    settle(&mut workers);
    workers[1].end(one);
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    assert_eq!(path(&call), "/items?ids=3,2");
    workers[0].serve(&call);
    settle(&mut workers);
    assert!(workers[1].answer_to(&two).is_some() && workers[0].answer_to(&here).is_some());
}

#[test]
fn an_answer_from_somebody_else_is_told_the_other_worker() {
    let (mut workers, first) = two();
    let mut there = workers[1].joins("/items?ids=1");
    settle(&mut workers);
    workers[1].answer(&mut there, &[(":status", "504")], true);
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    assert!(workers[0].called.is_empty() && workers[1].waits(&there));
    assert_eq!(workers[0].count("batch_active", ("", "")), 0);
}

#[test]
fn who_does_not_find_the_other_worker_gathers_here() {
    let (mut workers, first) = two();
    workers[1].host.fail("proxy_enqueue_shared_queue", Status::NotFound);
    let own = workers[1].goes("/items?ids=1");
    assert_eq!(workers[1].count("batch_degraded_total", ("", "")), 1);
    workers[0].end(first);
    workers[1].end(own);
}

#[test]
fn a_request_is_asked_after_and_waited_for_while_its_worker_lives() {
    let mut workers: [Worker; 2] = Worker::several(&items(
        r#""scope": "proxy", "max_delay": "10s", "max_in_flight": 1, "stall_timeout": "1h""#,
    ));
    let first = workers[0].goes("/items?ids=0");
    let there = workers[1].joins("/items?ids=1");
    pass(&mut workers, 5_000);
    assert!(workers[1].waits(&there));
    workers[0].returns(first);
    settle(&mut workers);
    assert!(workers[1].went_on(&there));
}

#[test]
fn an_answer_that_is_too_long_for_a_message_is_asked_for_again() {
    let (mut workers, first) = two();
    let here = workers[0].joins("/items?ids=1");
    let there = workers[1].joins("/items?ids=2");
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    let long = json!([object("1"), {"id": "2", "text": "x".repeat(1 << 20)}]).to_string();
    workers[0].answer_call(&call, OK, long.as_bytes());
    settle(&mut workers);
    assert!(workers[0].answer_to(&here).is_some());
    assert!(workers[1].went_on(&there));
    workers[1].returns(there);
}

#[test]
fn workers_with_different_configurations_share_no_call() {
    let store = SharedStore::default();
    let mut workers = [
        Worker::of(&store, &items(PROXY)),
        Worker::of(&store, &items(r#""scope": "proxy", "max_items": 9"#)),
    ];
    let first = workers[0].goes("/items?ids=0");
    let mut others = vec![workers[1].send(&get("/items?ids=1"))];
    pass(&mut workers, 10);
    others.push(workers[1].send(&get("/items?ids=2")));
    settle(&mut workers);
    workers[0].returns(first);
    pass(&mut workers, 30);
    assert!(workers[0].called.is_empty());
    others.into_iter().for_each(|request| workers[1].end(request));
}

#[test]
fn principals_of_two_workers_share_no_call() {
    let (mut workers, first) = two();
    let mine = workers[0].send(&with(&get("/items?ids=1"), &[("authorization", "me")]));
    let yours = workers[1].send(&with(&get("/items?ids=1"), &[("authorization", "you")]));
    settle(&mut workers);
    let went = |worker: &Worker, request: &Request| request.flow == Flow::Continue || worker.went_on(request);
    assert!(went(&workers[0], &mine) && went(&workers[1], &yours));
    workers[0].end(first);
}

#[test]
fn a_failed_batch_is_halved_for_all_of_them() {
    let (mut workers, first) = two();
    let here = ["/items?ids=1", "/items?ids=2"].map(|path| workers[0].joins(path));
    let there = ["/items?ids=3", "/items?ids=4"].map(|path| workers[1].joins(path));
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    workers[0].answer_call(&call, &[(":status", "500")], b"");
    settle(&mut workers);
    let halves = std::mem::take(&mut workers[0].called);
    assert_eq!(halves.iter().map(path).collect::<Vec<_>>(), ["/items?ids=1,2", "/items?ids=3,4"]);
    workers[0].answer_call(&halves[1], &[(":status", "500")], b"");
    workers[0].answer_call(&halves[0], OK, &truth(&halves[0]));
    settle(&mut workers);
    assert!(here.iter().all(|request| workers[0].answer_to(request).is_some()));
    assert!(there.iter().all(|request| workers[1].went_on(request)));
    there.into_iter().for_each(|request| workers[1].returns(request));
    settle(&mut workers);
    assert_eq!(workers[0].count("batch_active", ("", "")), 0);
    assert_eq!(workers[1].count("batch_active", ("", "")), 0);
}
