//! Bounded loads where weights differ or nobody is within the bound; tables and rings at their edges.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::balance_support::{busy, upstream};
use switchyard_core::balance::{BoundedLoad, Candidates, HashFunction, Maglev, RingHash};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_bound_of_a_heavy_endpoint_is_as_much_higher_as_it_weighs_more() {
    let bound = BoundedLoad::new(&upstream(&[1, 3]), 100);
    // 7 + 1 slots: two for the one and six for the other.
    assert_eq!(bound.pick(1, 1, &busy(&[1, 6]), |_| true), 1);
    assert_eq!(bound.pick(1, 1, &busy(&[0, 7]), |_| true), 0);
    assert_eq!(bound.pick(1, 0, &busy(&[2, 5]), |_| true), 0);
    assert_eq!(bound.pick(1, 0, &busy(&[3, 4]), |_| true), 1);
}

#[test]
fn where_all_are_over_the_bound_the_one_is_taken_that_is_over_it_by_the_least() {
    // A tenth of what is under way is a bound that nobody can keep.
    let bound = BoundedLoad::new(&upstream(&[1; 3]), 10);
    for hash in 0..10 {
        for first in 0..3 {
            assert_eq!(bound.pick(hash, first, &busy(&[9, 5, 7]), |_| true), 1, "{hash} {first}");
            assert_eq!(bound.pick(hash, first, &busy(&[6, 6, 6]), |_| true), first, "no reason to move");
        }
    }
}

#[test]
fn a_turn_that_falls_on_its_round_exactly_is_taken_in_it() {
    // Half as heavy: a turn in the rounds 1, 2, 4, 6 and so on, as Envoy's, which waits only while the target is above the round.
    let slots = |size| Maglev::new(&upstream(&[1, 2]), size).slots().filter(|owner| *owner == 0).count();
    assert_eq!([3, 5, 7].map(slots), [2, 2, 3]);
}

#[test]
fn a_table_or_ring_is_empty_without_endpoints_and_only_then() {
    let ring = |weights: &[u32]| RingHash::new(&upstream(weights), HashFunction::XxHash, 8, 8);
    let table = |weights: &[u32]| Maglev::new(&upstream(weights), 7);
    assert_eq!((ring(&[]).is_empty(), ring(&[1]).is_empty()), (true, false));
    assert_eq!((table(&[]).is_empty(), table(&[1]).is_empty()), (true, false));
}

#[test]
fn a_list_that_is_full_asks_after_nobody_else() {
    let table = Maglev::new(&upstream(&[1; 6]), 251);
    for limit in 0..6 {
        let (mut asked, mut candidates) = (0, Candidates::new(limit));
        let admit = |_| {
            asked += 1;
            true
        };
        table.choose(7, admit, &mut candidates);
        assert_eq!((asked, candidates.len()), (limit, limit));
    }
}
