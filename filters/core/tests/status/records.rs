//! What filters leave for the page in shared data.

use super::at;
use core::time::Duration;
use switchyard_core::Locality;
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Reason, Transition, Verdict};
use switchyard_core::status::{
    Configurations, EndpointView, MOST_ROOTS, MOST_SNAPSHOT, MOST_TRANSITIONS, Record, Snapshot,
    SnapshotWriter, Told, Transitions, UpstreamView, Worker,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn reread(all: &Configurations) -> Configurations {
    let again = Configurations::decode(&all.encode().expect("memory")).expect("its own");
    assert_eq!(again, *all);
    again
}

#[test]
fn one_document_counts_once_however_many_threads_take_it() {
    let mut all = Configurations::default();
    for (thread, is_news) in [true, false, false].into_iter().enumerate() {
        assert_eq!(all.accept("shop", 7, "2 routes", at(thread as u64)), is_news);
    }
    assert!(all.accept("shop", 8, "3 routes", at(1_000)));
    assert!(all.accept("other", 8, "3 routes", at(1_000)), "another root's is its own");
    let all = reread(&all);
    let shop = all.roots().iter().find(|one| &*one.root == "shop").expect("the root");
    let in_force = shop.in_force.as_ref().expect("a document");
    assert_eq!(
        (shop.accepted, in_force.hash, in_force.since, &*in_force.summary),
        (2, 8, at(1_000), "3 routes")
    );
}

/// Two listeners with one `root_id`, whose threads take their documents by turns.
#[test]
fn documents_that_are_taken_by_turns_count_once_each_and_one_that_comes_back_counts_again() {
    let mut all = Configurations::default();
    for thread in 0..20 {
        all.accept("shop", 7 + thread % 2, "2 routes", at(thread));
    }
    let count = |all: &Configurations| all.roots()[0].accepted;
    assert_eq!(count(&all), 2);
    all.accept("shop", 7, "2 routes", at(59_000));
    assert_eq!((count(&all), all.roots()[0].in_force.as_ref().map(|known| known.hash)), (2, Some(7)));
    all.accept("shop", 8, "2 routes", at(61_001));
    let mut all = reread(&all);
    assert_eq!(count(&all), 3, "a roll-back");
    for hash in 0..1_000 {
        all.accept("shop", 100 + hash, "x", at(62_000));
    }
    assert!(all.encode().expect("memory").len() < 400);
}

#[test]
fn a_refusal_counts_once_and_again_when_it_is_tried_again_later() {
    let mut all = Configurations::default();
    let told = [(0, "no"), (4_999, "no"), (5_000, "no"), (5_001, "nor this")];
    assert_eq!(told.map(|(millis, why)| all.refuse("shop", why, at(millis))), [true, false, true, true]);
    let all = reread(&all);
    let [one] = all.roots() else { panic!("{all:?}") };
    assert_eq!((one.refused, one.in_force.is_none()), (3, true));
    assert_eq!(
        one.refusal.as_ref().map(|refused| (&*refused.text, refused.at)),
        Some(("nor this", at(5_001)))
    );
}

#[test]
fn roots_and_texts_are_bounded() {
    let mut all = Configurations::default();
    for root in 0..10 * MOST_ROOTS {
        all.refuse(&format!("{root}"), &"é".repeat(100_000), at(0));
    }
    assert_eq!(reread(&all).roots().len(), MOST_ROOTS);
    assert_eq!(&*all.roots()[0].root, "159", "the last one comes first");
    assert!(all.encode().expect("memory").len() < MOST_ROOTS * 3_000);
}

fn told(number: u64) -> Told {
    let transition = Transition {
        key: EndpointKey(number),
        from: Health::Healthy,
        to: Health::Ejected,
        verdict: Some(Verdict::new(Reason::Stall, "x".repeat(1_000))),
        lasts: Duration::from_secs(30),
        times: 3,
    };
    Told::of(&transition, (&"u".repeat(1_000), &format!("10.0.0.1:{number}")), false, at(number))
}

#[test]
fn the_last_transitions_are_kept_and_no_more() {
    let mut all = Transitions::default();
    for number in 0..250 {
        all.add(told(number));
    }
    let bytes = all.encode().expect("memory");
    assert!(bytes.len() < 64 << 10, "{}", bytes.len());
    let again = Transitions::decode(&bytes).expect("its own");
    assert_eq!(again, all);
    let kept: Vec<_> = again.newest().map(|told| told.at.as_millis()).collect();
    assert_eq!((kept.len(), kept[0], kept[MOST_TRANSITIONS - 1]), (MOST_TRANSITIONS, 249, 150));
    assert_eq!(again.newest().next().and_then(|told| told.reason), Some(Reason::Stall));
}

fn view(address: &str) -> EndpointView<'_> {
    EndpointView {
        address,
        locality: Locality { region: "eu".into(), zone: "b".into(), sub_zone: "".into() },
        priority: 1,
        weight: 2,
        share_ppm: Some(3),
        health: Health::HalfOpen,
        in_flight: 4,
        expected: Duration::from_micros(5),
    }
}

const WORKER: Worker =
    Worker { number: 1, vm: 6, queue: 2, began: at_const(3), configured: at_const(5), written: at_const(4) };

const fn at_const(millis: u64) -> switchyard_core::Timestamp {
    switchyard_core::Timestamp::from_millis(millis)
}

