//! Several workers of one process: what one sees counts for all, and is decided once.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::Reason;
use switchyard_frame::shared::tables::announced;
use switchyard_frame::{Head, Stream as _};
use switchyard_host::fake::{FakeHost, SharedStore};
use switchyard_outlier::Root;
use worker::{A, B, C, START, Worker, document, take_log};

const THREE: &str = r#"{"consecutive_5xx": 3}"#;
const EJECTIONS: &str = "switchyard.upstream=.=web;.;reason=.=consecutive_5xx;.;ejections_total";
const ACTIVE: &str = "switchyard.upstream=.=web;.;ejections_active";

fn two(outlier: &str) -> [Worker; 2] {
    let store = SharedStore::default();
    ["one", "two"].map(|name| Worker::of(&store, name, &document(outlier)))
}

#[test]
fn failures_over_two_workers_eject_exactly_at_the_threshold() {
    let [one, two] = two(THREE);
    for round in 0..2 {
        let failing = if round == 0 { &one } else { &two };
        failing.attempt(A, "500");
        assert_eq!(one.record(A).health, Health::Healthy, "{round}");
        one.attempt(B, "200");
        two.attempt(C, "200");
    }
    one.attempt(A, "500");
    let record = two.record(A);
    assert_eq!((record.health, record.reason), (Health::Ejected, Some(Reason::Consecutive5xx)));
    assert_eq!(record.until, Timestamp::from_millis(START + 30_000));
    assert_eq!((one.record(B).health, one.record(C).health), (Health::Healthy, Health::Healthy));
}

#[test]
fn an_ejection_is_announced_told_and_counted_once() {
    let mut worker = Worker::alone(THREE);
    take_log();
    worker.attempt(A, "500");
    worker.attempt(A, "500");
    let before = announced(&worker.host);
    worker.attempt(A, "500");
    assert_ne!(announced(&worker.host), before);
    assert_eq!(
        take_log(),
        ["switchyard.outlier: ejected 10.0.0.1:80 of web for 30 s: 3 consecutive 5xx, 1st time"]
    );
    let after = announced(&worker.host);
    (0..5).for_each(|_| worker.attempt(A, "500"));
    assert_eq!(announced(&worker.host), after, "attempts that were under way change nothing");
    assert!(take_log().is_empty());
    worker.pass(260);
    assert_eq!((worker.host.counter(EJECTIONS), worker.host.counter(ACTIVE)), (1, 1));
}

#[test]
fn a_success_ends_the_row_and_the_next_success_writes_nothing() {
    let worker = Worker::alone(THREE);
    worker.attempt(A, "500");
    worker.attempt(A, "500");
    worker.attempt(A, "200");
    assert!(worker.record(A).is_blank());
    worker.host.forget_calls();
    worker.attempt(A, "200");
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 0);
    worker.attempt(A, "500");
    worker.attempt(A, "500");
    assert_eq!(worker.record(A).health, Health::Healthy, "it begins anew");
}

#[test]
fn a_success_in_another_worker_ends_the_row_once_that_worker_has_ticked() {
    let [mut one, mut two] = two(THREE);
    two.attempt(B, "200");
    one.attempt(A, "500");
    one.attempt(A, "500");
    two.attempt(A, "200");
    assert_eq!(one.record(A).streaks[0], 2, "it has not heard of the streak");
    two.pass(20);
    two.attempt(A, "200");
    assert!(one.record(A).is_blank());
    one.pass(20);
    one.host.forget_calls();
    one.attempt(A, "200");
    assert_eq!(one.host.calls("proxy_set_shared_data"), 0, "and the first has heard that it is over");
}

#[test]
fn other_workers_stop_counting_against_an_ejected_endpoint_within_a_tick() {
    let [one, mut two] = two(THREE);
    (0..3).for_each(|_| one.attempt(A, "500"));
    two.pass(20);
    two.host.forget_calls();
    two.attempt(A, "500");
    assert_eq!(two.host.calls("proxy_set_shared_data"), 0);
}

/// Three workers with one host, so that their common metrics have one place.
fn three_with(outlier: &str) -> (FakeHost, Vec<Root>) {
    let host = FakeHost::default();
    host.set_configuration(document(outlier).as_bytes());
    host.set_now(Timestamp::from_millis(START));
    let roots = ["one", "two", "three"].map(|name| {
        host.set_property("plugin_root_id", name.as_bytes());
        let mut root = Root::new(1);
        assert!(root.configure(&host));
        root
    });
    (host, roots.into())
}

