//! Bodies that are no request of the protocol.

use crate::worker::{Batching, Request, Worker, calls, head, post, rpc};
use switchyard_batch::Flow;
use switchyard_host::Status;

/// A worker with a request under way, and that request.
fn busy(more: &str) -> (Worker, Request) {
    let mut worker = Worker::alone(&calls(more));
    let first = worker.post(&post(), &rpc("get", 1));
    (worker, first)
}

fn passed(worker: &mut Worker, reason: &str) -> u64 {
    worker.count("batch_passed_total", ("reason", reason))
}

#[test]
fn what_is_no_request_of_the_protocol_passes() {
    let (mut worker, first) = busy("");
    for (body, reason) in [("{", "syntax"), ("[]", "empty"), (r#"{"id":1}"#, "form")] {
        let request = worker.post(&post(), body);
        assert_eq!(request.flow, Flow::Continue);
        assert_eq!(passed(&mut worker, reason), 1, "{body}");
        worker.returns(request);
    }
    worker.end(first);
}

#[test]
fn where_the_route_is_strict_it_is_refused_with_the_place_of_its_fault() {
    let (mut worker, first) = busy(r#""strict": true"#);
    let mut request = worker.post(&post(), r#"{"jsonrpc":"2.0","method":7}"#);
    assert_eq!(request.flow, Flow::Pause);
    let fate = worker.fate(&request).expect("an answer");
    assert_eq!((fate.status(), fate.header("content-type")), (Some(400), vec!["application/json"]));
    let (_, answer) = worker.answer_to(&request).expect("a document");
    assert_eq!(answer["error"]["message"].as_str(), Some("no request of json_rpc: form at byte 26"));
    worker.respond(&mut request, &[(":status", "400")], b"{}");
    worker.end(request);
    assert_eq!(passed(&mut worker, "form"), 1);
    worker.end(first);
}

#[test]
fn a_refusal_that_cannot_be_sent_lets_the_request_go_on() {
    let (mut worker, first) = busy(r#""strict": true"#);
    worker.host.fail("proxy_send_local_response", Status::InternalFailure);
    let request = worker.post(&post(), "{");
    assert_eq!(request.flow, Flow::Continue);
    worker.end(request);
    worker.end(first);
}

#[test]
fn what_is_too_much_for_a_batch_is_not_refused() {
    let section = r#"{"protocol": {"embeddings": {"max_item_tokens": 10}}, "strict": true}"#;
    let mut worker = Worker::alone(section);
    let long = format!(r#"{{"model": "m", "input": "{}"}}"#, "word ".repeat(20));
    let request = worker.post(&head("POST", "/v1/embeddings"), &long);
    assert_eq!(request.flow, Flow::Continue);
    assert_eq!(passed(&mut worker, "limit"), 1);
    worker.end(request);
}
