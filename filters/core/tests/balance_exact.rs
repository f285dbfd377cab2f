//! Who gets what, exactly, where most are out, where one ramps up, where reports change; and what people are told of it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;

use balance_support::{
    LATENCY, Upstream, assert_shares, least_request, maglev, peak_ewma, ring_hash, upstream,
};
use core::time::Duration;
use switchyard_core::balance::{Balancer, HashFunction, Policy, RingHash, RingSize};
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable, SlowStart};
use switchyard_core::orca::ReportPolicy;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_few_that_are_left_of_a_heavy_upstream_share_by_weight() {
    let never = HealthPolicy { panic_threshold: 0, ..HealthPolicy::default() };
    let mut table = HealthTable::new(4);
    // Nearly every draw at random hits the one that is out.
    table.set(1, Health::Ejected, None);
    let mut upstream = Upstream::new(&Policy::WeightedRandom, &[1, 1_000_000, 2, 5], 1);
    let counts = upstream.counts(table.admission(&never, upstream.now), 0, 4, 3_000);
    assert_eq!(counts[1], 0);
    assert_shares(&[counts[0], counts[2], counts[3]], &[1.0, 2.0, 5.0]);
}

#[test]
fn of_two_drawn_one_that_ramps_up_is_taken_as_its_part_says() {
    let slow_start = SlowStart { window: Duration::from_secs(10), aggression: 1.0, min_weight: 0.25 };
    let policy = HealthPolicy { slow_start: Some(slow_start), ..HealthPolicy::default() };
    let mut upstream = Upstream::new(&peak_ewma(), &[2; 4], 3);
    let mut table = HealthTable::new(4);
    table.set(3, Health::Healthy, Some(upstream.now));
    let counts = upstream.counts(table.admission(&policy, upstream.now), 0, 4, 5_000);
    // It is one of the two half the time, and then has a quarter to one.
    assert_shares(&counts, &[0.3, 0.3, 0.3, 0.1]);
}

#[test]
fn what_an_endpoint_has_gained_counts_on_when_reports_change_the_weights() {
    for turns in 0..12 {
        let reports = ReportPolicy { blackout_period: Duration::ZERO, ..ReportPolicy::default() };
        let mut upstream = Upstream::new(&Policy::LoadReported(reports.clone()), &[1; 3], 1);
        for weights in [[10.0, 1.0, 1.0], [1.0; 3], [1.0, 1.0, 10.0], [1.0; 3]] {
            (0..turns).for_each(|_| assert_eq!(upstream.choose(Admission::everyone(), 1).len(), 1));
            for (index, weight) in weights.into_iter().enumerate() {
                upstream.loads.report(index, weight, upstream.now, &reports);
            }
            upstream.now = upstream.now.plus(Duration::from_secs(1));
            upstream.balancer.refresh(upstream.now, &upstream.loads);
        }
        let counts = upstream.counts(Admission::everyone(), 0, 3, 12);
        assert!(counts.iter().all(|count| (2..=6).contains(count)), "{turns}: {counts:?}");
    }
}

#[test]
fn a_policy_is_called_what_the_configuration_calls_it() {
    let load_reported = Policy::LoadReported(ReportPolicy::default());
    for (policy, name) in [
        (Policy::RoundRobin, "round_robin"),
        (Policy::Random, "random"),
        (Policy::WeightedRandom, "weighted_random"),
        (Policy::SmoothWeightedRoundRobin, "smooth_weighted_round_robin"),
        (least_request(1.0), "least_request"),
        (peak_ewma(), "peak_ewma"),
        (load_reported, "load_reported"),
        (ring_hash(None), "ring_hash"),
        (maglev(None), "maglev"),
    ] {
        assert_eq!(policy.name(), name);
        assert_eq!(policy.latency(), (name == "peak_ewma").then_some(LATENCY), "{name}");
        assert_eq!(policy.reports().is_some(), name == "load_reported", "{name}");
    }
    let reports = ReportPolicy { blackout_period: Duration::from_secs(77), ..ReportPolicy::default() };
    assert_eq!(Policy::LoadReported(reports.clone()).reports(), Some(&reports));
}

#[test]
fn shares_that_are_told_are_rounded_and_by_weight_only_if_the_policy_looks_at_it() {
    let endpoints = upstream(&[1, 5]);
    let balancer = Balancer::new(&Policy::WeightedRandom, &endpoints);
    assert_eq!(balancer.shares(&endpoints, true), [166_667, 833_333]);
    assert_eq!(balancer.shares(&endpoints, false), [500_000, 500_000]);
}

#[test]
fn the_share_of_a_ring_is_the_part_of_the_circle_before_an_endpoints_points() {
    let endpoints = upstream(&[1, 2, 3]);
    let size = RingSize::PerEndpoint(20);
    let ring = RingHash::of(&endpoints, HashFunction::XxHash, size);
    let (mut arcs, mut before) = ([0_u128; 3], 0);
    for (hash, owner) in ring.points() {
        arcs[owner] += u128::from(hash - before);
        before = hash;
    }
    if let Some((_, first)) = ring.points().next() {
        arcs[first] += u128::from(u64::MAX - before) + 1;
    }
    let policy = Policy::RingHash { hash_function: HashFunction::XxHash, size, hash_balance_factor: None };
    let shares = Balancer::new(&policy, &endpoints).shares(&endpoints, true);
    for (share, arc) in shares.iter().zip(arcs) {
        let expected = (arc * 1_000_000 / (1 << 64)) as u32;
        assert!(share.abs_diff(expected) <= 1, "{shares:?} {arcs:?}");
    }
    assert_eq!(shares.len(), 3);
}