#[test]
fn an_interval_is_evaluated_by_one_worker_over_what_all_of_them_counted() {
    // Nobody may go, so that each evaluation is counted as one that was spared.
    let (host, mut roots) = three_with(
        r#"{"min_healthy": 3, "enforcing_failure_percentage": 100, "failure_percentage_minimum_hosts": 1,
            "failure_percentage_request_volume": 9, "consecutive_5xx": 0}"#,
    );
    host.set_property("connection.id", &7u64.to_le_bytes());
    host.set_property("upstream.address", A.as_bytes());
    for root in &roots {
        for _ in 0..3 {
            let mut stream = root.stream(10).expect("a configuration");
            host.answer(&[(":status", "500")]);
            stream.on_request_headers(&host, &Head::default(), true);
            stream.on_response_headers(&host, true);
            stream.on_done(&host);
        }
    }
    let spared = |reason| {
        format!("switchyard.upstream=.=web;.;reason=.={reason};.;result=.=overflow;.;ejections_spared_total")
    };
    let mut pass_to = |millis: u64| {
        host.set_now(Timestamp::from_millis(START + millis));
        roots.iter_mut().for_each(|root| root.tick(&host));
    };
    (20..=2_400).step_by(20).for_each(&mut pass_to);
    assert_eq!(host.counter(&spared("failure_percentage")), 1, "one bucket, one draw");
    let attempts = format!("switchyard.upstream=.=web;.;endpoint=.={A};.;endpoint_attempts");
    assert_eq!(host.counter(&attempts), 9);
    // The window holds five buckets of two seconds, and each of its ends is looked at once.
    (2_420..=20_000).step_by(20).for_each(&mut pass_to);
    assert_eq!(host.counter(&spared("failure_percentage")), 5);
}

#[test]
fn time_moves_an_endpoint_once_whoever_notices() {
    let [mut one, mut two] = two(THREE);
    (0..3).for_each(|_| one.attempt(A, "500"));
    take_log();
    one.pass(29_980);
    two.pass(29_980);
    assert_eq!(one.record(A).health, Health::Ejected);
    for _ in 0..10 {
        one.pass(20);
        two.pass(20);
    }
    assert_eq!(one.record(A).health, Health::HalfOpen);
    assert_eq!(take_log(), ["switchyard.outlier: let some requests try 10.0.0.1:80 of web"]);
}

#[test]
fn successes_over_two_workers_readmit() {
    let [mut one, mut two] = two(r#"{"consecutive_5xx": 1}"#);
    one.attempt(A, "500");
    one.pass(30_100);
    two.pass(30_100);
    one.attempt(A, "200");
    two.attempt(A, "200");
    assert_eq!(one.record(A).health, Health::HalfOpen);
    one.attempt(A, "200");
    assert_eq!(one.record(A).health, Health::Healthy);
}

#[test]
fn a_replaced_configuration_decides_nothing_and_still_counts() {
    let store = SharedStore::default();
    let mut old = Worker::of(&store, "one", &document(r#"{"consecutive_5xx": 1}"#));
    old.attempt(A, "500");
    let under_way = old.begin(B);
    let mut new = replace(&old);
    // Both live on, as they do while the old listener drains; only the old one ticks first.
    old.pass(40_000);
    assert_eq!(
        old.record(A).health,
        Health::Ejected,
        "its time is up, but that is not for the old one to say"
    );
    let mut under_way = under_way;
    old.answer(&mut under_way, "200");
    old.complete(&mut under_way);
    old.pass(2_000);
    let counts = old.counts(B, core::time::Duration::from_secs(10));
    assert_eq!(counts.attempts, 1, "its last attempts are counted");
    old.host.set_now(Timestamp::from_millis(START + 42_020));
    new.tick(&old.host);
    assert_eq!(old.record(A).health, Health::HalfOpen);
}

/// A root with the same configuration in the same VM, with another context id.
fn replace(old: &Worker) -> Root {
    let mut new = Root::new(2);
    assert!(new.configure(&old.host));
    new
}

#[test]
fn a_refused_configuration_leaves_the_old_one_in_charge() {
    let mut worker = Worker::alone(r#"{"consecutive_5xx": 1}"#);
    worker.host.set_configuration(b"{\"upstreams\": 1}");
    assert!(!Root::new(2).configure(&worker.host));
    worker.attempt(A, "500");
    worker.pass(30_100);
    assert_eq!(worker.record(A).health, Health::HalfOpen);
}

#[test]
fn a_new_worker_knows_what_the_others_did() {
    let store = SharedStore::default();
    let one = Worker::of(&store, "one", &document(THREE));
    (0..3).for_each(|_| one.attempt(A, "500"));
    let two = Worker::of(&store, "two", &document(THREE));
    two.host.forget_calls();
    two.attempt(A, "500");
    assert_eq!(two.host.calls("proxy_set_shared_data"), 0, "it is ejected");
    assert_eq!(two.record(A).health, Health::Ejected, "a worker that starts does not wipe the table");
}
