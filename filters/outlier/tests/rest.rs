//! Ticks that are asked for: none while nothing happens, and none too few for what is left to do.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_host::fake::SharedStore;
use switchyard_outlier::Root;
use worker::{A, B, START, Worker, document, take_log};

const TEN_SECONDS: Duration = Duration::from_secs(10);

#[test]
fn a_worker_rests_once_its_counts_are_told_and_their_window_is_over() {
    let mut worker = Worker::alone("{}");
    assert_eq!(worker.rest(60_000), 0);
    worker.attempt(A, "200");
    // A second of quick ticks, then one for each end of a bucket, and one more for its evaluation, while the window has anything.
    let ticks = worker.rest(60_000);
    assert!((50..=50 + 2 * 8).contains(&ticks), "{ticks}");
    assert_eq!(worker.host.tick_period(), Duration::ZERO);
    assert_eq!(worker.counts(A, TEN_SECONDS).attempts, 0, "the window has passed");
    assert_eq!(worker.rest(3_600_000), 0);
}

#[test]
fn the_first_attempt_after_a_rest_is_of_its_own_time() {
    let mut worker = Worker::alone(r#"{"consecutive_5xx": 1}"#);
    worker.attempt(B, "200");
    worker.rest(100_000);
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).since, Timestamp::from_millis(START + 100_000));
}

#[test]
fn an_ejection_ends_in_time_though_nothing_comes_and_few_ticks_are_spent_on_it() {
    take_log();
    let mut worker = Worker::alone(r#"{"consecutive_5xx": 1}"#);
    worker.attempt(A, "500");
    let ticks = worker.rest(29_990);
    assert!(ticks < 50 + 45, "{ticks}");
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.rest(120);
    assert_eq!(worker.record(A).health, Health::HalfOpen, "within 100 ms and a tick");
    // Nobody tries it, and it is back after as long again.
    worker.rest(30_200);
    assert_eq!(worker.record(A).health, Health::Healthy);
    worker.rest(20_000);
    assert_eq!(worker.host.tick_period(), Duration::ZERO);
}

#[test]
fn an_ejection_ends_in_time_though_the_clock_is_set_back_by_an_hour() {
    let mut worker = Worker::alone(r#"{"consecutive_5xx": 1}"#);
    worker.now += 3_600_000;
    worker.pass(100);
    worker.attempt(A, "500");
    worker.pass(100);
    assert_eq!(worker.record(A).health, Health::Ejected);
    worker.now -= 3_600_000;
    // What is left of it begins anew, and is noticed within a second.
    worker.rest(31_200);
    assert_eq!(worker.record(A).health, Health::HalfOpen);
}

#[test]
fn a_configuration_that_takes_over_brings_back_who_is_out_though_nothing_comes() {
    let mut worker = Worker::alone(r#"{"consecutive_5xx": 1}"#);
    worker.attempt(A, "500");
    worker.pass(100);
    worker.root = Root::new(2);
    assert!(worker.root.configure(&worker.host));
    worker.rest(30_200);
    assert_eq!(worker.record(A).health, Health::HalfOpen);
}

#[test]
fn an_attempt_that_hangs_keeps_looked_for_stalls() {
    let mut worker = Worker::alone(r#"{"stall": {"limit": "5s", "requests": 1}}"#);
    let hangs = worker.begin(A);
    worker.rest(5_100);
    assert_eq!(worker.record(A).health, Health::Ejected);
    drop(hangs);
}

#[test]
fn what_other_workers_said_at_rest_is_known_to_the_first_attempt() {
    let store = SharedStore::default();
    let one = Worker::of(&store, "one", &document(r#"{"consecutive_5xx": 1}"#));
    let mut two = Worker::of(&store, "two", &document(r#"{"consecutive_5xx": 1}"#));
    two.attempt(B, "200");
    two.rest(60_000);
    one.host.set_now(Timestamp::from_millis(START + 60_000));
    one.attempt(A, "500");
    two.host.forget_calls();
    two.attempt(A, "500");
    assert_eq!(two.host.calls("proxy_set_shared_data"), 0, "it is ejected, and its failures are no news");
}
