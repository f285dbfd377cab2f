//! Rings and Maglev tables against Envoy's own test vectors, and what must hold of them whatever the endpoints.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support::busy;
use core::num::NonZeroU32;
use switchyard_core::balance::{BoundedLoad, Candidates, ConsistentHash, HashFunction, Maglev, RingHash};
use switchyard_core::{Endpoint, EndpointIndex, Endpoints};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn endpoint(address: &str, weight: u32) -> Endpoint {
    Endpoint::new(address, NonZeroU32::new(weight).expect("not 0"))
}

fn ports(ports: std::ops::Range<u32>) -> Endpoints {
    Endpoints::new(ports.map(|port| endpoint(&format!("127.0.0.1:{port}"), 1)).collect())
}

fn weighted(weights: &[u32]) -> Endpoints {
    let pairs = weights.iter().enumerate();
    Endpoints::new(pairs.map(|(i, weight)| endpoint(&format!("10.0.0.{i}:80"), *weight)).collect())
}

fn list(
    table: &impl ConsistentHash,
    hash: u64,
    limit: usize,
    admit: impl FnMut(EndpointIndex) -> bool,
) -> Vec<usize> {
    let mut candidates = Candidates::new(limit);
    table.candidates(hash, admit, &mut candidates);
    candidates.iter().collect()
}

fn first(table: &impl ConsistentHash, hash: u64) -> usize {
    list(table, hash, 1, |_| true)[0]
}

/// Keys spread over all 64 bits.
fn keys(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|key| switchyard_core::hash::xxh64(&key.to_le_bytes(), 0))
}

#[test]
fn ring_equals_envoys() {
    let ring = RingHash::new(&ports(90..96), HashFunction::XxHash, 12, 8_388_608);
    let expected = [
        (833437586790550860, 4),
        (928266305478181108, 2),
        (1033482794131418490, 0),
        (3551244743356806947, 5),
        (3851675632748031481, 3),
        (5583722120771150861, 1),
        (6311230543546372928, 1),
        (7700377290971790572, 3),
        (13144177310400110813, 5),
        (13444792449719432967, 2),
        (15516499411664133160, 4),
        (16117243373044804889, 0),
    ];
    assert_eq!(ring.points().collect::<Vec<_>>(), expected);
    assert_eq!(first(&ring, 0), 4);
    assert_eq!(first(&ring, u64::MAX), 4, "past the last point it begins again");
    for (index, (hash, owner)) in expected.into_iter().enumerate() {
        assert_eq!(first(&ring, hash), owner, "a point belongs to itself");
        assert_eq!(first(&ring, hash + 1), expected[(index + 1) % expected.len()].1);
    }
}

#[test]
fn murmur_ring_equals_envoys() {
    let ring = RingHash::new(&ports(80..86), HashFunction::MurmurHash2, 12, 8_388_608);
    let points: Vec<_> = ring.points().collect();
    assert_eq!(points.first(), Some(&(1358027074129602068, 5)));
    assert_eq!(points.last(), Some(&(17613279263364193813, 0)));
}

#[test]
fn ring_size_follows_the_lightest_endpoint_and_the_maximum() {
    let size = |weights: &[u32], minimum, maximum| {
        RingHash::new(&weighted(weights), HashFunction::XxHash, minimum, maximum).len()
    };
    assert_eq!(size(&[1, 1, 1], 1024, 8_388_608), 1026, "342 points each");
    assert_eq!(size(&[1, 2], 4, 8_388_608), 6, "2 points for the lightest");
    assert_eq!(size(&[1, 1, 1, 1], 6, 6), 6, "cut to the maximum");
    assert_eq!(size(&[], 1024, 8_388_608), 0);
}

#[test]
fn maglev_equals_envoys() {
    let table = Maglev::new(&ports(90..96), 7);
    assert_eq!(table.slots().collect::<Vec<_>>(), [2, 4, 0, 1, 5, 0, 3]);
    assert_eq!(list(&table, 10, 3, |_| true), [1, 0, 5], "attempts 0, 1 and 2");
}

#[test]
fn maglev_hashes_the_hash_key() {
    let plain = ports(90..96);
    let keyed = plain
        .iter()
        .enumerate()
        .map(|(i, endpoint)| Endpoint { hash_key: Some((90 + i).to_string().into()), ..endpoint.clone() });
    let table = Maglev::new(&Endpoints::new(keyed.collect()), 7);
    assert_eq!(table.slots().collect::<Vec<_>>(), [2, 5, 0, 3, 4, 1, 0]);
}

#[test]
fn weighted_maglev_equals_envoys() {
    let endpoints = Endpoints::new(vec![endpoint("127.0.0.1:90", 1), endpoint("127.0.0.1:91", 2)]);
    let slots: Vec<_> = Maglev::new(&endpoints, 17).slots().collect();
    assert_eq!(slots, [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1]);
}

#[test]
fn maglev_takes_any_size_without_hanging() {
    for (asked, size) in [(0, 2), (1, 2), (2, 2), (4, 5), (65_536, 65_537), (65_537, 65_537)] {
        let table = Maglev::new(&ports(90..96), asked);
        assert_eq!(table.len(), size);
        assert!(table.slots().all(|owner| owner < 6), "every slot has an owner");
    }
    assert!(list(&Maglev::new(&Endpoints::default(), 7), 1, 1, |_| true).is_empty());
}

