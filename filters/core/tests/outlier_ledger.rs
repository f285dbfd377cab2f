//! The table of states as bytes: what is written, what older and newer modules make of it, and what is no table.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::outlier_support;

use core::time::Duration;
use outlier_support::{SECOND, START, Upstream};
use switchyard_core::health::Health;
use switchyard_core::outlier::{Effects, EndpointKey, Event, Ledger, RECORD_BYTES, Reason, Record, VERSION};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HEADER_BYTES: usize = 8;

/// A record in which no two fields are alike.
fn distinct(key: u64) -> Record {
    Record {
        key: EndpointKey(key),
        health: Health::HalfOpen,
        reason: Some(Reason::Latency),
        shadow: true,
        drained: false,
        trials: 1,
        times: 0x0203,
        multiplier: 0x0405,
        successes: 0x0607,
        streaks: [0x0809, 0x0a0b, 0x0c0d],
        heartbeats: [14, 15],
        since: START,
        until: START.plus(SECOND),
        tried: START.plus(2 * SECOND),
        marked: START.plus(3 * SECOND),
        limit: Duration::from_millis(450),
    }
}

fn ledger(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    records.iter().for_each(|record| ledger.put(*record));
    ledger
}

/// The ledger as a module of version 2 might write it: records are longer by eight bytes.
fn newer(ledger: &Ledger, readable_by: u8) -> Vec<u8> {
    let bytes = ledger.encode();
    let mut newer = vec![VERSION + 1, readable_by];
    newer.extend(u16::try_from(RECORD_BYTES + 8).expect("small").to_le_bytes());
    newer.extend(&bytes[4..HEADER_BYTES]);
    for record in bytes[HEADER_BYTES..].chunks(RECORD_BYTES) {
        newer.extend(record.iter().chain(&[0xff; 8]));
    }
    newer
}

#[test]
fn a_ledger_comes_back_as_it_was_written() {
    for health in [Health::Healthy, Health::Ejected, Health::HalfOpen] {
        for reason in Reason::ALL.map(Some).into_iter().chain([None]) {
            for (shadow, drained) in [(false, false), (false, true), (true, false), (true, true)] {
                let one = Record { health, reason, shadow, drained, ..distinct(7) };
                let ledger = ledger(&[one, distinct(u64::MAX), distinct(0)]);
                assert_eq!(Ledger::decode(&ledger.encode()), ledger);
            }
        }
    }
}

#[test]
fn every_reason_has_a_number_and_a_name_of_its_own() {
    for (place, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(Reason::from_number(reason as u8), Some(reason));
        assert!(Reason::ALL[..place].iter().all(|other| other.name() != reason.name()));
    }
    assert_eq!((Reason::from_number(0), Reason::from_number(11)), (None, None));
}

#[test]
fn records_are_sorted_found_and_replaced() {
    let mut ledger = ledger(&[distinct(5), distinct(1), distinct(9), distinct(5)]);
    assert_eq!(ledger.records().iter().map(|record| record.key.0).collect::<Vec<_>>(), [1, 5, 9]);
    ledger.put(Record { times: 1, ..distinct(5) });
    assert_eq!(ledger.get(EndpointKey(5)).map(|record| record.times), Some(1));
    ledger.retain(|record| record.key.0 != 5);
    assert_eq!((ledger.get(EndpointKey(5)), ledger.records().len()), (None, 2));
}

#[test]
fn blank_records_are_not_written() {
    let ledger = ledger(&[Record::new(EndpointKey(1)), distinct(2), Record::new(EndpointKey(3))]);
    assert_eq!(ledger.encode().len(), HEADER_BYTES + RECORD_BYTES);
    assert_eq!(Ledger::decode(&ledger.encode()).records(), [distinct(2)]);
    assert_eq!(Ledger::default().encode(), [VERSION, 1, 64, 0, 0, 0, 0, 0], "the steady state");
}

#[test]
fn the_layout_of_version_1_stays_as_it_is() {
    let bytes = ledger(&[distinct(0x1122_3344_5566_7788)]).encode();
    let head = [1, 1, 64, 0, 1, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2, 6, 1, 1];
    assert_eq!(bytes[..20], head);
    assert_eq!(bytes[20..34], [3, 2, 5, 4, 7, 6, 9, 8, 0xb, 0xa, 0xd, 0xc, 14, 15]);
    assert_eq!(bytes[34..42], START.as_millis().to_le_bytes());
    assert_eq!(bytes[58..66], (START.as_millis() + 3000).to_le_bytes());
    assert_eq!(bytes[66..70], 450_u32.to_le_bytes());
    assert_eq!((bytes[70..].iter().max(), bytes.len()), (Some(&0), 72));
}

