//! The ends of what windows count in: buckets of time, steps of latency, tables without anybody.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::outlier_support::{START, Upstream, by_time, heartbeats};
use core::time::Duration;
use switchyard_core::outlier::{
    Check, Cluster, Counts, EndpointKey, Histogram, InFlight, Ledger, RECORD_BYTES, Record, Settings, Tally,
    next_bucket,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_next_bucket_begins_when_what_is_left_of_this_one_is_over() {
    let next = |millis| next_bucket(millis, Duration::from_secs(10)).as_millis();
    assert_eq!([2_000, 2_001, 3_999, 4_000].map(next), [2_000, 1_999, 1, 2_000]);
    assert_eq!(next_bucket(7, Duration::ZERO), Duration::from_millis(1));
}

#[test]
fn an_answer_slower_than_all_steps_counts_in_the_last_one() {
    for seconds in [16, 24, 30, 33, 3_600] {
        let mut histogram = Histogram::default();
        histogram.add(Duration::from_secs(seconds));
        assert_eq!(histogram.volume(), 1, "{seconds} s");
    }
}

#[test]
fn a_tally_in_which_somebody_counts_is_not_empty() {
    let mut tally = Tally::default();
    assert!(tally.is_empty());
    tally.add(EndpointKey(1), 5, &Counts { attempts: 1, ..Counts::default() });
    assert!(!tally.is_empty());
}

#[test]
fn who_waits_for_an_answer_makes_it_not_empty() {
    let mut waiting = InFlight::default();
    assert!(waiting.is_empty());
    let ticket = waiting.start(0, 1, START);
    assert!(!waiting.is_empty());
    waiting.finish(ticket);
    assert!(waiting.is_empty());
}

/// The bytes of a ledger whose records have these keys, in this order.
fn bytes(keys: &[u64]) -> Vec<u8> {
    let one = |key| {
        let mut ledger = Ledger::default();
        ledger.put(Record { times: 1, ..Record::new(EndpointKey(key)) });
        ledger.encode()
    };
    let mut bytes = one(0)[..4].to_vec();
    bytes.extend(u32::try_from(keys.len()).unwrap_or_default().to_le_bytes());
    keys.iter().for_each(|key| bytes.extend(&one(*key)[8..]));
    assert_eq!(bytes.len(), 8 + keys.len() * RECORD_BYTES);
    bytes
}

#[test]
fn records_are_by_key_and_each_once_whatever_order_they_were_written_in() {
    for (written, read) in [
        (&[1, 2, 3][..], &[1, 2, 3][..]),
        (&[3, 2, 1], &[1, 2, 3]),
        (&[2, 3, 1], &[1, 2, 3]),
        (&[1, 1], &[1]),
        (&[1, 2, 2, 3], &[1, 2, 3]),
        (&[2, 1, 2], &[1, 2]),
    ] {
        let ledger = Ledger::decode(&bytes(written));
        let keys: Vec<_> = ledger.records().iter().map(|record| record.key.0).collect();
        assert_eq!(keys, read, "{written:?}");
    }
}

#[test]
fn of_no_endpoints_none_may_go() {
    let mut settings = Settings::default();
    by_time(&mut settings);
    let may =
        |members: &[EndpointKey]| Cluster { settings: &settings, members, ejected_by_hand: 0 }.may_eject(0);
    assert_eq!((may(&[]), may(&[EndpointKey(1)])), (false, true));
}

#[test]
fn an_endpoint_in_rotation_is_left_as_it_is_when_the_clock_is_set_back() {
    let mut upstream = Upstream::new(2, by_time);
    upstream.ledger.put(Record { multiplier: 2, marked: START, since: START, ..Record::new(EndpointKey(1)) });
    upstream.now = switchyard_core::Timestamp::from_millis(START.as_millis() - 60_000);
    assert!(!upstream.time_passes(1, Duration::ZERO).changed);
}

#[test]
fn the_last_number_in_the_first_field_says_whether_a_service_serves_and_other_fields_are_passed_over() {
    let heartbeat =
        switchyard_core::outlier::Heartbeat { check: Check::Grpc { service: "".into() }, ..heartbeats() };
    let good = |message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap_or_default().to_be_bytes();
        heartbeat.is_good(200, Some(0), &[&[0][..], &length, message].concat())
    };
    assert!(good(&[8, 1]) && good(&[8, 2, 8, 1]) && !good(&[8, 1, 8, 2]) && !good(&[16, 1]));
    let eight = [&[2 << 3 | 1][..], &[0xff; 8]].concat();
    let four = [&[2 << 3 | 5][..], &[0xff; 4]].concat();
    let text = vec![2 << 3 | 2, 3, 0xff, 0xff, 0xff];
    for unknown in [eight, four, text] {
        assert!(good(&[&unknown[..], &[8, 1]].concat()), "{unknown:?} in front");
        assert!(good(&[&[8, 1], &unknown[..]].concat()), "{unknown:?} behind");
        assert!(!good(&[&[8, 1], &unknown[..unknown.len() - 1]].concat()), "{unknown:?} breaks off");
    }
    assert!(good(&[8, 0x81, 0]), "1 in two bytes");
    assert!(!good(&[8, 0x81, 1]), "129");
    assert!(!good(&[8, 0x80, 1]) && !good(&[8, 1, 3 << 3 | 3]), "128, and what nobody reads");
}