#[test]
fn a_snapshot_says_what_was_put_into_it() {
    let upstream = UpstreamView {
        name: "web",
        cluster: "c",
        policy: "random",
        source: "etcd",
        read_at: at(9),
        endpoints: 7,
    };
    let mut said = SnapshotWriter::new(WORKER);
    said.counter("switchyard.decisions", || Some(12));
    said.counter("switchyard.unreadable", || None);
    said.amount("switchyard.flights", 13);
    said.amount_of_vm("switchyard.waits", "_sum", 14);
    assert!(said.upstream(&upstream));
    assert!(said.endpoint(&view("10.0.0.1:80")));
    assert!(said.endpoint(&EndpointView { share_ppm: None, ..view("10.0.0.2:80") }));
    let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
    assert_eq!(said.worker, WORKER);
    let records = [
        Record::Counter("switchyard.decisions", 12),
        Record::Amount("switchyard.flights", 13),
        Record::AmountOfVm("switchyard.waits_sum", 14),
        Record::Upstream(upstream),
        Record::Endpoint(view("10.0.0.1:80")),
        Record::Endpoint(EndpointView { share_ppm: None, ..view("10.0.0.2:80") }),
    ];
    assert_eq!(said.records().collect::<Vec<_>>(), records);
}

fn an_upstream(name: &str) -> UpstreamView<'_> {
    let (cluster, policy, source) = (name, "random", "document");
    UpstreamView { name, cluster, policy, source, read_at: at(0), endpoints: 1 }
}

/// As many upstreams of an endpoint each, and behind them as many counters; what is whole of both, and what is left out.
fn told_of(upstreams: usize, counters: usize, long: usize) -> ((usize, usize), (u32, u32)) {
    let name = |number: usize| format!("switchyard.route=.={number:0long$};.;decisions_total");
    let names: Vec<_> = (0..counters).map(name).collect();
    let mut said = SnapshotWriter::new(WORKER);
    said.keep_room(names.iter().map(|name| SnapshotWriter::room_of(name.len())).sum());
    let mut asked_for = 0;
    for number in 0..upstreams {
        if said.upstream(&an_upstream(&format!("upstream-{number:0long$}"))) {
            said.endpoint(&view("10.0.0.1:80"));
        }
    }
    for name in &names {
        said.counter(name, || {
            asked_for += 1;
            Some(1)
        });
    }
    let bytes = said.finish().expect("memory");
    assert!(bytes.len() <= MOST_SNAPSHOT, "{}", bytes.len());
    let said = Snapshot::decode(bytes).expect("a snapshot");
    let count = |is: fn(&Record<'_>) -> bool| said.records().filter(is).count();
    let whole =
        (count(|one| matches!(one, Record::Upstream(_))), count(|one| matches!(one, Record::Counter(..))));
    assert_eq!(asked_for, whole.1, "no value is asked for in vain");
    let left_out = match said.records().last() {
        Some(Record::Truncated { counters, upstreams }) => (counters, upstreams),
        _ => (0, 0),
    };
    (whole, left_out)
}

#[test]
fn neither_counters_nor_upstreams_push_the_other_out_and_what_is_left_out_is_counted() {
    assert_eq!(told_of(3, 4, 1), ((3, 4), (0, 0)));
    for (upstreams, counters) in [(5_000, 4_000), (5_000, 3), (3, 4_000)] {
        let (whole, left_out) = told_of(upstreams, counters, 40);
        assert!(whole.0 >= upstreams.min(100) && whole.1 >= counters.min(250), "{whole:?}");
        let all = (whole.0 + left_out.1 as usize, whole.1 + left_out.0 as usize);
        assert_eq!(all, (upstreams, counters), "{whole:?} and {left_out:?}");
    }
    let [few, many] = [3, 4_000].map(|counters| told_of(5_000, counters, 40).0.0);
    assert!(few > many + many / 2, "what counters do not need upstreams have: {few} {many}");
}

#[test]
fn a_snapshot_is_bounded_and_says_that_it_is_cut_short() {
    let mut said = SnapshotWriter::new(WORKER);
    let addresses: Vec<String> = (0..100_000).map(|number| format!("10.0.0.1:{number}")).collect();
    let told = addresses.iter().take_while(|address| said.endpoint(&view(address))).count();
    assert!(said.is_cut() && !said.upstream(&an_upstream("small")), "nothing of its kind comes behind a gap");
    let bytes = said.finish().expect("memory");
    assert!(bytes.len() <= MOST_SNAPSHOT, "{}", bytes.len());
    let said = Snapshot::decode(bytes).expect("a snapshot");
    assert_eq!(said.records().last(), Some(Record::Truncated { counters: 0, upstreams: 1 }));
    let whole = said.records().filter(|record| matches!(record, Record::Endpoint(_))).count();
    assert!(whole == told && (500..2_000).contains(&whole), "{whole}");
}

#[test]
fn a_table_of_another_version_is_not_taken_for_an_empty_one() {
    for bytes in [&[2_u8][..], &[0, 1, 2], &[9; 40]] {
        assert_eq!(Configurations::decode(bytes), None);
        assert_eq!(Transitions::decode(bytes), None);
    }
    assert_eq!(Configurations::decode(&[]), Some(Configurations::default()));
    assert_eq!(Transitions::decode(&[]), Some(Transitions::default()));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_any_of_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), layout in any::<bool>()) {
            let mut bytes = bytes;
            if layout && let Some(first) = bytes.first_mut() {
                *first = 1;
            }
            prop_assert!(Configurations::decode(&bytes).is_none_or(|all| all.roots().len() <= MOST_ROOTS));
            prop_assert!(Transitions::decode(&bytes).is_none_or(|all| all.newest().count() <= MOST_TRANSITIONS));
            if let Some(snapshot) = Snapshot::decode(bytes) {
                prop_assert!(snapshot.records().count() <= 400);
            }
        }
    }
}
