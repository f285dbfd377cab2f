//! Single fields of the JSON: when they are there, and what they say.

use super::page::{NOW, endpoint, json, watched};
use super::{Nothing, Tables, at, nothing_seen};
use core::time::Duration;
use serde_json::{Value, json};
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Counts, EndpointKey, Ledger, Reason, Record, Settings, Tally, Transition, Verdict, bucket_at,
};
use switchyard_core::status::{
    EndpointView, MOST_SNAPSHOT, Snapshot, SnapshotWriter, Told, UpstreamView, Worker,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A worker that has spoken now, of one upstream whose list was read then.
fn says(read_at: u64, endpoints: &[EndpointView<'_>]) -> Snapshot {
    let worker = Worker { number: 1, written: at(NOW), ..Worker::default() };
    let mut said = SnapshotWriter::new(worker);
    let (name, count) = ("web", u32::try_from(endpoints.len()).expect("few"));
    let view = UpstreamView {
        name,
        cluster: name,
        policy: "random",
        source: "etcd",
        read_at: at(read_at),
        endpoints: count,
    };
    assert!(said.upstream(&view) && endpoints.iter().all(|one| said.endpoint(one)));
    Snapshot::decode(said.finish().expect("memory")).expect("a snapshot")
}

#[test]
fn a_list_that_was_read_has_an_age_and_one_that_was_not_has_none() {
    let age = |read_at| {
        let mut seen = nothing_seen(at(NOW));
        seen.workers = vec![("router", says(read_at, &[]))];
        json(&seen, &Nothing)["upstreams"][0]["list_age_ms"].clone()
    };
    assert_eq!((age(0), age(NOW - 7_000), age(NOW)), (Value::Null, json!(7_000), json!(0)));
}

#[test]
fn a_worker_that_was_never_asked_has_not_said_anything() {
    let mut seen = nothing_seen(at(NOW));
    let silent = Worker { number: 2, began: at(NOW - 9), ..Worker::default() };
    let silent = SnapshotWriter::new(silent).finish().expect("memory");
    seen.workers = vec![("retry", Snapshot::decode(silent).expect("a snapshot")), ("router", says(0, &[]))];
    let workers = json(&seen, &Nothing)["workers"].clone();
    assert_eq!(
        workers,
        json!([
            {"module": "retry", "number": 2, "vm_age_ms": 9, "said_ms_ago": null, "truncated": false},
            {"module": "router", "number": 1, "vm_age_ms": NOW, "said_ms_ago": 0, "truncated": false},
        ])
    );
}

#[test]
fn an_endpoint_is_withdrawn_by_the_word_of_its_list_and_slow_if_a_worker_expects_so() {
    let mut seen = nothing_seen(at(NOW));
    let with = |address, health, expected| EndpointView { health, expected, ..endpoint(address, 0) };
    let endpoints = [
        with("10.0.0.1:80", Health::Healthy, Duration::ZERO),
        with("10.0.0.2:80", Health::Withdrawn, Duration::from_micros(1_500)),
        with("10.0.0.3:80", Health::Ejected, Duration::ZERO),
    ];
    seen.workers = vec![("router", says(0, &endpoints))];
    let seen = json(&seen, &Nothing);
    let field = |name: &str| [0, 1, 2].map(|place| seen["upstreams"][0]["endpoints"][place][name].clone());
    assert_eq!(field("state"), [json!("healthy"), json!("withdrawn"), json!("unhealthy")]);
    assert_eq!(field("expected_latency_us"), [Value::Null, json!(1_500), Value::Null]);
}

/// Two of an upstream's endpoints are ejected; of them one has had an attempt without a complete answer.
struct TwoEjected;

impl Tables for TwoEjected {
    fn ledger(&self, _upstream: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for address in ["10.0.0.1:1", "10.0.0.1:2"] {
            let key = EndpointKey::of(address);
            ledger.put(Record { health: Health::Ejected, since: at(NOW), ..Record::new(key) });
        }
        ledger
    }

    fn tally(&self, _upstream: &str) -> Tally {
        let mut tally = Tally::default();
        let bucket = bucket_at(NOW, Settings::default().interval);
        let counts = Counts { attempts: 2, failures: 2, ..Counts::default() };
        tally.add(EndpointKey::of("10.0.0.1:1"), bucket, &counts);
        tally
    }
}

fn told(upstream: &str, address: &str, to: Health, evidence: &str) -> Told {
    let transition = Transition {
        key: EndpointKey(1),
        from: Health::HalfOpen,
        to,
        verdict: Some(Verdict::new(Reason::Stall, evidence.to_owned())),
        lasts: Duration::from_secs(30),
        times: 2,
    };
    Told::of(&transition, (upstream, address), true, at(NOW - 10))
}

#[test]
fn the_evidence_is_that_of_the_endpoints_own_last_ejection() {
    let mut seen = nothing_seen(at(NOW));
    seen.watched = vec![watched("web", 3)];
    for told in [
        told("web", "10.0.0.1:1", Health::Ejected, "before"),
        told("web", "10.0.0.1:1", Health::Ejected, "its own"),
        told("web", "10.0.0.1:1", Health::HalfOpen, "it came back"),
        told("other", "10.0.0.1:1", Health::Ejected, "another upstream's"),
        told("web", "10.0.0.1:9", Health::Ejected, "another endpoint's"),
    ] {
        seen.transitions.add(told);
    }
    let seen = json(&seen, &TwoEjected);
    let all = &seen["upstreams"][0]["endpoints"];
    assert_eq!((&all[1]["evidence"], &all[2]["evidence"]), (&json!("its own"), &Value::Null));
    assert_eq!((&all[1]["state"], &all[2]["state"]), (&json!("ejected"), &json!("ejected")));
    let figures = ["attempts", "latency_p50_us", "latency_p90_us"].map(|name| all[1][name].clone());
    assert_eq!(figures, [json!(2), Value::Null, Value::Null], "no answer was complete");
}

#[test]
fn a_transition_is_told_whole() {
    let mut seen = nothing_seen(at(NOW));
    seen.transitions.add(told("web", "10.0.0.1:1", Health::Ejected, "silent"));
    assert_eq!(
        json(&seen, &Nothing)["transitions"],
        json!([{
            "age_ms": 10, "upstream": "web", "address": "10.0.0.1:1", "from": "half_open", "to": "ejected",
            "reason": Reason::Stall.name(), "evidence": "silent", "lasts_ms": 30_000, "times": 2, "shadow": true,
        }])
    );
}

#[test]
fn bytes_of_another_layout_or_beyond_the_bound_are_nobodys() {
    let worker = Worker { number: 7, ..Worker::default() };
    let mut bytes = SnapshotWriter::new(worker).finish().expect("memory");
    assert_eq!(Worker::of(&bytes), Some(worker));
    bytes.resize(MOST_SNAPSHOT, 0);
    assert_eq!(Worker::of(&bytes), Some(worker));
    bytes.push(0);
    assert_eq!(Worker::of(&bytes), None);
    bytes.truncate(100);
    bytes[0] = 9;
    assert_eq!(Worker::of(&bytes), None);
}
