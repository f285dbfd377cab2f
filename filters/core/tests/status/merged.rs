//! What workers say, put together: what is one thing counts once, however many tell of it.

use super::page::{NOW, endpoint, json, watched};
use super::{Nothing, at, nothing_seen};
use serde_json::Value;
use switchyard_core::status::{
    EndpointView, MOST_COUNTERS, MOST_UPSTREAMS, Snapshot, SnapshotWriter, UpstreamView, Worker,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn worker(number: u32, vm: u32, configured: u64, written: u64) -> Worker {
    let (began, configured, written) = (at(NOW - 60_000), at(configured), at(written));
    Worker { number, vm, queue: number, began, configured, written }
}

fn upstream<'a>(name: &'a str, policy: &'a str, endpoints: u32) -> UpstreamView<'a> {
    UpstreamView { name, cluster: "web", policy, source: "document", read_at: at(0), endpoints }
}

fn of(worker: Worker, fill: impl FnOnce(&mut SnapshotWriter)) -> Snapshot {
    let mut said = SnapshotWriter::new(worker);
    fill(&mut said);
    Snapshot::decode(said.finish().expect("memory")).expect("a snapshot")
}

fn shown(workers: impl IntoIterator<Item = Snapshot>) -> Value {
    let mut seen = nothing_seen(at(NOW));
    seen.workers = workers.into_iter().map(|one| ("router", one)).collect();
    json(&seen, &Nothing)
}

/// The counter of this name.
fn counter(shown: &Value, name: &str) -> Option<u64> {
    let all = shown["counters"].as_array().into_iter().flatten();
    all.filter(|one| one["name"] == name).find_map(|one| one["value"].as_u64())
}

#[test]
fn what_a_vm_has_counts_once_whichever_of_its_roots_tell_of_it() {
    let says = |number, vm, written, in_flight| {
        of(worker(number, vm, NOW, written), |said| {
            said.amount_of_vm("switchyard.waits", "_count", u64::from(number) * 10);
            said.amount("switchyard.flights", 1);
            said.upstream(&upstream("web", "random", 1));
            said.endpoint(&endpoint("10.0.0.1:80", in_flight));
        })
    };
    let shown = shown([says(1, 1, NOW - 3, 5), says(2, 2, NOW - 2, 7), says(3, 1, NOW - 1, 6)]);
    assert_eq!(counter(&shown, "waits_count"), Some(20 + 30), "of each VM the last word");
    assert_eq!(counter(&shown, "flights"), Some(3), "each root's own");
    assert_eq!(shown["upstreams"][0]["endpoints"][0]["in_flight"], 7 + 6);
    let other = of(worker(1, 1, NOW, NOW), |said| said.amount_of_vm("switchyard.waits", "_count", 4));
    let mut seen = nothing_seen(at(NOW));
    seen.workers = vec![("router", says(1, 1, NOW, 0)), ("outlier", other)];
    assert_eq!(counter(&json(&seen, &Nothing), "waits_count"), Some(14), "numbers are each module's own");
}

#[test]
fn of_an_upstream_the_word_of_the_newest_document_counts_whoever_speaks_last() {
    let says = |number, configured, written, policy: &str, address: &str| {
        of(worker(number, number, configured, written), |said| {
            said.counter("switchyard.held", || Some(u64::from(number)));
            said.upstream(&upstream("web", policy, 1));
            said.endpoint(&EndpointView { weight: number, ..endpoint(address, 0) });
        })
    };
    let (new, old) = ((NOW - 1_000, NOW - 500), (NOW - 9_000, NOW - 100));
    let shown = shown([
        says(7, new.0, new.1, "ring_hash", "10.0.0.1:80"),
        says(3, old.0, old.1, "random", "10.0.0.1:80"),
    ]);
    let web = &shown["upstreams"][0];
    assert_eq!((&web["policy"], &web["endpoints"][0]["weight"]), (&"ring_hash".into(), &7.into()));
    assert_eq!(counter(&shown, "held"), Some(3), "what the whole process has is the last word's");
}

#[test]
fn what_all_workers_leave_out_is_counted_once() {
    let names: Vec<_> = (0..MOST_COUNTERS + 7).map(|number| format!("switchyard.c{number:04}")).collect();
    let upstreams: Vec<_> = (0..MOST_UPSTREAMS + 9).map(|number| format!("u{number}")).collect();
    let addresses: Vec<_> =
        (0..1_003).map(|number| format!("10.0.{}.{}:80", number / 250, number % 250)).collect();
    let parts = |number: u32| {
        let half = |first: bool| names.iter().filter(move |name| (name.as_bytes()[14] % 2 == 0) == first);
        let of_names = |number, first| {
            of(worker(number, number, NOW, NOW), |said| {
                half(first).for_each(|name| said.counter(name, || Some(1)))
            })
        };
        let large = of(worker(number + 2, number + 2, NOW, NOW), |said| {
            said.upstream(&upstream("large", "random", 1_003));
            addresses.iter().all(|address| said.endpoint(&endpoint(address, 1)));
        });
        let rest = of(worker(number + 3, number + 3, NOW, NOW), |said| {
            for name in &upstreams {
                assert!(said.upstream(&upstream(name, "random", 0)));
            }
        });
        [of_names(number, true), of_names(number + 1, false), large, rest]
    };
    let shown = shown([1, 11, 21, 31].into_iter().flat_map(parts));
    assert_eq!(shown["counters"].as_array().map(Vec::len), Some(MOST_COUNTERS));
    assert_eq!(shown["counters_left_out"], 7);
    assert_eq!(shown["upstreams_left_out"], 10);
    let large = &shown["upstreams"][0];
    let told = large["endpoints"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(large["endpoints_left_out"], 1_003 - told, "{told}");
}

#[test]
fn what_has_no_room_in_a_snapshot_is_counted_once_for_all_workers() {
    let says = |number| {
        of(worker(number, number, NOW, NOW), |said| {
            said.keep_room(usize::MAX);
            for name in 0..5_000 {
                said.upstream(&upstream(&format!("upstream-{name:060}"), "random", 0));
            }
            for name in 0..4_000 {
                said.counter(&format!("switchyard.route=.={name:060};.;decisions_total"), || Some(1));
            }
        })
    };
    let mut seen = nothing_seen(at(NOW));
    seen.workers = (1..4).map(|number| ("router", says(number))).collect();
    let told = json(&seen, &Nothing);
    for (list, all) in [("upstreams", 5_000), ("counters", 4_000)] {
        let whole = told[list].as_array().map_or(0, Vec::len) as u64;
        assert!(whole >= 150, "{list}: {whole}");
        assert_eq!(told[format!("{list}_left_out")], all - whole, "{list}");
    }
    assert_eq!(told["workers"][0]["truncated"], true);
    // Of those that have no room outlier knows one, whether it is shown or not.
    seen.watched = vec![watched("upstream-of-outlier", 1)];
    let known = json(&seen, &Nothing);
    let shown = known["upstreams"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(known["upstreams_left_out"], 5_000 - shown);
}

#[test]
fn a_share_that_nobody_has_looked_for_yet_is_not_known() {
    let shown = shown([of(worker(1, 1, NOW, NOW), |said| {
        said.upstream(&upstream("web", "ring_hash", 1));
        said.endpoint(&EndpointView { share_ppm: None, ..endpoint("10.0.0.1:80", 0) });
    })]);
    assert_eq!(shown["upstreams"][0]["endpoints"][0]["share_ppm"], Value::Null);
}
