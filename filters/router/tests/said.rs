//! What a worker says of its upstreams to the status page, and that it takes bounded work.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::{Record, Snapshot};
use switchyard_host::SharedData as _;
use switchyard_host::fake::FakeHost;
use switchyard_router::Root;

/// A worker with so many upstreams of this policy and so many endpoints each, which has served a request.
fn worker(upstreams: usize, endpoints: usize, policy: &str) -> (Root, FakeHost) {
    let endpoint = |index: usize| format!(r#"{{"address": "10.{}.{}.1:80"}}"#, index / 250, index % 250);
    let endpoints = (0..endpoints).map(endpoint).collect::<Vec<_>>().join(",");
    let upstream = |number: usize| {
        format!(r#"{{"name": "u{number}", "endpoints": [{endpoints}], "balance": {policy}}}"#)
    };
    let upstreams = (0..upstreams).map(upstream).collect::<Vec<_>>().join(",");
    let document = format!(
        r#"{{"default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "u0"}}], "upstreams": [{upstreams}]}}"#
    );
    let (mut root, host) = (Root::new(1), FakeHost::default());
    host.set_configuration(document.as_bytes());
    assert!(root.configure(&host), "the document must be accepted");
    root.serves(&host);
    (root, host)
}

/// Somebody looks a second after the last time.
fn looked_at(root: &mut Root, host: &FakeHost, second: u64) -> Snapshot {
    let said = |host: &FakeHost| {
        let there = host.shared_data(&keys::snapshot("router", 1)).expect("shared data").expect("its place");
        Snapshot::decode(there.value).expect("a snapshot")
    };
    host.set_now(Timestamp::default().plus(Duration::from_secs(1_000 + second)));
    let queue = said(host).worker.queue;
    root.on_queue_ready(host, queue);
    said(host)
}

/// How many endpoints it tells the share of, and of how many not.
fn shares(said: &Snapshot) -> (usize, usize) {
    let endpoints = || {
        said.records().filter_map(|record| match record {
            Record::Endpoint(view) => Some(view.share_ppm),
            _ => None,
        })
    };
    (endpoints().flatten().count(), endpoints().filter(Option::is_none).count())
}

#[test]
fn of_large_tables_so_many_are_looked_through_at_a_time_and_each_once() {
    let (mut root, host) =
        worker(20, 2, r#"{"policy": "maglev", "table_size": 65537, "hash_on": [{"header": "x-user"}]}"#);
    assert_eq!(shares(&looked_at(&mut root, &host, 1)), (32, 8), "a million slots and no more");
    assert_eq!(
        shares(&looked_at(&mut root, &host, 2)),
        (40, 0),
        "those are known, and the others' turn has come"
    );
    let (mut root, host) = worker(20, 2, r#"{"policy": "weighted_random"}"#);
    assert_eq!(shares(&looked_at(&mut root, &host, 1)), (40, 0), "weights take no steps");
}

#[test]
fn many_endpoints_leave_room_for_counters_and_upstreams_without_room_are_counted() {
    let (mut root, host) = worker(30, 200, r#"{"policy": "round_robin"}"#);
    let said = looked_at(&mut root, &host, 1);
    let counters = said.records().filter(|record| matches!(record, Record::Counter(..))).count();
    let upstreams = said.records().filter(|record| matches!(record, Record::Upstream(_))).count();
    let Some(Record::Truncated { counters: 0, upstreams: left_out }) = said.records().last() else {
        panic!("{:?}", said.records().last())
    };
    assert!(counters > 0 && upstreams > 3, "{counters} {upstreams}");
    assert_eq!(upstreams + left_out as usize, 30);
}
