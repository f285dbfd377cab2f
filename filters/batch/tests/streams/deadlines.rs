//! Requests that have little time.

use crate::worker::{Batching, Worker, get, items, pass, with};
use std::slice;
use switchyard_batch::Flow;
use switchyard_core::contract::{CLIENT_LIMIT_PROPERTY, NO_LIMIT};

const HEADER: &str = r#""deadline_header": "x-time-left", "max_delay": "1s""#;

/// A worker that has learnt that an answer takes 100 ms.
fn learned(more: &str) -> Worker {
    let mut worker = Worker::alone(&items(&format!("{HEADER}{more}")));
    for size in (1..5).cycle().take(40) {
        let ids: Vec<_> = (0..size).map(|id| id.to_string()).collect();
        let request = worker.goes(&format!("/items?ids={}", ids.join(",")));
        pass(slice::from_mut(&mut worker), 100);
        worker.returns(request);
    }
    worker
}

fn short<'a>(path: &'a str, left: &'a str) -> Vec<(&'a str, &'a str)> {
    with(&get(path), &[("x-time-left", left)])
}

#[test]
fn who_has_no_time_for_a_batch_goes_alone() {
    let mut worker = learned("");
    let first = worker.goes("/items?ids=0");
    let hurried = worker.send(&short("/items?ids=1", "120"));
    let patient = worker.send(&short("/items?ids=2", "900"));
    assert_eq!([hurried.flow, patient.flow], [Flow::Continue, Flow::Pause]);
    assert_eq!(worker.count("batch_departures_total", ("reason", "short_deadline")), 1);
    [first, hurried, patient].into_iter().for_each(|request| worker.end(request));
}

#[test]
fn or_is_refused_at_once_where_the_route_says_so() {
    let mut worker = learned(r#", "short_deadline": "refuse""#);
    let first = worker.goes("/items?ids=0");
    let mut hurried = worker.send(&short("/items?ids=1", "120"));
    assert_eq!(hurried.flow, Flow::Pause);
    assert_eq!(worker.fate(&hurried).and_then(|fate| fate.status()), Some(504));
    // The refusal passes by.
    worker.respond(&mut hurried, &[(":status", "504")], b"{}");
    worker.end(hurried);
    assert_eq!(worker.count("batch_requests_total", ("result", "refused")), 1);
    assert_eq!(worker.count("batch_requests_total", ("result", "gone")), 0);
    worker.end(first);
}

#[test]
fn a_refusal_that_cannot_be_sent_lets_the_request_go_on() {
    let mut worker = learned(r#", "short_deadline": "refuse""#);
    let first = worker.goes("/items?ids=0");
    worker.host.fail("proxy_send_local_response", switchyard_host::Status::InternalFailure);
    let hurried = worker.send(&short("/items?ids=1", "120"));
    assert_eq!((hurried.flow, worker.done.len()), (Flow::Continue, 0));
    worker.end(hurried);
    worker.end(first);
}

#[test]
fn nobody_waits_past_its_deadline_for_what_is_under_way() {
    let mut worker = Worker::alone(&items(&format!(r#"{HEADER}, "max_in_flight": 1"#)));
    let first = worker.goes("/items?ids=0");
    let hurried = worker.send(&short("/items?ids=1", "200"));
    let patient = worker.send(&short("/items?ids=2", "900"));
    pass(slice::from_mut(&mut worker), 220);
    assert_eq!(worker.fate(&hurried).and_then(|fate| fate.status()), Some(504));
    assert!(worker.waits(&patient));
    assert_eq!(worker.count("batch_requests_total", ("result", "timed_out")), 1);
    worker.returns(first);
    worker.deliver();
    assert!(worker.went_on(&patient));
}

#[test]
fn a_batch_leaves_in_time_for_the_one_that_has_least() {
    let mut worker = learned("");
    let first = worker.goes("/items?ids=0");
    let _hurried = worker.send(&short("/items?ids=1", "300"));
    let _patient = worker.send(&get("/items?ids=2"));
    pass(slice::from_mut(&mut worker), 210);
    let call = worker.call();
    let left = call.request.timeout.as_millis();
    assert!((90..=130).contains(&left), "as long as it takes, and the floor: {left}");
    assert_eq!(worker.count("batch_departures_total", ("reason", "deadline")), 1);
    worker.end(first);
}

const ROUTE_TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";

/// What the router and the endpoint are told of a request that had 900 ms, waited 30 of them, and goes on.
fn told(more: &str) -> [Vec<String>; 2] {
    let mut worker = Worker::alone(&items(&format!("{HEADER}{more}")));
    let first = worker.goes("/items?ids=0");
    let waits = worker.send(&short("/items?ids=1", "900"));
    pass(slice::from_mut(&mut worker), 30);
    worker.returns(first);
    worker.host.take_marks();
    worker.deliver();
    assert!(worker.went_on(&waits));
    let marks = worker.host.take_marks();
    let limit = marks.iter().filter(|mark| mark.1 == CLIENT_LIMIT_PROPERTY).map(|mark| &*mark.2).next();
    assert_eq!(
        limit,
        Some(&b"900"[..]).filter(|_| !marks.is_empty()),
        "the client's own, from the beginning"
    );
    [ROUTE_TIMEOUT, "x-time-left"].map(|name| worker.host.request_header(name))
}

#[test]
fn who_waited_and_goes_on_has_the_time_that_is_left() {
    assert_eq!(told(""), [["870"], ["870"]]);
}

/// What is written of the operator's time is nobody's limit but the operator's.
#[test]
fn who_goes_on_with_the_operators_time_has_no_limit_of_its_own() {
    let mut worker = Worker::alone(&items(r#""timeout": "2s", "max_delay": "1s""#));
    let first = worker.goes("/items?ids=0");
    let waits = worker.send(&get("/items?ids=1"));
    pass(slice::from_mut(&mut worker), 30);
    worker.returns(first);
    worker.host.take_marks();
    worker.deliver();
    assert!(worker.went_on(&waits));
    assert_eq!(worker.host.request_header(ROUTE_TIMEOUT), ["1970"]);
    let told: Vec<_> = worker.host.take_marks().into_iter().map(|(_, name, value)| (name, value)).collect();
    assert_eq!(told, [(CLIENT_LIMIT_PROPERTY.to_owned(), NO_LIMIT.as_bytes().to_vec())]);
}

#[test]
fn a_route_without_a_timeout_is_given_none() {
    assert_eq!(told(r#", "timeout": "0s""#), [vec![], vec!["900".to_owned()]]);
}
