//! A host that lacks what workers need to reach each other: flights stay within their workers, and nothing else
//! changes.

use crate::worker::{Coalescing, GET, OK, Worker, pass, settle};
use std::slice;
use switchyard_host::Status;
use switchyard_host::fake::SharedStore;

const SHARED: [&str; 2] = ["proxy_get_shared_data", "proxy_set_shared_data"];

/// A worker whose host has no shared data.
fn alone() -> Worker {
    let mut worker = Worker::unconfigured(&SharedStore::default());
    SHARED.iter().for_each(|call| worker.host.fail(call, Status::InternalFailure));
    assert!(worker.configure("{}"), "it serves all the same");
    worker
}

#[test]
fn without_shared_data_followers_wait_within_their_worker() {
    let mut worker = alone();
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.host.counter("switchyard.coalesce_without_queue_total"), 1);
}

#[test]
fn shared_data_that_fails_in_mid_flight_is_counted_as_degraded() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut first = workers[0].lead(GET);
    for worker in &workers {
        SHARED.iter().for_each(|call| worker.host.fail(call, Status::InternalFailure));
    }
    workers[0].respond(&mut first, OK, b"soup");
    workers[0].end(first);
    let mut second = workers[0].lead(GET);
    let follower = workers[0].follow(GET);
    workers[0].respond(&mut second, OK, b"soup");
    settle(&mut workers);
    assert_eq!(workers[0].body_for(&follower).as_deref(), Some(&b"soup"[..]));
    assert_eq!(workers[0].count("coalesce_degraded_total", ("", "")), 1);
}

#[test]
fn without_queues_each_worker_has_flights_of_its_own() {
    let store = SharedStore::default();
    let mut workers: [Worker; 2] = std::array::from_fn(|_| {
        let worker = Worker::of(&store, "{}");
        worker.host.fail("proxy_register_shared_queue", Status::InternalFailure);
        worker
    });
    let mut leaders = workers.each_mut().map(|worker| worker.lead(GET));
    let followers = workers.each_mut().map(|worker| worker.follow(GET));
    for (worker, leader) in workers.iter_mut().zip(&mut leaders) {
        worker.respond(leader, OK, b"soup");
    }
    pass(&mut workers, 20);
    for (worker, follower) in workers.iter().zip(&followers) {
        assert_eq!(worker.body_for(follower).as_deref(), Some(&b"soup"[..]));
    }
    assert_eq!(workers[0].host.counter("switchyard.coalesce_without_queue_total"), 2, "one of each worker");
}

#[test]
fn a_full_bucket_keeps_a_flight_within_its_worker() {
    // The board has room for eight flights that are one bucket's; more keys than buckets times eight fill any of them.
    let mut worker = Worker::alone(r#"{"max_flights": 1000000}"#);
    let mut leaders = Vec::new();
    for number in 0..20_000 {
        leaders.push(worker.lead(&crate::worker::page(&format!("/{number}"))));
    }
    let degraded = worker.count("coalesce_degraded_total", ("", ""));
    assert!(degraded > 0 && degraded < 10_000, "{degraded}");
    leaders.into_iter().for_each(|leader| worker.end(leader));
}
