//! Heartbeats of router.wasm, seen by outlier: told from clients' requests by the holder's mark alone.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::Reason;
use switchyard_frame::Stream as _;
use switchyard_frame::shared::heartbeat_lease;
use switchyard_outlier::Stream;
use worker::{A, GET, START, Worker};

const ALL: &str =
    r#"{"consecutive_5xx": 5, "heartbeat": {"path": "/healthz", "interval": "1s", "watch": "all"}}"#;
const HOLDER: u64 = 0xfeed_f00d;

fn result(result: &str) -> String {
    format!("switchyard.upstream=.=web;.;result=.={result};.;heartbeats_total")
}

/// A worker beside one that holds the lease.
fn watched(outlier: &str) -> Worker {
    let worker = Worker::alone(outlier);
    heartbeat_lease::create(&worker.host);
    assert!(heartbeat_lease::claim(&worker.host, HOLDER, Timestamp::from_millis(START)));
    worker
}

/// An attempt with this mark begins: over a connection if a client sent it.
fn begin(worker: &Worker, mark: &str, by_client: bool) -> Stream {
    if by_client {
        worker.integer("connection.id", 7);
    } else {
        worker.host.remove_property("connection.id");
    }
    let headers =
        [GET[0], ("user-agent", "switchyard-heartbeat"), (switchyard_core::contract::HEARTBEAT_HEADER, mark)];
    worker.begin_with(A, &headers)
}

/// A heartbeat with this answer; `None`: none.
fn heartbeat(worker: &Worker, status: Option<&str>) {
    let mut stream = begin(worker, &switchyard_core::contract::heartbeat_mark(HOLDER), false);
    match status {
        Some(status) => {
            worker.answer(&mut stream, status);
            worker.complete(&mut stream);
        }
        None => stream.on_done(&worker.host),
    }
}

#[test]
fn the_holders_mark_makes_a_heartbeat() {
    let mut worker = watched(ALL);
    worker.reset(A);
    heartbeat(&worker, Some("503"));
    let record = worker.record(A);
    assert_eq!((record.heartbeats, record.streaks[0]), ([0, 1], 1), "a failed heartbeat, and no 5xx");
    heartbeat(&worker, Some("200"));
    assert_eq!(worker.record(A).heartbeats, [0, 0], "a good one ends the streak");
    assert_eq!(worker.record(A).streaks[0], 1, "and not the one of real attempts");
    worker.pass(2_000);
    assert_eq!(
        worker.counts(A, core::time::Duration::from_secs(10)).attempts,
        1,
        "heartbeats are no traffic"
    );
    assert_eq!((worker.host.counter(&result("failed")), worker.host.counter(&result("succeeded"))), (1, 1));
}

#[test]
fn a_mark_that_a_client_forged_is_an_ordinary_header() {
    let mut worker = watched(ALL);
    worker.reset(A);
    for (count, mark) in ["", "0", "1", "feedf00", "FEEDF00D", "feedf00d0"].into_iter().enumerate() {
        let streaks = worker.record(A).streaks;
        let mut stream = begin(&worker, mark, true);
        if count < 3 {
            worker.answer(&mut stream, "500");
            worker.complete(&mut stream);
            assert_eq!(worker.record(A).streaks[0], streaks[0] + 1, "{mark:?} counts as what it is");
        } else {
            worker.answer(&mut stream, "200");
            worker.complete(&mut stream);
            assert_eq!(worker.record(A).streaks, [0; 3], "{mark:?} counts as what it is");
            worker.reset(A);
        }
    }
    worker.pass(2_000);
    assert_eq!(worker.record(A).heartbeats, [0; 2]);
    assert_eq!((worker.host.counter(&result("failed")), worker.host.counter(&result("succeeded"))), (0, 0));
}

#[test]
fn while_nobody_holds_the_lease_nothing_is_a_heartbeat() {
    let worker = Worker::alone(ALL);
    heartbeat_lease::create(&worker.host);
    worker.reset(A);
    let mut stream = begin(&worker, "0", true);
    worker.answer(&mut stream, "500");
    worker.complete(&mut stream);
    assert_eq!((worker.record(A).streaks[0], worker.record(A).heartbeats), (2, [0; 2]));
}

