//! Which keys move when an endpoint goes: its own, to where they would have been tried next, and no others.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
// A bare VM has no seed for proptest; the tables themselves are tested there in ring_maglev.rs.
#![cfg(not(target_arch = "wasm32"))]

use crate::balance_support;

use balance_support::upstream;
use proptest::prelude::*;
use switchyard_core::balance::{Candidates, ConsistentHash, HashFunction, Maglev, RingHash};
use switchyard_core::hash::xxh64;
use switchyard_core::{Endpoint, Endpoints};

fn order(table: &impl ConsistentHash, hash: u64, limit: usize, ejected: Option<usize>) -> Vec<usize> {
    let mut candidates = Candidates::new(limit);
    table.candidates(hash, |index| Some(index) != ejected, &mut candidates);
    candidates.iter().collect()
}

/// The order without one that is ejected is the order with it, less that one; a shorter list is its beginning.
fn only_its_keys_move(table: &impl ConsistentHash, hash: u64, endpoints: usize) -> Result<(), TestCaseError> {
    let all = order(table, hash, endpoints, None);
    prop_assert_eq!(&all, &order(table, hash, endpoints, None), "the same each time");
    for limit in 1..=endpoints {
        let short = order(table, hash, limit, None);
        prop_assert!(all.starts_with(&short) && !short.is_empty());
    }
    for ejected in 0..endpoints {
        let rest = order(table, hash, endpoints, Some(ejected));
        let expected: Vec<_> = all.iter().copied().filter(|index| *index != ejected).collect();
        // A table may end its walk early where an endpoint has hardly a slot; what it gives has the same order.
        let length = rest.len().min(expected.len());
        prop_assert_eq!(&rest[..length], &expected[..length], "without {}", ejected);
    }
    Ok(())
}

/// Of 2,000 keys those that are not of the first endpoint and move all the same when it leaves: the table is built of the others, or it
/// is passed over.
fn innocent(table: impl Fn(&Endpoints) -> Box<dyn Fn(u64, Option<usize>) -> usize>) -> [usize; 2] {
    let all = upstream(&[1; 4]);
    let rest = Endpoints::new(all.iter().skip(1).cloned().collect());
    let (before, after) = (table(&all), table(&rest));
    let keys = (0..2_000).map(|key: u32| xxh64(format!("user-{key}").as_bytes(), 0));
    let stay: Vec<_> = keys.filter(|key| before(*key, None) != 0).collect();
    let anew = stay.iter().filter(|key| after(**key, None) + 1 != before(**key, None)).count();
    let passed_over = stay.iter().filter(|key| before(**key, Some(0)) != before(**key, None)).count();
    [anew, passed_over]
}

fn first_of(table: impl ConsistentHash + 'static) -> Box<dyn Fn(u64, Option<usize>) -> usize> {
    Box::new(move |key, ejected| order(&table, key, 1, ejected)[0])
}

/// What docs/benchmarks.md says of endpoints that leave.
#[test]
fn an_endpoint_that_is_passed_over_moves_its_own_keys_and_a_shorter_list_some_others_too() {
    let ring = |minimum: fn(usize) -> u64| {
        move |all: &Endpoints| {
            first_of(RingHash::new(all, HashFunction::XxHash, minimum(all.len()), 8_388_608))
        }
    };
    // 256 points each, then 342: what is new on the circle takes keys of the others.
    let [anew, passed_over] = innocent(ring(|_| 1_024));
    println!("ring: {anew} of 2,000");
    assert!((100..300).contains(&anew) && passed_over == 0, "{anew}, {passed_over}");
    // As many points each as before: then nothing is new on it.
    assert_eq!(innocent(ring(|endpoints| 256 * endpoints as u64)), [0, 0]);
    let [anew, passed_over] = innocent(|all: &Endpoints| first_of(Maglev::new(all, 65_537)));
    println!("maglev: {anew} of 2,000");
    assert!((1..300).contains(&anew) && passed_over == 0, "{anew}, {passed_over}");
}

/// Of 100,000 keys the part that moves when one of ten endpoints leaves and the table is built of the others: its own, and the others'.
fn moved(table: impl Fn(&Endpoints) -> Box<dyn Fn(u64, Option<usize>) -> usize>) -> [f64; 2] {
    let all = upstream(&[1; 10]);
    let rest = Endpoints::new(all.iter().skip(1).cloned().collect());
    let (before, after) = (table(&all), table(&rest));
    let mut counts = [0_u32; 2];
    for key in (0..100_000).map(|key: u32| xxh64(format!("user-{key}").as_bytes(), 0)) {
        match before(key, None) {
            0 => counts[0] += 1,
            owner if after(key, None) + 1 != owner => counts[1] += 1,
            _ => {}
        }
    }
    counts.map(|count| f64::from(count) / 1_000.0)
}

