//! How much each endpoint gets under each policy, by the chi-square test, and how latency and load move it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;

use balance_support::{Upstream, assert_shares, least_request, maglev, peak_ewma, ring_hash};
use core::time::Duration;
use switchyard_core::balance::Policy;
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable, SlowStart};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const REQUESTS: usize = 20_000;
const RAMP: HealthPolicy = HealthPolicy {
    panic_threshold: 0,
    slow_start: Some(SlowStart { window: Duration::from_secs(10), aggression: 1.0, min_weight: 0.1 }),
    fail_traffic_on_panic: false,
    overprovisioning_factor: 140,
};

fn shares(policy: &Policy, weights: &[u32], expected: &[f64]) {
    let mut upstream = Upstream::new(policy, weights, 7);
    let counts = upstream.counts(Admission::everyone(), 0, weights.len(), REQUESTS);
    assert_shares(&counts, expected);
}

#[test]
fn unweighted_policies_share_evenly_whatever_the_weights() {
    for policy in [Policy::RoundRobin, Policy::Random] {
        shares(&policy, &[1, 2, 3, 10], &[1.0; 4]);
    }
}

#[test]
fn equal_weights_share_evenly() {
    for policy in [Policy::WeightedRandom, Policy::SmoothWeightedRoundRobin, least_request(1.0), peak_ewma()]
    {
        shares(&policy, &[1; 5], &[1.0; 5]);
        shares(&policy, &[30; 5], &[1.0; 5]);
    }
}

#[test]
fn weighted_policies_follow_the_weights() {
    for policy in [Policy::WeightedRandom, Policy::SmoothWeightedRoundRobin, least_request(1.0)] {
        shares(&policy, &[1, 2, 3, 10], &[1.0, 2.0, 3.0, 10.0]);
        shares(&policy, &[1, 99], &[1.0, 99.0]);
    }
}

#[test]
fn hashed_keys_follow_the_table() {
    // The shares of the table itself differ a little from even; the keys must follow the table.
    use switchyard_core::balance::Maglev;
    let table = Maglev::new(&balance_support::upstream(&[1, 2, 3]), 251);
    let mut slots = [0.0; 3];
    table.slots().for_each(|owner| slots[owner] += 1.0);
    shares(&maglev(None), &[1, 2, 3], &slots);
}

#[test]
fn one_that_ramps_up_gets_its_part() {
    let (weights, part) = ([2; 4], 0.25);
    for policy in [
        Policy::RoundRobin,
        Policy::Random,
        Policy::WeightedRandom,
        Policy::SmoothWeightedRoundRobin,
        least_request(1.0),
    ] {
        let mut upstream = Upstream::new(&policy, &weights, 3);
        let mut table = HealthTable::new(4);
        table.set(3, Health::Healthy, Some(upstream.now));
        upstream.now = upstream.now.plus(Duration::from_millis(2500));
        let counts = upstream.counts(table.admission(&RAMP, upstream.now), 0, 4, REQUESTS);
        assert_shares(&counts, &[1.0, 1.0, 1.0, part]);
    }
}

#[test]
fn keys_of_one_that_ramps_up_come_and_stay() {
    for policy in [ring_hash(None), maglev(None)] {
        let mut upstream = Upstream::new(&policy, &[1; 4], 3);
        let full = upstream.counts(Admission::everyone(), 0, 4, REQUESTS)[3] as f64;
        let mut table = HealthTable::new(4);
        table.set(3, Health::Healthy, Some(upstream.now));
        upstream.now = upstream.now.plus(Duration::from_millis(2500));
        let part = upstream.counts(table.admission(&RAMP, upstream.now), 0, 4, REQUESTS)[3] as f64;
        assert!((0.2..0.3).contains(&(part / full)), "{policy:?}: {part} of {full}");
    }
}

#[test]
fn the_ejected_ones_share_goes_to_all_others() {
    let mut table = HealthTable::new(4);
    table.set(1, Health::Ejected, None);
    let policies = [Policy::RoundRobin, Policy::Random, least_request(1.0), peak_ewma()];
    for policy in policies.into_iter().chain([Policy::WeightedRandom, Policy::SmoothWeightedRoundRobin]) {
        let mut upstream = Upstream::new(&policy, &[1; 4], 5);
        let counts = upstream.counts(table.admission(&RAMP, upstream.now), 0, 4, REQUESTS);
        assert_eq!(counts[1], 0);
        assert_shares(&[counts[0], counts[2], counts[3]], &[1.0; 3]);
    }
}

#[test]
fn the_first_retry_goes_anywhere() {
    let policies = [Policy::RoundRobin, Policy::Random, Policy::SmoothWeightedRoundRobin];
    for policy in policies.into_iter().chain([least_request(1.0), peak_ewma()]) {
        let mut upstream = Upstream::new(&policy, &[1; 5], 9);
        let counts = upstream.counts(Admission::everyone(), 1, 5, REQUESTS);
        assert_shares(&counts, &[1.0; 5]);
    }
}

#[test]
fn a_worker_begins_anywhere() {
    for policy in [Policy::RoundRobin, Policy::SmoothWeightedRoundRobin, least_request(1.0)] {
        let weights: &[u32] = if policy == least_request(1.0) { &[1000, 1001, 1002] } else { &[1; 3] };
        let mut counts = [0; 3];
        for seed in 0..3000 {
            counts[Upstream::new(&policy, weights, seed).choose(Admission::everyone(), 1)[0]] += 1;
        }
        assert_shares(&counts, &[1.0; 3]);
    }
}

#[test]
fn round_robin_goes_round() {
    let mut upstream = Upstream::new(&Policy::RoundRobin, &[1; 4], 1);
    let start = upstream.choose(Admission::everyone(), 1)[0];
    for turn in 1..20 {
        let expected: Vec<_> = (0..3).map(|place| (start + turn + place) % 4).collect();
        assert_eq!(upstream.choose(Admission::everyone(), 3), expected);
    }
}

#[test]
fn least_request_picks_the_lesser_loaded_of_its_draws() {
    let mut upstream = Upstream::new(&least_request(1.0), &[1; 3], 1);
    let _under_way: Vec<_> = [0, 0, 0, 0, 0, 1].map(|index| upstream.loads.start(index, None)).into();
    let counts = upstream.counts(Admission::everyone(), 0, 3, REQUESTS);
    // Of two draws with repetition: the busiest wins only against itself, the idle one if it is drawn at all.
    assert_shares(&counts, &[1.0, 3.0, 5.0]);
    assert!((0..50).all(|_| upstream.choose(Admission::everyone(), 3).len() == 3));
}

#[test]
fn least_request_shrinks_the_weight_of_the_busy() {
    let mut upstream = Upstream::new(&least_request(1.0), &[4, 2], 1);
    let _under_way = upstream.loads.start(0, None);
    assert_shares(&upstream.counts(Admission::everyone(), 0, 2, REQUESTS), &[1.0, 1.0]);
    let mut blind = Upstream::new(&least_request(0.0), &[4, 2], 1);
    let _under_way = blind.loads.start(0, None);
    assert_shares(&blind.counts(Admission::everyone(), 0, 2, REQUESTS), &[2.0, 1.0]);
}
