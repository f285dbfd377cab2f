//! Which keys move when an endpoint goes: its own, to where they would have been tried next, and no others.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(dead_code, reason = "each test binary uses its part of balance_support")]
// A bare VM has no seed for proptest; the tables themselves are tested there in ring_maglev.rs.
#![cfg(not(target_arch = "wasm32"))]

mod balance_support;

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

/// What README says of endpoints that leave.
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

proptest! {
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
