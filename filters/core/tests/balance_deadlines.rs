//! `least_request` of unequal weights: who is due when, to the turn.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;

use balance_support::{Upstream, least_request};
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn turn(upstream: &mut Upstream) -> usize {
    upstream.choose(Admission::everyone(), 1)[0]
}

fn turns(upstream: &mut Upstream, count: usize) -> Vec<usize> {
    (0..count).map(|_| turn(upstream)).collect()
}

/// A turn while only these are in rotation.
fn turn_of(upstream: &mut Upstream, endpoints: usize, admitted: &[usize]) -> usize {
    let never = HealthPolicy { panic_threshold: 0, ..HealthPolicy::default() };
    let mut table = HealthTable::new(endpoints);
    (0..endpoints)
        .filter(|index| !admitted.contains(index))
        .for_each(|index| table.set(index, Health::Ejected, None));
    upstream.choose(table.admission(&never, upstream.now), 1)[0]
}

/// Of any five turns that follow each other the endpoint that weighs 1 has one, and the one that weighs 4 the others.
fn one_of_any_five(upstream: &mut Upstream, seed: u64) {
    let turns = turns(upstream, 100);
    for five in turns.windows(5) {
        assert_eq!(five.iter().filter(|index| **index == 0).count(), 1, "seed {seed}: {turns:?}");
    }
}

#[test]
fn from_the_first_turn_on_each_has_as_many_as_it_weighs_of_any_that_follow_each_other() {
    for seed in 0..20 {
        one_of_any_five(&mut Upstream::new(&least_request(1.0), &[1, 4], seed), seed);
    }
}

#[test]
fn virtual_time_that_begins_again_changes_nobodys_turn() {
    for seed in 0..50 {
        // With one request in flight a turn is 2^20 or 2^18 long, and time begins again at a million.
        let mut upstream = Upstream::new(&least_request(20.0), &[1, 4], seed);
        let _under_way = [0, 1].map(|index| upstream.loads.start(index, None));
        one_of_any_five(&mut upstream, seed);
    }
}

#[test]
fn steps_that_are_short_count_however_far_virtual_time_has_come() {
    let mut upstream = Upstream::new(&least_request(1_000.0), &[100_000, 200_000, 1], 1);
    let _under_way = [0, 1].map(|_| upstream.loads.start(2, None));
    assert_eq!(turn_of(&mut upstream, 3, &[2]), 2, "its turn is 10^12 long");
    let heavy = (0..300).filter(|_| turn_of(&mut upstream, 3, &[0, 1]) == 1).count();
    assert!((199..=201).contains(&heavy), "two of three turns: {heavy} of 300");
}

#[test]
fn a_weight_shrinks_by_the_power_of_the_crowd_that_the_bias_says() {
    // 16 / 2^2 and 16 / 2^3 are as heavy as the other.
    for (bias, other) in [(2.0, 4), (3.0, 2)] {
        let mut upstream = Upstream::new(&least_request(bias), &[16, other], 1);
        let _under_way = upstream.loads.start(0, None);
        let turns = turns(&mut upstream, 40);
        assert_eq!(turns.iter().filter(|index| **index == 0).count(), 20, "{bias}: {turns:?}");
    }
}

#[test]
fn of_two_that_are_due_at_once_the_one_goes_first_that_has_waited_longer() {
    for (stays, returns) in [(0, 1), (1, 0)] {
        let mut upstream = Upstream::new(&least_request(1.0), &[2, 2, 1], 1);
        // The other two go on until the one that stays has just had a turn.
        for _ in 0..20 {
            turn_of(&mut upstream, 3, &[stays, 2]);
        }
        assert!((0..9).any(|_| turn_of(&mut upstream, 3, &[stays, 2]) == stays));
        // The one that returns has the turn that it missed, at the same time, and from then on both are due together.
        assert_eq!(turn(&mut upstream), returns);
        let turns: Vec<_> = turns(&mut upstream, 100).into_iter().filter(|index| *index != 2).collect();
        for pair in turns.chunks_exact(2) {
            assert_eq!(pair, [stays, returns], "{turns:?}");
        }
    }
}
