//! A host whose calls fail: nothing stops, and what can still be judged is.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::health::Health;
use switchyard_frame::Stream as _;
use switchyard_host::Status;
use switchyard_host::fake::SharedStore;
use worker::{A, B, GET, Worker, document};

/// Every ABI function that the filter's ports stand for.
const CALLS: [&str; 14] = [
    "proxy_add_header_map_value",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// Those without which nobody can be judged or nothing can be told.
const NEEDED: [&str; 4] =
    ["proxy_get_header_map_pairs", "proxy_get_property", "proxy_get_shared_data", "proxy_set_shared_data"];

/// Attempts of every kind, and ticks over the ends of buckets and ejections.
fn work(worker: &mut Worker) {
    for status in ["200", "404", "500", "503"] {
        worker.attempt(A, status);
        worker.attempt(B, "200");
    }
    let waits = worker.begin(B);
    worker.reset(A);
    let mut cut = worker.begin(A);
    worker.answer(&mut cut, "200");
    cut.on_done(&worker.host);
    let mut grpc = worker.begin(A);
    worker.host.answer(&[(":status", "200"), ("content-type", "application/grpc")]);
    grpc.on_response_headers(&worker.host, false);
    worker.host.set_property("response.code_details", b"via_upstream");
    worker.host.end_with(&[("grpc-status", "14")]);
    grpc.on_response_trailers(&worker.host);
    grpc.on_done(&worker.host);
    worker.begin_with(B, &[GET[0], ("x-switchyard-heartbeat", "1")]).on_done(&worker.host);
    worker.pass(5_000);
    drop(waits);
}

#[test]
fn whichever_host_call_fails_traffic_goes_on_and_what_can_be_judged_is() {
    for call in CALLS {
        for status in [Status::BadArgument, Status::InternalFailure, Status::NotFound] {
            let mut worker = Worker::alone(r#"{"stall": {"limit": "1s", "requests": 1, "enforcing": 0}}"#);
            worker.host.fail(call, status);
            work(&mut worker);
            let expected = if NEEDED.contains(&call) { Health::Healthy } else { Health::Ejected };
            assert_eq!(record_in(&worker), expected, "{call}: {status:?}");
        }
    }
}

/// A's health in the table, by a host that works.
fn record_in(worker: &Worker) -> Health {
    let store = worker.store.clone();
    Worker::of(&store, "reader", &document("{}")).record(A).health
}

#[test]
fn a_host_that_fails_from_the_start_serves_too() {
    for call in CALLS {
        let store = SharedStore::default();
        let mut worker = Worker::unconfigured(&store, "one", &document("{}"));
        worker.host.fail(call, Status::InternalFailure);
        let accepted = worker.root.configure(&worker.host);
        // Without ticks nothing would ever come back, and what cannot be read is no document.
        let refused = ["proxy_set_tick_period_milliseconds", "proxy_get_buffer_bytes"];
        assert_eq!(accepted, !refused.contains(&call), "{call}");
        if accepted {
            work(&mut worker);
        } else {
            assert!(worker.root.stream(10).is_none(), "requests pass");
            worker.pass(100);
        }
    }
}

#[test]
fn a_table_that_cannot_be_written_is_counted() {
    let mut worker = Worker::alone("{}");
    worker.host.fail("proxy_set_shared_data", Status::InternalFailure);
    worker.attempt(A, "500");
    worker.attempt(A, "500");
    worker.pass(260);
    assert_eq!(worker.host.counter("switchyard.upstream=.=web;.;ledger_contended_total"), 2);
}

#[test]
fn a_worker_that_wakes_late_loses_no_counts() {
    let mut w = Worker::alone("{}");
    w.pass(100); // within bucket 0; evaluated = bucket 0
    w.wake_after(4_000 - 100 - 20); // bucket 1: idle
    w.wake_after(20);
    w.attempt(A, "200"); // first traffic, at the start of bucket 2
    w.wake_after(2_010); // held up: bucket 3 began 10 ms ago; bucket 2 is merged, then the end of bucket 1 evaluated
    assert_eq!(w.counts(A, core::time::Duration::from_secs(10)).attempts, 1);
}

#[test]
fn an_answer_that_cannot_be_read_is_still_an_answer() {
    let worker = Worker::alone("{}");
    worker.host.fail("proxy_get_header_map_pairs", switchyard_host::Status::InternalFailure);
    let mut s = worker.begin(A);
    s.on_response_headers(&worker.host, true);
    worker.integer("response.backend_latency", 1);
    s.on_done(&worker.host);
    let fresh = Worker::of(&worker.store, "x", &document("{}"));
    assert_eq!(fresh.record(A).streaks, [0; 3]);
}
