//! `mode: shadow` counts what would have been collapsed, and holds nothing back.

use crate::worker::{Coalescing, GET, OK, Worker, pass};
use std::slice;
use switchyard_coalesce::Flow;

const SHADOW: &str = r#"{"mode": "shadow", "hold": "1s"}"#;

#[test]
fn what_would_have_waited_goes_on_and_is_counted() {
    let mut worker = Worker::alone(SHADOW);
    let mut leader = worker.lead(GET);
    let others: Vec<_> = (0..3).map(|_| worker.send(GET)).collect();
    assert!(others.iter().all(|request| request.flow == Flow::Continue));
    worker.respond(&mut leader, OK, b"soup");
    for request in others {
        worker.end(request);
    }
    worker.end(leader);
    pass(slice::from_mut(&mut worker), 100);
    assert!(worker.done.is_empty());
    assert_eq!(worker.count("coalesce_leaders_total", ("", "")), 1);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "shadow")), 3);
}

#[test]
fn nothing_is_kept_and_no_other_worker_hears_of_it() {
    let mut workers: [Worker; 2] = Worker::several(SHADOW);
    let mut leader = workers[0].lead(GET);
    let there = workers[1].send(GET);
    assert_eq!(there.flow, Flow::Continue);
    workers[0].respond(&mut leader, OK, b"soup");
    workers[0].end(leader);
    let again = workers[0].send(GET);
    assert_eq!(again.flow, Flow::Continue);
    assert!(!workers[1].has_messages());
}