#[test]
fn a_newer_table_that_we_can_read_is_followed_and_not_changed() {
    let mut upstream = Upstream::new(3, |settings| settings.ejection.max_percent = 100);
    upstream.eject(0);
    let mut read = Ledger::decode(&newer(&upstream.ledger, VERSION));
    assert!(read.is_read_only());
    assert_eq!(read.records(), upstream.ledger.records());
    assert_eq!(upstream.cluster().ejected(&read), 1);
    let (before, mut rng) = (read.clone(), upstream.rng.clone());
    let event = Event::Verdict(outlier_support::verdict(Reason::Signal));
    let effects = upstream.cluster().apply(&mut read, EndpointKey(1), &event, START, &mut rng);
    assert_eq!((effects, read), (Effects::default(), before));
}

#[test]
fn what_cannot_be_read_is_empty_and_not_written_over() {
    let good = ledger(&[distinct(1), distinct(2)]).encode();
    let with = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    let cases = [
        ("only newer readers understand it", newer(&ledger(&[distinct(1)]), VERSION + 1)),
        ("records are too short", with(2, 63)),
        ("records are of no length", with(2, 0)),
        ("more records than there are", with(4, 3)),
        ("far more records than there are", with(7, 255)),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("half a header", good[..7].to_vec()),
        ("one byte", vec![1]),
    ];
    for (what, bytes) in cases {
        let ledger = Ledger::decode(&bytes);
        assert!(ledger.records().is_empty() && ledger.is_read_only(), "{what}");
    }
}

#[test]
fn records_in_another_order_are_found_and_grow_by_no_event() {
    let bytes = ledger(&[distinct(1), distinct(5), distinct(9)]).encode();
    let (header, records) = bytes.split_at(HEADER_BYTES);
    let record = |place: usize| &records[place * RECORD_BYTES..][..RECORD_BYTES];
    let swapped = [header, record(2), record(0), record(1)].concat();
    let mut read = Ledger::decode(&swapped);
    for key in [1, 5, 9] {
        assert_eq!(read.get(EndpointKey(key)), Some(&distinct(key)), "{key}");
        read.put(distinct(key));
    }
    assert_eq!((read.records().len(), read.is_read_only()), (3, false));
    let twice = Ledger::decode(&[header, record(0), record(1), record(0)].concat());
    assert_eq!(twice.records(), [distinct(1), distinct(5)]);
}

#[test]
fn no_table_yet_is_an_empty_one_to_be_written() {
    assert_eq!(Ledger::decode(&[]), Ledger::default());
    assert!(!Ledger::default().is_read_only());
    assert_eq!(Ledger::decode(&Ledger::default().encode()), Ledger::default());
}

#[test]
fn an_endpoint_has_the_same_key_in_every_configuration() {
    // XXH64 of the address, seed 0, as Envoy's own vector of "foo".
    assert_eq!(EndpointKey::of("foo"), EndpointKey(3_728_699_739_546_630_719));
    assert_ne!(EndpointKey::of("10.0.0.1:80"), EndpointKey::of("10.0.0.1:81"));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;
    use switchyard_core::outlier::{Failure, Outcome, Readmission};

    fn events() -> [Event; 5] {
        let verdict = outlier_support::verdict(Reason::Signal);
        let heartbeat = Event::Heartbeat { healthy: false };
        [Event::Verdict(verdict), Event::TimePassed, Event::Try, heartbeat, Event::Tried { since: START }]
    }

    /// Bytes behind a header that says that they are records.
    fn table() -> impl Strategy<Value = Vec<u8>> {
        let records = prop::collection::vec(any::<[[u8; 32]; 2]>(), 0..5);
        let (version, readable_by) = (0..3_u8, 0..2_u8);
        (version, readable_by, records).prop_map(|(version, readable_by, records)| {
            let count = u8::try_from(records.len()).expect("few");
            let mut bytes = vec![version, readable_by, 64, 0, count, 0, 0, 0];
            records.iter().flatten().for_each(|half| bytes.extend(half));
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_can_be_read_lived_with_and_written(
            bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..400), table()],
            concurrency: u8,
        ) {
            let read = Ledger::decode(&bytes);
            prop_assert!(read.records().len() * RECORD_BYTES <= bytes.len());
            let mut upstream = Upstream::new(0, |_| ());
            upstream.settings.readmission = Readmission::HalfOpen { concurrency, successes: 1 };
            upstream.settings.heartbeat = Some(outlier_support::heartbeats());
            upstream.members = read.records().iter().map(|record| record.key).chain([EndpointKey(7)]).collect();
            upstream.members.sort_unstable();
            let mut after = read.clone();
            for key in upstream.members.clone() {
                for event in events() {
                    upstream.cluster().apply(&mut after, key, &event, upstream.now, &mut upstream.rng.clone());
                }
                let failure = Outcome::Failure(Failure::Reset);
                let event = Event::Attempt { outcome: failure, started: upstream.now, latency: None };
                upstream.cluster().apply(&mut after, key, &event, upstream.now, &mut upstream.rng.clone());
            }
            prop_assert!(!read.is_read_only() || after == read);
            Ledger::decode(&after.encode());
        }
    }
}
