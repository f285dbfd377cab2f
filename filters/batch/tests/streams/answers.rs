//! Answers that nobody can have a part of.

use crate::worker::{
    Batching, Head, OK, Request, Worker, calls, items, object, path, post, result, rpc, truth,
};
use serde_json::json;
use switchyard_host::Status;
use switchyard_host::fake::Called;

/// A batch of two whose requests may not be made twice, and its call.
fn unsafe_batch(worker: &mut Worker) -> ([Request; 2], Called) {
    let first = worker.post(&post(), &rpc("set", 0));
    let requests = [1, 2].map(|id| worker.post(&post(), &rpc("set", id)));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    (requests, call)
}

/// What both clients get when the call is answered so, and that the failure is counted for this reason.
fn fails(answer: impl FnOnce(&mut Worker, &Called), status: u16, reason: &str) {
    let mut worker = Worker::alone(&calls(""));
    let (requests, call) = unsafe_batch(&mut worker);
    answer(&mut worker, &call);
    for (request, id) in requests.iter().zip([1, 2]) {
        let (got, body) = worker.answer_to(request).expect("an answer");
        assert_eq!((got, &body["id"], body["error"].is_object()), (status, &json!(id), true), "{reason}");
    }
    assert_eq!(worker.count("batch_failures_total", ("reason", reason)), 1, "{reason}");
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

fn with_truth(worker: &mut Worker, call: &Called, more: Head<'_>) {
    worker.answer_call(call, &[OK, more].concat(), &truth(call));
}

#[test]
fn who_may_not_ask_twice_gets_the_failure_in_the_form_of_its_protocol() {
    fails(|worker, call| worker.answer_call(call, &[], b""), 502, "reset");
    fails(|worker, call| worker.answer_call(call, &[(":status", "503")], b"busy"), 502, "status");
    fails(|worker, call| worker.answer_call(call, &[("x-no-status", "")], b"[]"), 502, "status");
    fails(|worker, call| worker.answer_call(call, OK, b"<html>"), 502, "syntax");
    fails(|worker, call| worker.answer_call(call, OK, b""), 502, "syntax");
    fails(|worker, call| worker.answer_call(call, OK, b"{}"), 502, "form");
    fails(|worker, call| with_truth(worker, call, &[("content-encoding", "gzip")]), 502, "encoded");
}

#[test]
fn answers_of_which_nobody_can_tell_whose_they_are_are_counted_by_what_is_wrong() {
    for (body, reason) in [
        (r#"[{"jsonrpc":"2.0","result":1}]"#, "no_id"),
        (r#"[{"jsonrpc":"2.0","id":3,"result":1}]"#, "other_id"),
        (r#"[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":1,"result":1}]"#, "same_id"),
        (r#"[{"jsonrpc":"2.0","id":1,"id":2,"result":1}]"#, "repeated"),
    ] {
        fails(|worker, call| worker.answer_call(call, OK, body.as_bytes()), 502, reason);
    }
}

#[test]
fn an_array_that_is_too_short_is_nobodys() {
    let mut worker = Worker::alone(r#"{"protocol": {"json_array": {}}}"#);
    let first = worker.post(&post(), "0");
    let requests = ["1", "2"].map(|body| worker.post(&post(), body));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.answer_call(&call, OK, b"[1]");
    assert!(
        requests.iter().all(|request| worker.answer_to(request).is_some_and(|(status, _)| status == 502))
    );
    assert_eq!(worker.count("batch_failures_total", ("reason", "length")), 1);
}

#[test]
fn a_status_that_everybody_would_get_is_handed_on() {
    fails(|worker, call| worker.answer_call(call, &[(":status", "429")], b""), 429, "status");
}

#[test]
fn an_answer_that_comes_too_late_is_a_timeout() {
    fails(
        |worker, call| {
            worker.set_time(worker.now + 15_000);
            worker.answer_call(call, &[], b"");
        },
        504,
        "timeout",
    );
}

#[test]
fn an_answer_that_never_comes_is_a_timeout_a_moment_later() {
    fails(
        |worker, _| {
            let workers = core::slice::from_mut(worker);
            crate::worker::pass(workers, 15_000);
            assert!(workers[0].done.is_empty());
            crate::worker::pass(workers, 700);
        },
        504,
        "timeout",
    );
}

#[test]
fn an_answer_after_that_is_nobodys() {
    let mut worker = Worker::alone(&calls(""));
    let (requests, call) = unsafe_batch(&mut worker);
    worker.set_time(worker.now + 16_000);
    worker.tick();
    worker.serve(&call);
    worker.serve(&call);
    assert!(
        requests.iter().all(|request| worker.answer_to(request).is_some_and(|(status, _)| status == 504))
    );
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    fails(
        |worker, call| {
            worker.host.answer_call(OK, b"[]", &[]);
            worker.host.forget_calls();
            worker.of_root(|root, host| root.on_call_response(host, call.number, OK.len(), (64 << 20) + 1));
            assert_eq!(worker.host.calls("proxy_get_buffer_bytes"), 0);
        },
        502,
        "memory",
    );
}

#[test]
fn an_answer_that_the_host_does_not_give_is_none() {
    for (call, reason) in [("proxy_get_header_map_pairs", "status"), ("proxy_get_buffer_bytes", "syntax")] {
        fails(
            |worker, answered| {
                worker.host.fail(call, Status::InternalFailure);
                worker.serve(answered);
            },
            502,
            reason,
        );
    }
}

#[test]
fn a_batch_that_may_be_made_twice_is_halved_until_who_is_bad_is_alone() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let requests: Vec<_> = (1..5).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.answer_call(&call, &[(":status", "500")], b"");
    let halves = std::mem::take(&mut worker.called);
    assert_eq!(halves.iter().map(path).collect::<Vec<_>>(), ["/items?ids=1,2", "/items?ids=3,4"]);
    worker.answer_call(&halves[0], &[(":status", "500")], b"");
    worker.serve(&halves[1]);
    assert!(worker.went_on(&requests[0]) && worker.went_on(&requests[1]), "each is alone");
    assert_eq!(worker.answer_to(&requests[3]), Some((200, json!([object("4")]))));
    assert_eq!(worker.count("batch_repeats_total", ("result", "half")), 2);
    assert_eq!(worker.count("batch_repeats_total", ("result", "alone")), 2);
    requests.into_iter().for_each(|request| worker.returns(request));
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

#[test]
fn beyond_the_budget_nothing_is_made_twice() {
    let budget = r#""budget": {"ratio": 0, "min_per_second": 0}"#;
    let mut worker = Worker::alone(&items(budget));
    let first = worker.goes("/items?ids=0");
    let requests: Vec<_> = (1..5).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.answer_call(&call, &[(":status", "500")], b"");
    assert!(
        requests.iter().all(|request| worker.answer_to(request).is_some_and(|(status, _)| status == 502))
    );
    assert_eq!(worker.count("batch_repeats_total", ("result", "denied")), 2);
}

#[test]
fn who_is_left_out_asks_again_alone_if_it_may() {
    let mut worker = Worker::alone(&calls(""));
    let first = worker.post(&post(), &rpc("get", 0));
    let [may, may_not, answered] =
        ["getA", "setB", "getC"].map(|method| worker.post(&post(), &rpc(method, 7)));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let only = json!([{"jsonrpc": "2.0", "id": 3, "result": "getC"}]).to_string();
    worker.answer_call(&call, OK, only.as_bytes());
    assert!(worker.went_on(&may));
    assert!(worker.answer_to(&may_not).is_some_and(|(_, body)| body["error"].is_object()));
    assert_eq!(worker.answer_to(&answered), Some((200, result("getC", 7))));
    assert_eq!(worker.count("batch_requests_total", ("result", "lost")), 1);
    worker.returns(may);
}

#[test]
fn a_client_that_cannot_be_answered_so_is_answered_at_all_or_left_to_envoys_timeouts() {
    let mut worker = Worker::alone(&calls(""));
    let (requests, call) = unsafe_batch(&mut worker);
    worker.host.fail("proxy_send_local_response", Status::BadArgument);
    worker.host.forget_calls();
    worker.serve(&call);
    assert_eq!(worker.host.calls("proxy_send_local_response"), 4, "with its share, and with nothing");
    assert_eq!(worker.host.calls("proxy_continue_stream"), 0, "what it asked for is done");
    assert!(requests.iter().all(|request| worker.waits(request)));
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}
