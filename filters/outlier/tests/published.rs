//! outlier.wasm without a document: it watches what the documents in force have put into shared data.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::Part;
use switchyard_frame::Stream as _;
use switchyard_frame::shared::settings;
use switchyard_host::fake::SharedStore;
use worker::{A, B, START, Worker, document};

/// A worker whose plugin has no document.
fn without_document() -> Worker {
    Worker::of(&SharedStore::default(), "outlier", "")
}

/// A request comes under this document, in whichever worker: what the router does then.
fn serve(worker: &Worker, source: &str, number: u64, document: &str) {
    let document = Document::from_plugin_configuration(document.as_bytes()).expect("a document");
    let source = source.as_bytes().to_vec();
    let read_at = Timestamp::from_millis(START + number);
    let mut part = Part::new(source, number, read_at, &document.watched());
    part.turn = settings::published(&worker.host).next_turn(&part.source, number);
    settings::publish(&part, &worker.host);
}

#[test]
fn it_watches_what_is_published_from_the_first_attempt_on() {
    let mut worker = without_document();
    serve(&worker, "router", 1, &document(r#"{"consecutive_5xx": 2}"#));
    worker.attempt(A, "500");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.rest(30_100);
    assert_eq!(worker.record(A).health, Health::HalfOpen);
}

#[test]
fn without_anything_published_attempts_pass_and_nothing_is_judged() {
    let mut worker = without_document();
    worker.attempt(A, "500");
    worker.host.forget_calls();
    worker.attempt(A, "500");
    assert_eq!(worker.host.all_calls(), 0);
    worker.rest(60_000);
    assert_eq!(worker.host.tick_period(), Duration::ZERO);
}

#[test]
fn a_success_costs_what_it_costs_with_a_document() {
    let worker = without_document();
    serve(&worker, "router", 1, &document("{}"));
    worker.attempt(A, "200");
    worker.host.forget_calls();
    worker.attempt(A, "200");
    assert_eq!(worker.host.all_calls(), 3);
}

#[test]
fn a_new_document_is_heard_of_within_a_tick_and_verdicts_stay() {
    let mut worker = without_document();
    serve(&worker, "router", 1, &document(r#"{"consecutive_5xx": 1}"#));
    worker.attempt(A, "500");
    let mut under_way = worker.begin(B);
    serve(&worker, "router", 2, &document(r#"{"consecutive_5xx": 2, "max_ejection_percent": 100}"#));
    worker.pass(20);
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.attempt(B, "500");
    assert_eq!(worker.record(B).health, Health::Healthy, "two consecutive ones from now on");
    worker.attempt(B, "500");
    assert_eq!(worker.record(B).health, Health::Ejected);
    // An attempt ends under what it began with, and is counted.
    worker.answer(&mut under_way, "200");
    under_way.on_done(&worker.host);
    drop(under_way);
    worker.pass(2_000);
    assert_eq!(worker.counts(B, Duration::from_secs(10)).attempts, 3);
}

#[test]
fn documents_of_several_filters_are_all_watched() {
    let worker = without_document();
    serve(&worker, "router", 1, &document(r#"{"consecutive_5xx": 1}"#));
    let other = document(r#"{"consecutive_5xx": 1}"#).replace("web", "api").replace("10.0.0", "10.0.1");
    serve(&worker, "router-inside", 2, &other);
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.host.forget_calls();
    worker.attempt("10.0.1.1:80", "500");
    assert!(worker.host.calls("proxy_set_shared_data") > 0);
}

#[test]
fn a_cluster_without_ejection_that_has_the_same_address_is_told_apart() {
    let worker = without_document();
    let plain = format!(
        r#"{{"name": "plain", "endpoints": [{{"address": "{A}"}}], "balance": {{"policy": "random"}}}}"#
    );
    let both = document(r#"{"consecutive_5xx": 1}"#).replacen('[', &format!("[{plain},"), 1);
    serve(&worker, "router", 1, &both);
    worker.host.set_property("xds.cluster_name", b"plain");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).streaks, [0; 3]);
    worker.host.set_property("xds.cluster_name", b"web");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).health, Health::Ejected);
}

#[test]
fn where_nobody_publishes_anything_it_says_once_that_nothing_is_judged() {
    let mut worker = without_document();
    worker::take_log();
    for _ in 0..200 {
        worker.attempt(A, "500");
        worker.pass(20);
    }
    let warnings = || -> Vec<String> {
        worker::take_log().into_iter().filter(|line| line.contains("attempts pass unjudged")).collect()
    };
    let gauge = || worker.host.counter("switchyard.filter=.=outlier;.;ejection_disconnected");
    assert_eq!((warnings().len(), gauge()), (1, 1));
    serve(&worker, "router", 1, &document(r#"{"consecutive_5xx": 2}"#));
    worker.attempt(A, "500");
    worker.host.set_now(Timestamp::from_millis(START + 4_020));
    worker.root.tick(&worker.host);
    assert_eq!((warnings().len(), gauge()), (0, 0));
}
