//! What answers tell of their batches.

use crate::worker::{Batching, Head, OK, Worker, get, items, truth, with};

const TELL: &str = r#""tell": true"#;
const BATCH: &str = "x-switchyard-batch";
const TRACE: &str = "x-switchyard-batch-traceparent";

#[test]
fn each_answer_tells_its_batchs_size_and_its_place_in_it() {
    let mut worker = Worker::alone(&items(TELL));
    let mut first = worker.goes("/items?ids=8,9");
    let [one, two] = ["/items?ids=1,2", "/items?ids=3"].map(|path| worker.joins(path));
    worker.respond(&mut first, OK, b"[]");
    assert_eq!(worker.host.response_header(BATCH), ["size=2;index=0"], "who went alone has all of it");
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    let told = [&one, &two].map(|request| worker.fate(request).expect("an answer").header(BATCH).join(","));
    assert_eq!(told, ["size=3;index=0", "size=3;index=2"]);
    worker.end(first);
}

#[test]
fn nothing_is_told_where_that_was_not_asked_for() {
    let mut worker = Worker::alone(&items(""));
    let mut first = worker.goes("/items?ids=0");
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    worker.respond(&mut first, OK, b"[]");
    assert_eq!(worker.host.response_header(BATCH), [""; 0]);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    assert!(
        [one, two].iter().all(|request| worker.fate(request).expect("an answer").header(BATCH).is_empty())
    );
    worker.end(first);
}

#[test]
fn an_answer_that_cannot_tell_is_no_worse() {
    let mut worker = Worker::alone(&items(TELL));
    let first = worker.goes("/items?ids=0");
    worker.host.fail("proxy_replace_header_map_value", switchyard_host::Status::InternalFailure);
    worker.returns(first);
    let next = worker.goes("/items?ids=1");
    worker.end(next);
}

#[test]
fn the_first_ones_trace_is_the_calls_and_the_others_are_told_of_it() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let [one, two] = [("/items?ids=1", "00-a-1-01"), ("/items?ids=2", "00-b-2-01")]
        .map(|(path, trace)| worker.send(&with(&get(path), &[("traceparent", trace)])));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    assert_eq!(crate::worker::header(&call, "traceparent"), Some("00-a-1-01"));
    worker.serve(&call);
    let told = [&one, &two].map(|request| worker.fate(request).expect("an answer").header(TRACE).join(","));
    assert_eq!(told, ["", "00-a-1-01"]);
}

#[test]
fn an_answers_headers_go_to_all_but_those_of_its_body_and_hop() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let [one, two] = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let head: Head<'_> = &[
        (":status", "200"),
        ("content-type", "application/hal+json"),
        ("content-length", "9"),
        ("etag", "7"),
        ("connection", "close"),
        ("x-region", "north"),
    ];
    worker.answer_call(&call, head, &truth(&call));
    for fate in [one, two].map(|request| worker.fate(&request).expect("an answer")) {
        assert_eq!(fate.header("content-type"), ["application/json"]);
        assert_eq!(fate.header("x-region"), ["north"]);
        assert!(["content-length", "etag", "connection"].iter().all(|name| fate.header(name).is_empty()));
    }
}
