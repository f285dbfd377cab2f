//! The JSON.

use super::{Nothing, Tables, at, nothing_seen};
use core::time::Duration;
use serde_json::Value;
use switchyard_core::Locality;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Counts, EndpointKey, Ledger, Reason, Record, Settings, Tally, Transition, Verdict, Watched,
    WatchedEndpoint, bucket_at,
};
use switchyard_core::status::{
    EndpointView, MOST_ENDPOINTS, MOST_UPSTREAMS, Seen, Snapshot, SnapshotWriter, Told, UpstreamView, Worker,
    write,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(super) const NOW: u64 = 1_700_000_000_000;

pub(super) fn json(seen: &Seen<'_>, tables: &impl Tables) -> Value {
    let bytes = write(seen, tables).expect("memory");
    assert!(!bytes.iter().any(|byte| b"<>&".contains(byte)), "markup");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(super) fn endpoint(address: &str, in_flight: u32) -> EndpointView<'_> {
    EndpointView {
        address,
        locality: Locality { region: "eu".into(), zone: "b".into(), sub_zone: "".into() },
        priority: 0,
        weight: 2,
        share_ppm: Some(500_000),
        health: Health::Healthy,
        in_flight,
        expected: Duration::ZERO,
    }
}

/// A worker that says this of one upstream.
fn says(number: u32, written: u64, name: &str, endpoints: &[EndpointView<'_>]) -> Snapshot {
    let (began, configured) = (at(NOW - 60_000), at(NOW - 60_000));
    let worker = Worker { number, vm: number, queue: number, began, configured, written: at(written) };
    let mut said = SnapshotWriter::new(worker);
    let decisions = Some(u64::from(number) * 10);
    said.counter("switchyard.route=.=all;.;upstream=.=web;.;decisions", || decisions);
    said.amount("switchyard.route=.=all;.;flights", u64::from(number));
    let endpoints_in_all = endpoints.len() as u32;
    let (cluster, policy, source) = ("web", "ring_hash", "document");
    said.upstream(&UpstreamView {
        name,
        cluster,
        policy,
        source,
        read_at: at(0),
        endpoints: endpoints_in_all,
    });
    endpoints.iter().all(|one| said.endpoint(one));
    Snapshot::decode(said.finish().expect("memory")).expect("a snapshot")
}

pub(super) fn watched(name: &str, endpoints: usize) -> Watched {
    let one = |number| WatchedEndpoint {
        address: format!("10.0.0.1:{number}").into(),
        ejected_by_hand: number == 0,
        elsewhere: false,
    };
    Watched {
        name: name.into(),
        cluster: name.into(),
        endpoints: (0..endpoints).map(one).collect(),
        called: false,
        settings: Settings::default(),
    }
}

#[test]
fn nothing_is_well_formed_too() {
    let seen = json(&nothing_seen(at(NOW)), &Nothing);
    assert_eq!(
        (&seen["version"], &seen["time_ms"], &seen["asking"], &seen["counters_at_ms"]),
        (&1.into(), &NOW.into(), &false.into(), &Value::Null)
    );
    for list in ["configurations", "workers", "upstreams", "counters", "transitions"] {
        assert_eq!(seen[list], Value::Array(Vec::new()), "{list}");
    }
}

#[test]
fn what_workers_have_of_their_own_is_added_up_and_of_all_else_the_last_word_counts() {
    let mut seen = nothing_seen(at(NOW));
    let workers = [
        says(2, NOW - 100, "web", &[endpoint("10.0.0.1:80", 3), endpoint("10.0.0.2:80", 1)]),
        says(1, NOW - 200, "web", &[endpoint("10.0.0.1:80", 2)]),
        says(3, NOW - 20_000, "web", &[endpoint("10.0.0.9:80", 9)]),
    ];
    seen.workers = workers.into_iter().map(|one| ("router", one)).collect();
    let seen = json(&seen, &Nothing);
    let web = &seen["upstreams"][0];
    assert_eq!(
        web["endpoints"].as_array().map(Vec::len),
        Some(2),
        "what was said long ago is not of now: {web}"
    );
    assert_eq!(
        (&web["endpoints"][0]["in_flight"], &web["endpoints"][0]["zone"]),
        (&5.into(), &"eu/b".into())
    );
    let (flights, decisions) = (&seen["counters"][0], &seen["counters"][1]);
    assert_eq!((&flights["name"], &flights["value"]), (&"flights".into(), &3.into()), "of both together");
    assert_eq!(
        (&decisions["name"], &decisions["value"]),
        (&"decisions".into(), &20.into()),
        "the last one's"
    );
    assert_eq!(decisions["labels"], serde_json::json!({"route": "all", "upstream": "web"}));
    assert_eq!(seen["workers"][2]["said_ms_ago"], 20_000);
    assert_eq!(seen["counters_at_ms"], NOW - 100, "when the last one has spoken");
}

/// One endpoint is ejected, and has been for ten seconds of thirty; of four attempts one failed.
struct Ejected;

impl Tables for Ejected {
    fn ledger(&self, _upstream: &str) -> Ledger {
        let mut ledger = Ledger::default();
        let mut record = Record::new(EndpointKey::of("10.0.0.1:1"));
        (record.health, record.reason, record.times) = (Health::Ejected, Some(Reason::Latency), 2);
        (record.since, record.until) = (at(NOW - 10_000), at(NOW + 20_000));
        ledger.put(record);
        ledger
    }

    fn tally(&self, _upstream: &str) -> Tally {
        let mut counts = Counts { attempts: 4, failures: 1, ..Counts::default() };
        counts.latency.add(Duration::from_millis(3));
        let mut tally = Tally::default();
        tally.add(EndpointKey::of("10.0.0.1:1"), bucket_at(NOW, Settings::default().interval), &counts);
        tally
    }
}

#[test]
fn an_endpoint_is_shown_as_all_workers_know_it_though_no_worker_has_spoken() {
    let mut seen = nothing_seen(at(NOW));
    seen.watched = vec![watched("web", 3)];
    let verdict = Verdict::new(Reason::Latency, "p90 of 20 answers is 400 ms".to_owned());
    let transition = Transition {
        key: EndpointKey(1),
        from: Health::Healthy,
        to: Health::Ejected,
        verdict: Some(verdict),
        lasts: Duration::from_secs(30),
        times: 2,
    };
    seen.transitions.add(Told::of(&transition, ("web", "10.0.0.1:1"), false, at(NOW - 10_000)));
    let seen = json(&seen, &Ejected);
    let all = &seen["upstreams"][0]["endpoints"];
    let states: Vec<_> = all.as_array().expect("endpoints").iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["withdrawn", "ejected", "healthy"]);
    let one = &all[1];
    assert_eq!(
        (&one["reason"], &one["evidence"]),
        (&"latency".into(), &"p90 of 20 answers is 400 ms".into())
    );
    assert_eq!(
        (&one["since_ms_ago"], &one["until_in_ms"], &one["times_ejected"]),
        (&10_000.into(), &20_000.into(), &2.into())
    );
    assert_eq!((&one["failure_rate_ppm"], &one["reliability_ppm"]), (&250_000.into(), &562_500.into()));
    assert!(one["latency_p50_us"].as_u64().is_some_and(|us| (3_000..4_500).contains(&us)), "{one}");
    assert_eq!((&all[2]["failure_rate_ppm"], &all[2]["attempts"]), (&Value::Null, &0.into()));
}

#[test]
fn of_too_much_the_beginning_is_shown_and_the_rest_is_counted() {
    let mut seen = nothing_seen(at(NOW));
    seen.watched = vec![watched("large", MOST_ENDPOINTS + 5)];
    seen.watched.extend((0..MOST_UPSTREAMS + 9).map(|number| watched(&format!("u{number}"), 1)));
    let bytes = write(&seen, &Nothing).expect("memory");
    assert!(bytes.len() < 2 << 20, "{}", bytes.len());
    let seen: Value = serde_json::from_slice(&bytes).expect("JSON");
    let large = &seen["upstreams"][0];
    assert_eq!(large["endpoints"].as_array().map(Vec::len), Some(MOST_ENDPOINTS));
    assert_eq!((&large["endpoints_left_out"], &seen["upstreams_left_out"]), (&5.into(), &10.into()));
    assert_eq!(seen["upstreams"][1]["endpoints_left_out"], 1);
}

#[test]
fn a_list_that_a_worker_could_not_tell_whole_is_counted_whole() {
    let mut seen = nothing_seen(at(NOW));
    let addresses: Vec<String> =
        (0..900).map(|number| format!("10.0.{}.{}:80", number / 250, number % 250)).collect();
    let endpoints: Vec<_> = addresses.iter().map(|address| endpoint(address, 0)).collect();
    let long = "z".repeat(64);
    let endpoints: Vec<_> = endpoints
        .into_iter()
        .map(|mut one| {
            (one.locality.region, one.locality.sub_zone) = (long.as_str().into(), long.as_str().into());
            one
        })
        .collect();
    seen.workers = vec![("router", says(1, NOW, "web", &endpoints))];
    let seen = json(&seen, &Nothing);
    let web = &seen["upstreams"][0];
    let shown = web["endpoints"].as_array().map_or(0, Vec::len) as u64;
    assert!(shown < 900);
    assert_eq!(web["endpoints_left_out"].as_u64(), Some(900 - shown));
    assert_eq!(seen["workers"][0]["truncated"], true);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;
    use switchyard_core::status::Configurations;

    proptest! {
        #[test]
        fn no_name_becomes_markup_or_leaves_its_string(text in "\\PC{0,40}|[<>&\"'\\\\/\u{0}-\u{1f}\u{2028}\u{2029}a]{0,40}") {
            let mut configurations = Configurations::default();
            configurations.accept(&text, 1, &text, at(1));
            configurations.refuse(&text, &text, at(1));
            let mut seen = nothing_seen(at(NOW));
            seen.configurations = vec![("router", configurations)];
            let label = format!("switchyard.route=.={text};.;{text}");
            let mut said = SnapshotWriter::new(Worker { written: at(NOW), ..Worker::default() });
            said.counter(&label, || Some(1));
            let upstream = UpstreamView { name: &text, cluster: &text, policy: &text, source: &text, read_at: at(1), endpoints: 1 };
            said.upstream(&upstream);
            said.endpoint(&endpoint(&text, 1));
            let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
            seen.workers = vec![("router", said)];
            let shown = json(&seen, &Nothing);
            prop_assert_eq!(shown["upstreams"][0]["name"].as_str(), Some(&*text));
            prop_assert_eq!(shown["upstreams"][0]["endpoints"][0]["address"].as_str(), Some(&*text));
            prop_assert_eq!(shown["configurations"][0]["last_refusal"]["text"].as_str(), Some(&*text));
        }

        #[test]
        fn no_bytes_of_a_worker_make_it_panic(bytes in prop::collection::vec(0_u8..6, 0..300)) {
            let mut whole = vec![1];
            whole.extend([0; 36]);
            whole.extend(bytes);
            let mut seen = nothing_seen(at(0));
            if let Some(mut snapshot) = Snapshot::decode(whole) {
                snapshot.worker.written = at(NOW);
                seen.now = at(NOW);
                seen.workers = vec![("router", snapshot)];
            }
            json(&seen, &Nothing);
        }
    }
}
