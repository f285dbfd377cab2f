//! What judging costs: host calls of attempts and of ticks while nothing is wrong.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use core::time::Duration;
use switchyard_frame::Stream as _;
use switchyard_host::fake::SharedStore;
use worker::{A, B, Worker, document};

/// The host calls of a successful attempt, after one before it.
fn price_of_success(worker: &Worker, address: &str) -> u64 {
    worker.attempt(address, "200");
    worker.host.forget_calls();
    worker.attempt(address, "200");
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 0, "a success writes nothing");
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 0, "a success asks nobody");
    worker.host.all_calls()
}

/// A worker that attempts have come to lately, so that it ticks.
fn awake() -> Worker {
    let worker = Worker::alone("{}");
    worker.attempt(B, "200");
    worker
}

/// Two upstreams that share an endpoint, behind the clusters `web` and `web2`.
fn ambiguous() -> String {
    format!(
        r#"{{
            "upstreams": [
                {{"name": "web", "endpoints": [{{"address": "{A}"}}, {{"address": "{B}"}}],
                  "balance": {{"policy": "random"}}, "outlier": {{}}}},
                {{"name": "web2", "endpoints": [{{"address": "{A}"}}],
                  "balance": {{"policy": "random"}}, "outlier": {{}}}}
            ],
            "routes": [{{"match": {{}}, "upstream": "web"}}]
        }}"#
    )
}

#[test]
fn a_success_costs_three_host_calls_and_no_write() {
    let worker = Worker::alone("{}");
    assert_eq!(price_of_success(&worker, A), 3, "address, response headers, latency");
    assert_eq!(worker.host.calls("proxy_get_property"), 2);
    assert_eq!(worker.host.calls("proxy_get_header_map_pairs"), 1);
}

#[test]
fn an_answer_without_a_body_costs_the_same() {
    let worker = awake();
    worker.host.forget_calls();
    let mut stream = worker.begin(A);
    worker.host.answer(&[(":status", "204")]);
    stream.on_response_headers(&worker.host, true);
    stream.on_done(&worker.host);
    assert_eq!(worker.host.all_calls(), 3);
}

#[test]
fn grpc_trailers_cost_one_more() {
    let worker = awake();
    worker.host.forget_calls();
    let mut stream = worker.begin(A);
    worker.host.answer(&[(":status", "200"), ("content-type", "application/grpc")]);
    stream.on_response_headers(&worker.host, false);
    worker.host.end_with(&[("grpc-status", "0")]);
    stream.on_response_trailers(&worker.host);
    worker.complete(&mut stream);
    assert_eq!(worker.host.all_calls(), 4);
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 0);
}

#[test]
fn trailers_of_plain_http_are_not_read() {
    let worker = awake();
    worker.host.forget_calls();
    let mut stream = worker.begin(A);
    worker.answer(&mut stream, "200");
    worker.host.end_with(&[("grpc-status", "13")]);
    stream.on_response_trailers(&worker.host);
    worker.complete(&mut stream);
    assert_eq!(worker.host.all_calls(), 3);
}

#[test]
fn an_address_of_several_clusters_costs_one_more_unless_the_root_id_names_the_cluster() {
    let worker = Worker::of(&SharedStore::default(), "one", &ambiguous());
    worker.host.set_property("xds.cluster_name", b"web2");
    assert_eq!(price_of_success(&worker, A), 4);
    assert_eq!(price_of_success(&worker, B), 3, "only one cluster has it");

    let worker = Worker::of(&SharedStore::default(), "web", &ambiguous());
    assert_eq!(price_of_success(&worker, A), 3);
}

#[test]
fn the_cluster_says_whose_attempt_it_was() {
    let worker = Worker::of(&SharedStore::default(), "one", &ambiguous());
    worker.host.set_property("xds.cluster_name", b"web2");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).streaks, [0; 3], "not web's");
    worker.host.set_property("xds.cluster_name", b"web");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).streaks[0], 1);
    worker.host.set_property("xds.cluster_name", b"stranger");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).streaks[0], 1, "a cluster that is not ours");
}

#[test]
fn a_root_id_that_names_a_cluster_watches_only_that() {
    let worker = Worker::of(&SharedStore::default(), "web2", &ambiguous());
    worker.attempt(B, "500");
    assert_eq!(worker.record(B).streaks, [0; 3]);
    assert_eq!(price_of_success(&worker, B), 1, "the address, and it is nobody's");
}

#[test]
fn an_address_that_nobody_watches_costs_one_host_call() {
    let worker = Worker::alone("{}");
    assert_eq!(price_of_success(&worker, "10.9.9.9:80"), 1);
}

#[test]
fn without_ejection_nothing_is_asked_and_nothing_ticks() {
    let document = document("{}").replace(r#""outlier": {}"#, r#""cluster": "web""#);
    let worker = Worker::of(&SharedStore::default(), "one", &document);
    assert_eq!(worker.host.tick_period(), Duration::ZERO);
    assert_eq!(price_of_success(&worker, A), 0);
}

#[test]
fn a_tick_with_nothing_to_do_costs_two_host_calls() {
    let mut worker = awake();
    assert_eq!(worker.host.tick_period(), switchyard_outlier::TICK);
    // Within a bucket.
    worker.pass(100);
    for _ in 0..50 {
        worker.attempt(B, "200");
        worker.host.forget_calls();
        worker.pass(20);
        assert_eq!(worker.host.all_calls(), 2, "the time, news");
    }
}

#[test]
fn the_first_attempt_after_a_while_costs_three_more_and_sets_the_ticks_going() {
    let worker = Worker::alone("{}");
    assert_eq!(worker.host.tick_period(), Duration::ZERO, "the main thread, or nothing has come yet");
    worker.host.forget_calls();
    worker.attempt(A, "200");
    assert_eq!(worker.host.all_calls(), 6, "the ticks, the time, news");
    assert_eq!(worker.host.tick_period(), switchyard_outlier::TICK);
}
