//! Budgets that all workers share: what they take together is never more than there is.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::Timestamp;
use switchyard_core::budget::{Budget, BudgetPolicy};
use switchyard_frame::metrics::series_name;
use switchyard_frame::shared::tables::Table;
use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::{GET, OK, START, UNAVAILABLE, Worker, document_with, filter, process};

const TEN_A_SECOND: &str = r#""budget": {"ratio": 0, "min_per_second": 10, "window": "1s"}"#;
const FIFTH: &str = r#""budget": {"ratio": 0.2, "min_per_second": 0, "window": "10s"}"#;

/// Whether a request that fails is tried again; its retry succeeds.
fn retried(worker: &mut Worker) -> bool {
    let mut request = worker.send(&GET);
    let held = worker.fail(&mut request) == Flow::Pause;
    worker.end(request);
    held
}

/// How many of so many failing requests are tried again.
fn retries(worker: &mut Worker, requests: usize) -> usize {
    (0..requests).filter(|_| retried(worker)).count()
}

/// What is left of a shared budget.
fn left(worker: &Worker, kind: &str, name: &str, policy: &BudgetPolicy, at: u64) -> i64 {
    let budget = Budget::decode(&Table::budget(kind, name).read(&worker.host));
    budget.balance(policy, Timestamp::from_millis(START + at))
}

fn two(retry: &str) -> [Worker; 2] {
    Worker::two(&document_with("", &filter(retry)))
}

#[test]
fn two_workers_together_never_take_more_than_there_is() {
    let [mut one, mut two] = two(TEN_A_SECOND);
    let mut taken = 0;
    for round in 0..30 {
        let worker = if round % 3 == 0 { &mut one } else { &mut two };
        taken += usize::from(retried(worker));
    }
    assert_eq!(taken, 10);
    assert_eq!(
        one.count("retries_denied_total", "budget") + two.count("retries_denied_total", "budget"),
        2 * 20
    );
}

#[test]
fn the_requests_of_all_workers_are_deposited_on_ticks() {
    let [mut one, mut two] = two(FIFTH);
    for _ in 0..20 {
        one.succeed();
    }
    assert_eq!(retries(&mut two, 4), 0, "nobody has told the second worker");
    one.pass(50);
    assert_eq!(retries(&mut two, 16), 8, "a fifth of the twenty, and of its own twenty");
}

#[test]
fn a_workers_own_requests_count_at_once() {
    let mut worker = Worker::filter(FIFTH);
    assert_eq!(retries(&mut worker, 50), 10);
}

#[test]
fn requests_are_told_within_a_tick_and_then_no_more() {
    let mut worker = Worker::filter(FIFTH);
    worker.succeed();
    assert_eq!(worker.period(), 50);
    worker.host.forget_calls();
    worker.pass(50);
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 1);
    worker.pass(500);
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 1, "there is nothing new");
}

#[test]
fn what_could_not_be_told_is_told_with_the_next_tick() {
    let mut worker = Worker::filter(FIFTH);
    for _ in 0..10 {
        worker.succeed();
    }
    worker.host.fail("proxy_set_shared_data", Status::InternalFailure);
    worker.pass(100);
    worker.host.recover("proxy_set_shared_data");
    worker.pass(50);
    assert_eq!(retries(&mut worker, 1), 1, "ten requests, and this one");
    assert_eq!(retries(&mut worker, 1), 1);
    assert_eq!(retries(&mut worker, 1), 0);
}

#[test]
fn a_budget_recovers_with_time() {
    let mut worker = Worker::filter(TEN_A_SECOND);
    assert_eq!(retries(&mut worker, 20), 10);
    worker.pass(500);
    assert_eq!(retries(&mut worker, 20), 0);
    worker.pass(500);
    assert_eq!(retries(&mut worker, 20), 10);
}

#[test]
fn a_new_worker_begins_with_what_the_others_have_left() {
    let store = process();
    let document = document_with("", &filter(TEN_A_SECOND));
    let mut one = Worker::of(&store, &document);
    assert_eq!(retries(&mut one, 20), 10);
    let mut two = Worker::of(&store, &document);
    assert_eq!(retries(&mut two, 1), 0);
}

#[test]
fn routes_of_an_upstream_draw_on_its_budget_besides_their_own() {
    let upstream = r#""retry_budget": {"ratio": 0, "min_per_second": 3, "window": "1s"}"#;
    let mut worker = Worker::of(&process(), &document_with(upstream, &filter(TEN_A_SECOND)));
    assert_eq!(retries(&mut worker, 20), 3);
}

#[test]
fn what_the_upstream_gave_is_given_back_when_the_route_has_none() {
    let upstream = r#""retry_budget": {"ratio": 0, "min_per_second": 5, "window": "1s"}"#;
    let route = r#""budget": {"ratio": 0, "min_per_second": 2, "window": "1s"}"#;
    let mut worker = Worker::of(&process(), &document_with(upstream, &filter(route)));
    assert_eq!(retries(&mut worker, 20), 2);
    let policy = BudgetPolicy {
        ratio_ppm: 0,
        min_per_second: 5,
        window: core::time::Duration::from_secs(1),
        max_concurrent: 1,
    };
    assert_eq!(left(&worker, "upstream", "web", &policy, 0), 3);
}

#[test]
fn what_is_left_is_a_gauge() {
    let upstream = r#""retry_budget": {"ratio": 0, "min_per_second": 5, "window": "1s"}"#;
    let mut worker = Worker::of(&process(), &document_with(upstream, &filter(TEN_A_SECOND)));
    assert_eq!(retries(&mut worker, 3), 3);
    worker.pass(50);
    let gauge = |label: (&str, &str)| worker.host.counter(&series_name("retry_budget_balance", &[label]));
    assert_eq!((gauge(("route", "api")), gauge(("upstream", "web"))), (7, 2));
}

#[test]
fn a_budget_in_the_red_is_shown_as_empty() {
    let mut worker =
        Worker::alone(r#"{"num_retries": 10, "budget": {"ratio": 0, "min_per_second": 1, "window": "1s"}}"#);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, UNAVAILABLE, true);
    worker.host.set_property("upstream.request_attempt_count", &11_u64.to_le_bytes());
    worker.end(request);
    worker.pass(50);
    assert_eq!(worker.host.counter(&series_name("retry_budget_balance", &[("route", "api")])), 0);
}

#[test]
fn a_retry_is_taken_from_the_budget_before_it_is_made() {
    let mut worker = Worker::filter(TEN_A_SECOND);
    let mut request = worker.send(&GET);
    worker.host.forget_calls();
    worker.fail(&mut request);
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 1);
    assert!(worker.is_quiet());
    let call = worker.next_call();
    worker.reply(&call, OK, b"fine");
    worker.end(request);
}

#[test]
fn an_upstreams_budget_grows_with_the_requests_of_its_routes() {
    let upstream = r#""retry_budget": {"ratio": 0.2, "min_per_second": 0, "window": "10s"}"#;
    let mut worker = Worker::of(&process(), &document_with(upstream, &filter("")));
    assert_eq!(retries(&mut worker, 50), 10);
}