/// What docs/endpoints.md says of one of ten that leaves.
#[test]
fn one_of_ten_leaves() {
    let ring = |minimum| {
        move |all: &Endpoints| first_of(RingHash::new(all, HashFunction::XxHash, minimum, 8_388_608))
    };
    let fixed =
        |points| move |all: &Endpoints| first_of(RingHash::per_endpoint(all, HashFunction::XxHash, points));
    let maglev = |all: &Endpoints| first_of(Maglev::new(all, 65_537));
    let rows = [
        ("ring_hash, minimum_ring_size 1024", moved(ring(1_024)), 1.0..15.0),
        ("ring_hash, minimum_ring_size 65536", moved(ring(65_536)), 1.0..15.0),
        ("ring_hash, points_per_endpoint 160", moved(fixed(160)), 0.0..f64::MIN_POSITIVE),
        ("ring_hash, points_per_endpoint 1000", moved(fixed(1_000)), 0.0..f64::MIN_POSITIVE),
        ("maglev, table_size 65537", moved(maglev), 0.1..15.0),
    ];
    println!("{:<40} {:>9} {:>9}", "percent of all keys that move", "its own", "others'");
    for (name, [own, others], bounds) in rows {
        println!("{name:<40} {own:>9.1} {others:>9.1}");
        assert!((5.0..15.0).contains(&own), "{name}: its own {own}");
        assert!(bounds.contains(&others), "{name}: others' {others}");
    }
}

#[test]
fn so_many_points_for_each_endpoint_and_unit_of_its_weight_and_no_more_than_a_ring_has() {
    let ring =
        |weights: &[u32], points| RingHash::per_endpoint(&upstream(weights), HashFunction::XxHash, points);
    let counts = |weights: &[u32], points| {
        let mut counts = vec![0; weights.len()];
        ring(weights, points).points().for_each(|(_, owner)| counts[owner] += 1);
        counts
    };
    assert_eq!(counts(&[1, 2, 3], 100), [100, 200, 300]);
    assert_eq!(counts(&[3], 1), [3]);
    assert!(ring(&[], 100).is_empty());
    assert_eq!(counts(&[100, 100, 1], 65_536), [6_553_600, 1_835_008, 0], "8,388,608 in all");
    // The points are those of Envoy's ring that gives each as many.
    let envoys = RingHash::new(&upstream(&[1; 4]), HashFunction::XxHash, 400, 8_388_608);
    assert!(ring(&[1; 4], 100).points().eq(envoys.points()));
}

proptest! {
    #[test]
    fn in_a_ring_of_so_many_points_each_only_the_keys_of_one_who_comes_or_goes_or_changes_move(
        weights in prop::collection::vec(1..5_u32, 2..12),
        points in 1..200_u32,
        one in any::<prop::sample::Index>(),
        heavier in 1..5_u32,
        hashes in prop::collection::vec(any::<u64>(), 1..50),
    ) {
        let one = one.index(weights.len());
        let ring = |endpoints: &Endpoints| RingHash::per_endpoint(endpoints, HashFunction::XxHash, points);
        let with = upstream(&weights);
        let without = Endpoints::new(
            with.iter().enumerate().filter(|(index, _)| *index != one).map(|(_, endpoint)| endpoint.clone()).collect(),
        );
        let mut grown = weights.clone();
        grown[one] += heavier;
        let grown = upstream(&grown);
        let (large, small, larger) = (ring(&with), ring(&without), ring(&grown));
        for hash in hashes {
            let [there, gone, more] = [(&large, &with), (&small, &without), (&larger, &grown)]
                .map(|(ring, endpoints)| &endpoints.get(order(ring, hash, 1, None)[0]).expect("there").address);
            // Whoever had the key has it still, unless it was the one that went; a new one takes what it takes from its owner and
            // nobody gets anything from another.
            prop_assert!(there == gone || *there == with.get(one).expect("there").address);
            prop_assert!(there == more || *more == with.get(one).expect("there").address);
        }
    }

    #[test]
    fn in_a_ring(weights in prop::collection::vec(1..5_u32, 2..8), hashes in prop::collection::vec(any::<u64>(), 1..30)) {
        let ring = RingHash::new(&upstream(&weights), HashFunction::XxHash, 256, 8_388_608);
        for hash in hashes {
            only_its_keys_move(&ring, hash, weights.len())?;
        }
    }

    #[test]
    fn in_a_maglev_table(weights in prop::collection::vec(1..5_u32, 2..8), hashes in prop::collection::vec(any::<u64>(), 1..30)) {
        let table = Maglev::new(&upstream(&weights), 251);
        for hash in hashes {
            only_its_keys_move(&table, hash, weights.len())?;
        }
    }

    #[test]
    fn in_a_ring_built_anew(count in 2..12_usize, gone in any::<prop::sample::Index>(), hashes in prop::collection::vec(any::<u64>(), 1..50)) {
        // A hundred points each, before and after.
        let ring = |endpoints: &Endpoints| {
            let size = 100 * endpoints.len() as u64 - 1;
            RingHash::new(endpoints, HashFunction::XxHash, size, 8_388_608)
        };
        let (before, gone) = (upstream(&vec![1; count]), gone.index(count));
        let left = before.iter().enumerate().filter(|(index, _)| *index != gone).map(|(_, endpoint)| endpoint.clone());
        let after = Endpoints::new(left.collect::<Vec<Endpoint>>());
        let (old, new) = (ring(&before), ring(&after));
        for hash in hashes {
            let kept = order(&old, hash, 1, Some(gone))[0];
            let found = order(&new, hash, 1, None)[0];
            prop_assert_eq!(before.get(kept), after.get(found));
        }
    }
}