#[test]
fn failed_heartbeats_eject_though_the_first_was_not_known_for_one() {
    let worker = watched(ALL);
    heartbeat(&worker, None);
    assert!(worker.record(A).is_blank(), "it may have been a mirror");
    heartbeat(&worker, None);
    assert_eq!(worker.record(A).heartbeats, [0, 2], "it was a heartbeat");
    heartbeat(&worker, Some("500"));
    let record = worker.record(A);
    assert_eq!((record.health, record.reason), (Health::Ejected, Some(Reason::Heartbeat)));
}

#[test]
fn good_heartbeats_bring_an_ejected_endpoint_back_to_be_tried() {
    let worker = watched(ALL);
    (0..5).for_each(|_| worker.attempt(A, "500"));
    assert_eq!(worker.record(A).health, Health::Ejected);
    heartbeat(&worker, Some("204"));
    heartbeat(&worker, Some("404"));
    heartbeat(&worker, Some("200"));
    assert_eq!(worker.record(A).health, Health::Ejected, "404 is no good answer and ended the streak");
    heartbeat(&worker, Some("299"));
    assert_eq!(worker.record(A).health, Health::HalfOpen);
}

#[test]
fn heartbeats_that_go_on_failing_keep_an_endpoint_out_beyond_its_time() {
    let mut worker = watched(ALL);
    (0..5).for_each(|_| worker.attempt(A, "500"));
    for _ in 0..40 {
        worker.pass(1_000);
        heartbeat(&worker, Some("500"));
    }
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.pass(4_000);
    assert_eq!(worker.record(A).health, Health::HalfOpen, "once they have stopped coming, time decides");
}

#[test]
fn a_good_heartbeat_of_a_healthy_endpoint_writes_nothing() {
    let mut worker = watched(ALL);
    heartbeat(&worker, Some("200"));
    worker.host.forget_calls();
    heartbeat(&worker, Some("200"));
    assert_eq!(worker.host.all_calls(), 3);
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 0);

    // One that was suspect a moment ago is asked for more, and still nothing is told.
    worker.reset(A);
    worker.attempt(A, "200");
    worker.pass(20);
    worker.host.forget_calls();
    heartbeat(&worker, Some("200"));
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 1, "the lease");
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 0);
}

#[test]
fn a_health_path_that_answers_404_takes_a_watched_endpoint_out() {
    let mut worker =
        Worker::alone(r#"{"heartbeat": {"path": "/healthz", "interval": "1s", "watch": "all"}}"#);
    heartbeat_lease::create(&worker.host);
    assert!(heartbeat_lease::claim(&worker.host, 5, Timestamp::from_millis(START)));
    for _ in 0..20 {
        worker.host.remove_property("connection.id");
        let mut s = worker.begin_with(A, &[GET[0], (switchyard_core::contract::HEARTBEAT_HEADER, "5")]);
        worker.answer(&mut s, "404");
        worker.complete(&mut s);
        worker.pass(1000);
    }
    assert!(
        worker.record(A).is_out_of_rotation(),
        "{:?} {:?}",
        worker.record(A),
        worker.counts(A, core::time::Duration::from_secs(10))
    );
}

#[test]
fn a_good_answer_is_of_a_status_that_the_operator_expects() {
    let mut worker = watched(
        r#"{"heartbeat": {"path": "/", "interval": "1s", "watch": "all", "expected_statuses": [418]}}"#,
    );
    worker.reset(A);
    heartbeat(&worker, Some("200"));
    assert_eq!(worker.record(A).heartbeats, [0, 1]);
    heartbeat(&worker, Some("418"));
    assert_eq!(worker.record(A).heartbeats, [0, 0]);
    worker.pass(300);
    assert_eq!((worker.host.counter(&result("failed")), worker.host.counter(&result("succeeded"))), (1, 1));
}

#[test]
fn heartbeats_that_their_sender_judges_say_nothing_here() {
    let mut worker = watched(r#"{"heartbeat": {"grpc_health_check": {}, "interval": "1s", "watch": "all"}}"#);
    worker.reset(A);
    let before = worker.record(A);
    for status in [Some("200"), Some("503"), None] {
        heartbeat(&worker, status);
    }
    assert_eq!(worker.record(A), before);
    worker.pass(300);
    assert_eq!((worker.host.counter(&result("failed")), worker.host.counter(&result("succeeded"))), (0, 0));
}
