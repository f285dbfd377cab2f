//! What is counted, and under which names and labels: graphs and alerts depend on them.

use crate::worker::{Batching, FAILED, Request, Worker, calls, get, items, pass, post, rpc, with};
use std::slice;

/// The value of a metric of the route under its whole name.
fn value(worker: &mut Worker, name: &str) -> u64 {
    worker.tick();
    worker.host.counter(&format!("switchyard.route=.=api;.;{name}"))
}

/// Requests that wait behind one that is under way.
fn waiting(worker: &mut Worker, count: u32) -> (Request, Vec<Request>) {
    let first = worker.goes("/items?ids=0");
    let requests = (1..=count).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
    (first, requests)
}

#[test]
fn names_and_labels_are_these() {
    let mut worker = Worker::alone(&items(""));
    let (first, requests) = waiting(&mut worker, 2);
    let passes = worker.send(&with(&get("/items?ids=1"), &[("range", "bytes=0-1")]));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.answer_call(&call, FAILED, b"");
    for name in [
        "reason=.=range;.;batch_passed_total",
        "reason=.=idle;.;batch_departures_total",
        "reason=.=returned;.;batch_departures_total",
        "reason=.=status;.;batch_failures_total",
    ] {
        assert_eq!(value(&mut worker, name), 1, "{name}");
    }
    for (name, count) in [
        ("result=.=alone;.;batch_requests_total", 3),
        ("result=.=alone;.;batch_repeats_total", 2),
        ("reason=.=repeat;.;batch_departures_total", 2),
    ] {
        assert_eq!(value(&mut worker, name), count, "{name}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("switchyard.filter=.=batch;.;version=.={version};.;build_info");
    assert_eq!(worker.host.counter(&build), 1);
    drop((requests, passes));
}

#[test]
fn every_limit_is_counted_by_its_name() {
    let section = items(r#""max_requests": 2, "max_items": 3"#);
    let mut worker = Worker::alone(&section);
    let (first, requests) = waiting(&mut worker, 1);
    let third = worker.goes("/items?ids=7");
    assert_eq!(value(&mut worker, "reason=.=max_requests;.;batch_passed_total"), 1);
    let large = worker.goes("/items?ids=1,2,3,4");
    assert_eq!(value(&mut worker, "reason=.=limit;.;batch_passed_total"), 1);
    drop((first, requests, third, large));
}

#[test]
fn bytes_that_are_held_are_bounded_and_counted() {
    let section = calls(r#""max_body": "1KiB", "max_bytes": "1KiB", "max_bytes_held": "1KiB""#);
    let mut worker = Worker::alone(&section);
    let long = rpc(&"get".repeat(200), 1);
    let first = worker.post(&post(), &long);
    let second = worker.post(&post(), &long);
    assert_eq!(value(&mut worker, "reason=.=max_bytes_held;.;batch_passed_total"), 1);
    drop((first, second));
}

#[test]
fn batches_are_counted_by_what_let_them_leave() {
    for (more, reason) in [
        (r#""max_items": 2"#, "max_items"),
        (r#""max_weight": 4"#, "max_weight"),
        (r#""max_delay": "5ms""#, "max_delay"),
    ] {
        let mut worker = Worker::alone(&items(more));
        let (first, requests) = waiting(&mut worker, 2);
        worker.deliver();
        pass(slice::from_mut(&mut worker), 5);
        assert_eq!(value(&mut worker, &format!("reason=.={reason};.;batch_departures_total")), 1, "{reason}");
        drop((first, requests));
    }
}

#[test]
fn an_adaptive_batch_is_counted_and_tells_its_limit() {
    let adaptive = r#""leaves": "adaptive", "adaptive": {"target": "100ms"}, "max_delay": "50ms""#;
    let mut worker = Worker::alone(&items(adaptive));
    for size in (1..5).cycle().take(60) {
        let ids: Vec<_> = (0..size).map(|id| id.to_string()).collect();
        let request = worker.goes(&format!("/items?ids={}", ids.join(",")));
        pass(slice::from_mut(&mut worker), 10 + size * 4);
        worker.returns(request);
    }
    let (call, item) =
        (value(&mut worker, "batch_call_microseconds"), value(&mut worker, "batch_item_microseconds"));
    assert!((5_000..15_000).contains(&call) && (3_000..5_000).contains(&item), "{call} {item}");
    let limit = value(&mut worker, "batch_limit");
    assert!((2..=10).contains(&limit), "10 + 4n within half of 100: {limit}");
}

#[test]
fn sizes_and_waits_are_recorded() {
    let mut worker = Worker::alone(&items(r#""max_delay": "1s""#));
    let (first, requests) = waiting(&mut worker, 3);
    pass(slice::from_mut(&mut worker), 120);
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;batch_size"), 1, "the first one's");
    worker.returns(first);
    worker.deliver();
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;batch_size"), 3);
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;batch_wait_milliseconds"), 120);
    drop(requests);
}

#[test]
fn ends_are_counted_by_how_requests_ended() {
    let mut worker = Worker::alone(&items(r#""on_failure": "fail""#));
    let (first, mut requests) = waiting(&mut worker, 4);
    let gone = requests.pop().expect("four");
    worker.end(gone);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    let (first, more) = waiting(&mut worker, 2);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.answer_call(&call, FAILED, b"");
    let (first, late) = waiting(&mut worker, 2);
    worker.returns(first);
    worker.deliver();
    let _never_answered = worker.call();
    worker.set_time(worker.now + 16_000);
    for (result, count) in [("alone", 3), ("gone", 1), ("answered", 3), ("failed", 2), ("timed_out", 2)] {
        assert_eq!(
            value(&mut worker, &format!("result=.={result};.;batch_requests_total")),
            count,
            "{result}"
        );
    }
    drop((requests, more, late));
}

#[test]
fn gauges_say_what_is_held_now_in_all_workers() {
    const ACTIVE: &str = "batch_active";
    const HELD: &str = "batch_bytes_held";
    let mut workers: [Worker; 2] = Worker::several(&items(""));
    let [one, two] = workers.each_mut().map(|worker| waiting(worker, 1));
    workers[0].tick();
    assert_eq!(value(&mut workers[1], ACTIVE), 4);
    let held = value(&mut workers[1], HELD);
    for (worker, (first, requests)) in workers.iter_mut().zip([one, two]) {
        worker.returns(first);
        worker.tick();
        assert!(worker.host.counter(&format!("switchyard.route=.=api;.;{HELD}")) < held);
        requests.into_iter().for_each(|request| worker.returns(request));
    }
    workers[0].tick();
    assert_eq!((value(&mut workers[1], ACTIVE), value(&mut workers[1], HELD)), (0, 0));
}

#[test]
fn a_gauge_that_could_not_be_written_is_right_again() {
    let mut worker = Worker::alone(&items(""));
    let (first, requests) = waiting(&mut worker, 1);
    worker.tick();
    worker.returns(first);
    requests.into_iter().for_each(|request| worker.returns(request));
    assert_eq!(value(&mut worker, "batch_active"), 0);
}
