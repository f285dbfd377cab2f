//! What is counted, and under which names and labels: graphs and alerts depend on them.

use crate::worker::{Coalescing, FAILED, GET, Head, OK, PRIVATE, Worker, pass, settle, with, within};
use std::slice;
use switchyard_core::status::Record;
use switchyard_host::fake::SharedStore;

/// How many keys pass, in all workers.
const PASSES: &str = "switchyard.route=.=api;.;coalesce_hit_for_pass_keys";

/// The value of a metric under its whole name.
fn value(worker: &mut Worker, name: &str) -> u64 {
    worker.tick();
    worker.host.counter(name)
}

#[test]
fn names_and_labels_are_these() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    let here = workers[0].follow(GET);
    let there = workers[1].follow(GET);
    let secret = workers[0].send(&with(GET, &[("cookie", "me")]));
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    workers[1].tick();
    for name in [
        "switchyard.route=.=api;.;coalesce_leaders_total",
        "switchyard.route=.=api;.;result=.=local;.;coalesce_followers_total",
        "switchyard.route=.=api;.;result=.=remote;.;coalesce_followers_total",
        "switchyard.route=.=api;.;reason=.=credentials;.;coalesce_passed_total",
    ] {
        assert_eq!(value(&mut workers[0], name), 1, "{name}");
    }
    assert_eq!(
        value(&mut workers[0], "switchyard.route=.=api;.;reason=.=collapsed;.;coalesce_exits_total"),
        2
    );
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("switchyard.filter=.=coalesce;.;version=.={version};.;build_info");
    assert_eq!(value(&mut workers[0], &build), 1);
    drop((here, there, secret));
}

#[test]
fn limits_are_counted_by_the_limit() {
    let mut worker = Worker::alone(&within(r#""max_followers": 1, "max_flights": 1"#));
    let _leader = worker.lead(GET);
    let _follower = worker.follow(GET);
    let _third = worker.lead(GET);
    let _other = worker.lead(&crate::worker::page("/wine"));
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "max_followers")), 1);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "max_flights")), 1);
    assert_eq!(worker.count("coalesce_leaders_total", ("", "")), 1);
}

#[test]
fn answers_for_one_are_counted_by_the_reason() {
    let mut worker = Worker::alone(&within(r#""pass_ttl": "0s", "max_body_bytes": "8B""#));
    let answers: [(Head<'_>, &[u8], &str); 6] = [
        (PRIVATE, b"yours", "private"),
        (&with(OK, &[("cache-control", "no-store")]), b"soup", "no_store"),
        (&with(OK, &[("set-cookie", "a=b")]), b"soup", "set_cookie"),
        (&with(OK, &[("vary", "*")]), b"soup", "vary"),
        (OK, b"much too long", "too_long"),
        (FAILED, b"", "status"),
    ];
    for (head, body, reason) in answers {
        let mut leader = worker.lead(GET);
        let follower = worker.follow(GET);
        worker.respond(&mut leader, head, body);
        worker.deliver();
        assert!(worker.went_on(&follower), "{reason}");
        assert_eq!(worker.count("coalesce_not_shared_total", ("reason", reason)), 1, "{reason}");
        worker.end(leader);
        worker.end(follower);
    }
}

#[test]
fn waits_are_recorded_in_milliseconds() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    pass(slice::from_mut(&mut worker), 120);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;coalesce_wait_milliseconds"), 120);
    drop(follower);
}

#[test]
fn who_looks_sees_flights_those_who_wait_and_what_histograms_were_told() {
    let mut worker = Worker::alone(&within(""));
    let mut first = worker.lead(GET);
    let followers = [worker.follow(GET), worker.follow(GET)];
    let _other = worker.lead(&crate::worker::page("/wine"));
    let amounts = |worker: &mut Worker| {
        let said = worker.looked_at().expect("a snapshot");
        let amounts = said.records().filter_map(|record| match record {
            Record::Amount(name, value) | Record::AmountOfVm(name, value) => {
                Some((name.trim_start_matches("switchyard.route=.=api;.;").to_owned(), value))
            }
            _ => None,
        });
        amounts.collect::<Vec<_>>()
    };
    let under_way = [("coalesce_flights".into(), 2), ("coalesce_waiting".into(), 2)];
    assert_eq!(amounts(&mut worker), under_way);
    pass(slice::from_mut(&mut worker), 120);
    worker.respond(&mut first, OK, b"soup");
    worker.deliver();
    let waits =
        [("coalesce_wait_milliseconds_count".into(), 2), ("coalesce_wait_milliseconds_sum".into(), 240)];
    let landed = [("coalesce_flights".into(), 1), ("coalesce_waiting".into(), 0)];
    assert_eq!(amounts(&mut worker), [landed, waits].concat());
    drop(followers);
}

#[test]
fn gauges_say_what_is_held_now_in_all_workers() {
    const HELD: &str = "switchyard.route=.=api;.;coalesce_bytes_held";
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    let follower = workers[1].follow(GET);
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    workers[0].end(leader);
    assert_eq!(value(&mut workers[1], HELD), 4, "one copy that its client has not read yet");
    workers[1].end(follower);
    workers[0].tick();
    assert_eq!(value(&mut workers[1], HELD), 0);
    for (at, worker) in workers.iter_mut().enumerate() {
        let path = format!("/private/{at}");
        let mut request = worker.lead(&crate::worker::page(&path));
        let follower = worker.follow(&crate::worker::page(&path));
        worker.respond(&mut request, PRIVATE, b"yours");
        worker.deliver();
        worker.end(request);
        worker.end(follower);
        worker.tick();
    }
    assert_eq!(workers[0].host.counter(PASSES), 2);
}

#[test]
fn after_a_reload_gauges_go_on_from_where_they_were() {
    const HELD: &str = "switchyard.route=.=api;.;coalesce_bytes_held";
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert_eq!(value(&mut worker, HELD), 4);
    let mut old = worker.reload(&within(""));
    worker.end(follower);
    worker.end(leader);
    old.on_done(&worker.host);
    let request = worker.lead(GET);
    assert_eq!(value(&mut worker, HELD), 0);
    worker.end(request);
}

/// A worker one of whose keys passes, which it has told.
fn with_a_passing_key(store: &SharedStore) -> Worker {
    let mut worker = Worker::of(store, &within(""));
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.respond(&mut leader, PRIVATE, b"yours");
    worker.deliver();
    worker.end(leader);
    worker.end(follower);
    worker.tick();
    assert_eq!(worker.host.counter(PASSES), 1);
    worker
}

#[test]
fn gauges_of_a_root_that_was_replaced_at_rest_are_zero_though_nobody_ticks_after_it() {
    let mut worker = with_a_passing_key(&SharedStore::default());
    let mut old = worker.reload(&within(""));
    old.on_done(&worker.host);
    assert_eq!(worker.host.counter(PASSES), 0);
}

#[test]
fn a_root_that_goes_takes_off_what_is_its_own_alone() {
    let store = SharedStore::default();
    let mut first = with_a_passing_key(&store);
    let mut second = Worker::of(&store, &within(""));
    let mut leader = second.lead(GET);
    let follower = second.follow(GET);
    second.respond(&mut leader, PRIVATE, b"yours");
    second.deliver();
    second.end(leader);
    second.end(follower);
    second.tick();
    assert_eq!(second.host.counter(PASSES), 2);
    first.reload(&within("")).on_done(&first.host);
    assert_eq!(first.host.counter(PASSES), 1);
}
