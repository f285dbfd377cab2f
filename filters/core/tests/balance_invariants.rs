//! What must hold of every policy, whatever the weights, the health, the load and the number asked for.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;

use balance_support::{Upstream, least_request, maglev, peak_ewma, ring_hash};
use switchyard_core::balance::{HashFunction, Policy, RingSize};
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable};
use switchyard_core::orca::ReportPolicy;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn policies() -> Vec<Policy> {
    vec![
        Policy::RoundRobin,
        Policy::Random,
        Policy::WeightedRandom,
        Policy::SmoothWeightedRoundRobin,
        least_request(1.0),
        least_request(0.0),
        least_request(1000.0),
        peak_ewma(),
        Policy::LoadReported(ReportPolicy::default()),
        ring_hash(None),
        ring_hash(Some(110)),
        cut_short(None),
        cut_short(Some(110)),
        maglev(None),
        maglev(Some(110)),
    ]
}

/// A ring with fewer points than endpoints.
fn cut_short(hash_balance_factor: Option<u32>) -> Policy {
    Policy::RingHash {
        hash_function: HashFunction::XxHash,
        size: RingSize::Total { minimum: 1, maximum: 2 },
        hash_balance_factor,
    }
}

#[test]
fn a_ring_without_a_point_for_the_healthy_still_chooses_one_of_them() {
    for policy in [cut_short(None), cut_short(Some(110))] {
        let mut table = HealthTable::new(4);
        let never = HealthPolicy { panic_threshold: 0, ..HealthPolicy::default() };
        let mut upstream = Upstream::new(&policy, &[1; 4], 1);
        for healthy in 0..4 {
            for index in 0..4 {
                let health = if index == healthy { Health::Healthy } else { Health::Ejected };
                table.set(index, health, None);
            }
            let admission = table.admission(&never, upstream.now);
            assert_eq!(upstream.choose(admission, 3), [healthy], "{policy:?}");
        }
    }
}

#[test]
fn a_bias_that_leaves_no_weight_ejects_nobody() {
    let mut upstream = Upstream::new(&least_request(1000.0), &[1, 2], 1);
    for _ in 0..100 {
        core::mem::forget([upstream.loads.start(0, None), upstream.loads.start(1, None)]);
    }
    let mut met = [false; 2];
    for _ in 0..10 {
        let chosen = upstream.choose(Admission::everyone(), 1);
        assert_eq!(chosen.len(), 1);
        met[chosen[0]] = true;
    }
    assert_eq!(met, [true; 2], "and the schedule goes on");
}

#[test]
fn whoever_was_out_at_the_start_takes_part_when_back() {
    let never = HealthPolicy { panic_threshold: 0, ..HealthPolicy::default() };
    for policy in policies() {
        let mut table = HealthTable::new(3);
        table.set(2, Health::Ejected, None);
        let mut upstream = Upstream::new(&policy, &[1, 1, 2], 1);
        (0..20)
            .for_each(|_| assert!(!upstream.choose(table.admission(&never, upstream.now), 3).contains(&2)));
        table.set(2, Health::Healthy, None);
        let back = (0..60).any(|_| upstream.choose(table.admission(&never, upstream.now), 3)[0] == 2);
        assert!(back || policy == cut_short(None) || policy == cut_short(Some(110)), "{policy:?}");
    }
}

#[test]
fn no_endpoints_no_candidates() {
    for policy in policies() {
        assert!(Upstream::new(&policy, &[], 1).choose(Admission::everyone(), 3).is_empty(), "{policy:?}");
    }
}

#[test]
fn without_a_hash_only_hash_policies_choose_nobody() {
    use switchyard_core::balance::{Candidates, Choice};
    for policy in policies() {
        let mut upstream = Upstream::new(&policy, &[1, 2], 1);
        let mut candidates = Candidates::new(1);
        let Upstream { balancer, loads, rng, now } = &mut upstream;
        let admission = Admission::everyone();
        balancer.choose(Choice { hash: None, now: *now, rng, loads, admission }, &mut candidates);
        assert_eq!(candidates.is_empty(), policy.needs_hash(), "{policy:?}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use balance_support::LATENCY;
    use core::time::Duration;
    use proptest::prelude::*;
    use switchyard_core::health::SlowStart;

    #[derive(Clone, Debug)]
    struct State {
        weight: u32,
        health: Health,
        /// Milliseconds in rotation.
        age: Option<u64>,
        active: u32,
        latency_ms: Option<u64>,
    }

    fn state() -> impl Strategy<Value = State> {
        let health = prop_oneof![
            Just(Health::Healthy),
            Just(Health::Ejected),
            Just(Health::HalfOpen),
            Just(Health::Withdrawn)
        ];
        let weight = prop_oneof![Just(1_u32), 1..1000_u32];
        let ages = proptest::option::of(0..2000_u64);
        (weight, health, ages, 0..40_u32, proptest::option::of(0..5000_u64)).prop_map(
            |(weight, health, age, active, latency_ms)| State { weight, health, age, active, latency_ms },
        )
    }

    fn table(upstream: &mut Upstream, states: &[State]) -> HealthTable {
        let mut table = HealthTable::new(states.len());
        for (index, state) in states.iter().enumerate() {
            let since = state.age.map(|age| ago(upstream, age));
            table.set(index, state.health, since);
            (0..state.active)
                .for_each(|_| core::mem::forget(upstream.loads.start(index, Some(upstream.now))));
            if let Some(latency) = state.latency_ms {
                upstream.loads.observe(index, Duration::from_millis(latency), upstream.now, &LATENCY);
            }
        }
        table
    }

    fn ago(upstream: &Upstream, age_ms: u64) -> switchyard_core::Timestamp {
        switchyard_core::Timestamp::from_nanos(upstream.now.as_nanos() - age_ms * 1_000_000)
    }

    proptest! {
        #[test]
        fn candidates_are_distinct_admitted_bounded_and_there(
            policy in 0..policies().len(),
            states in prop::collection::vec(state(), 1..12),
            (limit, panic_threshold, seed) in (1..6_usize, 0..=100_u8, any::<u64>()),
            (ramps, min_weight) in (any::<bool>(), prop_oneof![Just(0.0), Just(0.1)]),
            fail_traffic_on_panic in any::<bool>(),
        ) {
            let weights: Vec<u32> = states.iter().map(|state| state.weight).collect();
            let mut upstream = Upstream::new(&policies()[policy], &weights, seed);
            let table = table(&mut upstream, &states);
            let slow_start =
                ramps.then_some(SlowStart { window: Duration::from_secs(1), aggression: 1.0, min_weight });
            let health = HealthPolicy { panic_threshold, slow_start, fail_traffic_on_panic, ..HealthPolicy::default() };
            for _ in 0..8 {
                let admission = table.admission(&health, upstream.now);
                let admitted = (0..states.len()).filter(|index| admission.admits(*index)).count();
                let chosen = upstream.choose(admission, limit);
                let mut distinct = chosen.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), chosen.len(), "distinct");
                prop_assert!(chosen.len() <= limit);
                prop_assert_eq!(chosen.is_empty(), admitted == 0, "somebody if anybody");
                for index in chosen {
                    prop_assert!(index < states.len());
                    prop_assert!(states[index].health != Health::Withdrawn, "by hand is by hand");
                    prop_assert!(admission.ignores_health() || states[index].health == Health::Healthy);
                }
                upstream.now = upstream.now.plus(Duration::from_millis(100));
            }
        }
    }
}