fn moves_only_the_keys_of_the_one_that_leaves(table: &impl ConsistentHash) {
    for key in keys(2_000) {
        let all = list(table, key, 6, |_| true);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5], "all endpoints, each once");
        let without: Vec<_> = list(table, key, 6, |index| index != 3);
        let expected: Vec<_> = all.into_iter().filter(|index| *index != 3).collect();
        assert_eq!(without, expected);
    }
}

#[test]
fn ring_and_maglev_move_only_the_keys_of_the_one_that_leaves() {
    moves_only_the_keys_of_the_one_that_leaves(&RingHash::new(
        &ports(90..96),
        HashFunction::XxHash,
        1024,
        8_388_608,
    ));
    moves_only_the_keys_of_the_one_that_leaves(&Maglev::new(&ports(90..96), 65_537));
}

#[test]
fn nobody_admitted_is_an_empty_list() {
    let ring = RingHash::new(&ports(90..96), HashFunction::XxHash, 1024, 8_388_608);
    let mut asked = 0;
    let refuse = |_| {
        asked += 1;
        false
    };
    assert!(list(&ring, 7, 3, refuse).is_empty());
    assert_eq!(asked, 6, "each endpoint is asked about once");
}

#[test]
fn shares_follow_the_weights() {
    let weights = [1, 2, 5];
    let endpoints = weighted(&weights);
    let slots: Vec<_> = Maglev::new(&endpoints, 65_537).slots().collect();
    let ring = RingHash::new(&endpoints, HashFunction::XxHash, 65_536, 8_388_608);
    let owners: Vec<_> = keys(20_000).map(|key| first(&ring, key)).collect();
    for (index, weight) in weights.into_iter().enumerate() {
        let share = |of: &[usize]| of.iter().filter(|o| **o == index).count() as f64 / of.len() as f64;
        let expected = f64::from(weight) / 8.0;
        assert!((share(&slots) - expected).abs() < 0.001, "Maglev, endpoint {index}: {}", share(&slots));
        assert!((share(&owners) - expected).abs() < 0.03, "ring, endpoint {index}: {}", share(&owners));
    }
}

/// Probe orders of a C++ `std::mt19937` with Envoy's draw, compiled by GCC.
#[test]
fn probe_order_is_envoys() {
    let orders: [(u64, &[usize]); 5] = [
        (0, &[3, 0, 4, 5, 1, 2]),
        (1, &[2, 5, 4, 1, 0, 3]),
        (10, &[4, 2, 1, 0, 5, 3]),
        (18446744069414584327, &[0, 2, 5, 3, 4, 1]),
        (17745830980996999794, &[3, 5, 0, 4, 1, 2]),
    ];
    let bound = BoundedLoad::new(&ports(90..96), 100);
    for (hash, order) in orders {
        for length in 1..order.len() {
            // All are over the bound but the one at `length`, which is idle; those before it are probed first.
            let idle = order[length];
            let first = order[0];
            let active: Vec<u32> = (0..6).map(|index| if index == idle { 0 } else { 9 }).collect();
            assert_eq!(bound.pick(hash, first, &busy(&active), |_| true), idle);
        }
        // Two idle endpoints: the one that the order names first.
        for pair in order[1..].windows(2) {
            let active: Vec<u32> = (0..6).map(|index| if pair.contains(&index) { 0 } else { 9 }).collect();
            assert_eq!(bound.pick(hash, order[0], &busy(&active), |_| true), pair[0], "hash {hash}");
        }
    }
}

#[test]
fn bounded_load_leaves_an_endpoint_only_above_its_bound() {
    let bound = BoundedLoad::new(&ports(90..92), 100);
    // 4 + 1 requests, 5 slots in all, 3 for each half.
    assert_eq!(bound.pick(1, 0, &busy(&[3, 1]), |_| true), 0);
    assert_eq!(bound.pick(1, 0, &busy(&[4, 0]), |_| true), 1);
    assert_eq!(bound.pick(1, 0, &busy(&[4, 0]), |index| index == 0), 0, "nowhere else to go");
}

#[test]
fn bounded_load_promotes_its_choice_and_keeps_the_order() {
    let endpoints = ports(90..96);
    let table = Maglev::new(&endpoints, 65_537);
    let bound = BoundedLoad::new(&endpoints, 125);
    for key in keys(500) {
        let plain = list(&table, key, 3, |_| true);
        let mut active = [0; 6];
        active[plain[0]] = 10;
        let mut candidates = Candidates::new(3);
        bound.choose(&table, key, &busy(&active), |_| true, &mut candidates);
        let bounded: Vec<_> = candidates.iter().collect();
        assert_ne!(bounded[0], plain[0], "a loaded endpoint is not first");
        let rest: Vec<_> = plain.into_iter().filter(|index| *index != bounded[0]).take(2).collect();
        assert_eq!(bounded[1..], rest);
    }
}
