//! Choices among levels of priority, degraded endpoints and localities, by every policy.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(dead_code, reason = "each test binary uses its part of balance_support")]

mod balance_support;

use balance_support::{Upstream, assert_shares, least_request, maglev, peak_ewma, ring_hash};
use core::num::NonZeroU32;
use switchyard_core::balance::{Balancer, Candidates, Choice, Policy, ZoneAware};
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable};
use switchyard_core::load::Loads;
use switchyard_core::{Endpoint, Endpoints, Locality, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn policies() -> Vec<Policy> {
    vec![
        Policy::RoundRobin,
        Policy::Random,
        Policy::WeightedRandom,
        Policy::SmoothWeightedRoundRobin,
        least_request(1.0),
        peak_ewma(),
        ring_hash(None),
        ring_hash(Some(110)),
        maglev(None),
        maglev(Some(110)),
    ]
}

fn zone(name: &str) -> Locality {
    Locality { zone: name.into(), ..Locality::default() }
}

/// Endpoints of these priorities, in these zones if they have a name.
fn endpoints(places: &[(u32, &str)]) -> Endpoints {
    let endpoint = |(index, (priority, name)): (usize, &(u32, &str))| Endpoint {
        priority: *priority,
        locality: (!name.is_empty()).then(|| Box::new(zone(name))),
        ..Endpoint::new(format!("10.0.0.{index}:80"), NonZeroU32::MIN)
    };
    Endpoints::new(places.iter().enumerate().map(endpoint).collect())
}

fn levels(priorities: &[u32]) -> Endpoints {
    endpoints(&priorities.iter().map(|priority| (*priority, "")).collect::<Vec<_>>())
}

fn upstream(policy: &Policy, endpoints: &Endpoints, zone_aware: Option<ZoneAware>) -> Upstream {
    let mut upstream = Upstream::new(policy, &vec![1; endpoints.len()], 7);
    upstream.balancer = Balancer::zone_aware(policy, endpoints, zone_aware);
    upstream
}

/// These are out.
fn table(endpoints: &Endpoints, out: &[usize]) -> HealthTable {
    let mut table = HealthTable::of(endpoints);
    out.iter().for_each(|index| table.set(*index, Health::Ejected, None));
    table
}

/// How often each comes first.
fn firsts(upstream: &mut Upstream, table: &HealthTable, policy: &HealthPolicy, endpoints: usize) -> Vec<u64> {
    upstream.counts(table.admission(policy, upstream.now), 0, endpoints, 10_000)
}

#[test]
fn the_levels_have_their_shares_whatever_the_policy() {
    let list = levels(&[1, 0, 0, 1, 0, 0]);
    for (out, expected) in [
        (&[][..], [100.0, 0.0]),
        (&[1], [100.0, 0.0]),
        (&[1, 2], [70.0, 30.0]),
        (&[1, 2, 4], [35.0, 65.0]),
        (&[1, 2, 4, 5], [0.0, 100.0]),
    ] {
        for policy in policies() {
            let mut upstream = upstream(&policy, &list, None);
            let counts = firsts(&mut upstream, &table(&list, out), &HealthPolicy::default(), 6);
            let second = counts[0] + counts[3];
            let first: u64 = counts.iter().sum::<u64>() - second;
            assert!(out.iter().all(|index| counts[*index] == 0), "{policy:?} {counts:?}");
            match expected {
                [all, 0.0] => assert_eq!(first, 100 * all as u64, "{policy:?}"),
                [0.0, all] => assert_eq!(second, 100 * all as u64, "{policy:?}"),
                expected => assert_shares(&[first, second], &expected),
            }
        }
    }
}

#[test]
fn behind_the_first_choice_there_are_its_levels_others_then_the_next_levels_then_those_before() {
    let list = levels(&[2, 0, 1, 0, 1]);
    let sorted = |mut part: Vec<usize>| {
        part.sort_unstable();
        part
    };
    for policy in policies() {
        let mut upstream = upstream(&policy, &list, None);
        for _ in 0..50 {
            let chosen = upstream.choose(Admission::everyone(), 5);
            assert_eq!(sorted(chosen[..2].to_vec()), [1, 3], "{policy:?}");
            assert_eq!(sorted(chosen[2..4].to_vec()), [2, 4], "{policy:?}");
            assert_eq!(chosen[4..], [0], "{policy:?}");
        }
        let out = table(&list, &[1]);
        // 70 % of the first level's; the others begin with the second level and come back to the first.
        for _ in 0..200 {
            let chosen = upstream.choose(out.admission(&HealthPolicy::default(), upstream.now), 5);
            match chosen[0] {
                3 => assert_eq!((sorted(chosen[1..3].to_vec()), &chosen[3..]), (vec![2, 4], &[0][..])),
                _ => assert_eq!((sorted(chosen[..2].to_vec()), &chosen[2..]), (vec![2, 4], &[0, 3][..])),
            }
        }
    }
}

#[test]
fn each_level_hashes_by_a_table_of_its_own_as_in_envoy() {
    let list = levels(&[0, 1, 0, 1, 0]);
    let first: Endpoints =
        Endpoints::new([0, 2, 4].map(|index| list.get(index).expect("it").clone()).to_vec());
    let loads = Loads::new(5);
    for policy in [ring_hash(None), maglev(None)] {
        let (mut both, mut alone) = (Balancer::new(&policy, &list), Balancer::new(&policy, &first));
        let mut rng = fastrand::Rng::with_seed(1);
        for key in 0..500_u64 {
            let hash = Some(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut choose = |balancer: &mut Balancer| {
                let mut candidates = Candidates::new(3);
                let (now, admission) = (Timestamp::default(), Admission::everyone());
                balancer
                    .choose(Choice { hash, now, rng: &mut rng, loads: &loads, admission }, &mut candidates);
                candidates.iter().collect::<Vec<_>>()
            };
            let alone: Vec<usize> = choose(&mut alone).iter().map(|place| place * 2).collect();
            assert_eq!(choose(&mut both), alone, "{policy:?}");
        }
    }
}

#[test]
fn a_key_has_its_level_and_only_keys_that_must_move() {
    let list = levels(&[0, 0, 0, 0, 1, 1, 1, 1]);
    for policy in [ring_hash(None), maglev(None)] {
        let mut upstream = upstream(&policy, &list, None);
        let mut all = |out: &[usize]| -> Vec<usize> {
            let table = table(&list, out);
            let admission = table.admission(&HealthPolicy::default(), upstream.now);
            let choose = |key: u64| {
                let mut candidates = Candidates::new(1);
                let Upstream { balancer, loads, rng, now } = &mut upstream;
                let hash = Some(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                balancer.choose(Choice { hash, now: *now, rng, loads, admission }, &mut candidates);
                candidates.first().expect("somebody")
            };
            (0..1000).map(choose).collect()
        };
        let (before, after) = (all(&[]), all(&[0, 1]));
        assert_eq!(all(&[0, 1]), after, "a key stays");
        let stays = before.iter().zip(&after).filter(|(one, other)| one == other && **one > 1).count();
        let spared = before.iter().filter(|one| **one > 1).count();
        // Of the keys of those that are still there 30 % go to the next level, no more.
        assert!(stays * 100 > spared * 60, "{policy:?}: {stays} of {spared} stay");
        assert_eq!(all(&[]), before, "and comes back");
    }
}

#[test]
fn a_hash_policy_without_a_hash_chooses_nobody_of_any_level() {
    for policy in [ring_hash(None), maglev(Some(110))] {
        let mut balancer = Balancer::new(&policy, &levels(&[0, 1]));
        let mut candidates = Candidates::new(2);
        let (loads, mut rng) = (Loads::new(2), fastrand::Rng::with_seed(1));
        let (now, admission) = (Timestamp::default(), Admission::everyone());
        balancer.choose(Choice { hash: None, now, rng: &mut rng, loads: &loads, admission }, &mut candidates);
        assert!(candidates.is_empty());
    }
}

#[test]
fn endpoints_of_one_level_decide_as_if_there_were_none() {
    let (flat, high) = (levels(&[0; 5]), levels(&[3; 5]));
    for policy in policies() {
        let (mut one, mut other) = (upstream(&policy, &flat, None), upstream(&policy, &high, None));
        for out in [&[][..], &[2], &[0, 1, 2]] {
            let (here, there) = (table(&flat, out), HealthTable::new(5));
            let mut there = there;
            out.iter().for_each(|index| there.set(*index, Health::Ejected, None));
            for _ in 0..50 {
                let first = one.choose(here.admission(&HealthPolicy::default(), one.now), 3);
                let second = other.choose(there.admission(&HealthPolicy::default(), other.now), 3);
                assert_eq!(first, second, "{policy:?}");
            }
        }
        assert_eq!(one.rng.u64(..), other.rng.u64(..), "not even a random number more");
    }
}

#[test]
fn panic_is_of_a_level_and_fails_its_traffic_alone() {
    // 5 % of 20 in the first level, 65 % of 20 in the second: 8 % of the traffic goes to whoever is of the first.
    let list = levels(&[[0; 20], [1; 20]].concat());
    let out: Vec<usize> = (1..20).chain(33..40).collect();
    let table = table(&list, &out);
    let mut upstream = upstream(&Policy::Random, &list, None);
    let counts = firsts(&mut upstream, &table, &HealthPolicy::default(), 40);
    let first: u64 = counts[..20].iter().sum();
    assert_shares(&[first, 10_000 - first], &[8.0, 92.0]);
    assert!(counts[1..20].iter().all(|count| *count > 0), "health is ignored there");
    assert!(counts[33..].iter().all(|count| *count == 0), "and not here");
    let fails = HealthPolicy { fail_traffic_on_panic: true, ..HealthPolicy::default() };
    let served = (0..10_000)
        .filter(|_| !upstream.choose(table.admission(&fails, upstream.now), 3).is_empty())
        .count() as u64;
    assert_shares(&[10_000 - served, served], &[8.0, 92.0]);
}

#[test]
fn degraded_endpoints_come_first_only_for_what_the_healthy_ones_cannot_serve() {
    let list = levels(&[0; 4]);
    for policy in policies() {
        let mut upstream = upstream(&policy, &list, None);
        let mut table = HealthTable::of(&list);
        table.set_degraded(3, true);
        assert!(table.all_in_rotation());
        let counts = firsts(&mut upstream, &table, &HealthPolicy::default(), 4);
        assert_eq!(counts[3], 0, "{policy:?}: three of four serve all");
        let chosen = upstream.choose(table.admission(&HealthPolicy::default(), upstream.now), 4);
        assert_eq!((chosen.len(), chosen[3]), (4, 3), "{policy:?}: but it is the last resort");
        table.set_degraded(2, true);
        let counts = firsts(&mut upstream, &table, &HealthPolicy::default(), 4);
        assert_shares(&[counts[0] + counts[1], counts[2] + counts[3]], &[70.0, 30.0]);
        table.set_degraded(2, false);
        table.set(2, Health::Ejected, None);
        let counts = firsts(&mut upstream, &table, &HealthPolicy::default(), 4);
        assert_eq!(counts[2], 0, "{policy:?}");
        assert_shares(&[counts[0] + counts[1], counts[3]], &[70.0, 30.0]);
    }
}

#[test]
fn the_keys_of_one_that_takes_trials_are_found_though_its_whole_level_is_out() {
    let list = levels(&[0, 1, 1]);
    let mut table = HealthTable::of(&list);
    table.set(0, Health::HalfOpen, None);
    for policy in [ring_hash(None), maglev(None)] {
        let mut upstream = upstream(&policy, &list, None);
        let admission = table.admission(&HealthPolicy::default(), upstream.now);
        assert_ne!(upstream.choose(admission, 1), [0]);
        assert_eq!(upstream.choose(admission.with_trials(), 1), [0], "{policy:?}");
    }
}

/// Zones a, b and c with two each, and a second level in a.
fn zoned() -> Endpoints {
    endpoints(&[(0, "a"), (0, "b"), (0, "c"), (0, "a"), (0, "b"), (0, "c"), (1, "a")])
}

#[test]
fn the_own_zone_is_preferred_as_far_as_its_share_of_the_healthy_goes() {
    let list = zoned();
    let policy = HealthPolicy::default();
    let aware = ZoneAware { min_cluster_size: 3, ..ZoneAware::default() };
    for balance in policies().iter().filter(|policy| !policy.needs_hash()) {
        let mut upstream = upstream(balance, &list, Some(aware));
        let counts = firsts(&mut upstream, &table(&list, &[]), &policy, 7);
        assert_eq!(counts[6], 0);
        assert!((1..6).step_by(3).all(|index| counts[index] > 0), "nobody knows yet where the proxy is");
        upstream.balancer.locate(&Locality { region: "r".into(), ..zone("a") });
        let counts = firsts(&mut upstream, &table(&list, &[]), &policy, 7);
        assert_shares(&[counts[0], counts[3]], &[1.0, 1.0]);
        assert_eq!(counts[0] + counts[3], 10_000, "{balance:?}");
        // One of five is here, and a third starts here: 60 % of it can stay.
        let counts = firsts(&mut upstream, &table(&list, &[3]), &policy, 7);
        assert_shares(&[counts[0], counts[1] + counts[4], counts[2] + counts[5]], &[60.0, 20.0, 20.0]);
        // Nobody is here.
        let counts = firsts(&mut upstream, &table(&list, &[0, 3]), &policy, 7);
        let second = counts[6];
        assert_shares(&[10_000 - second, second], &[93.0, 7.0]);
        assert_shares(&[counts[1] + counts[4], counts[2] + counts[5]], &[1.0, 1.0]);
        let chosen = upstream.choose(table(&list, &[]).admission(&policy, upstream.now), 7);
        assert!(chosen[..2].iter().all(|index| index % 3 == 0), "retries stay here, too: {chosen:?}");
        assert_eq!((chosen.len(), chosen[6]), (7, 6), "and go to the next level last");
    }
}

#[test]
fn no_zone_is_preferred_without_enough_endpoints_without_the_wish_or_in_panic() {
    let list = zoned();
    let even = |zone_aware: Option<ZoneAware>, own: &str, out: &[usize]| {
        let mut upstream = upstream(&Policy::Random, &list, zone_aware);
        upstream.balancer.locate(&zone(own));
        let counts = firsts(&mut upstream, &table(&list, out), &HealthPolicy::default(), 7);
        counts[0] + counts[3] < 5_000
    };
    let aware = ZoneAware::default();
    assert!(!even(Some(aware), "a", &[]));
    assert!(even(Some(aware), "a", &[1]), "five are too few");
    assert!(even(Some(aware), "d", &[]), "nobody is there");
    assert!(even(Some(aware), "", &[]), "nowhere");
    assert!(even(Some(ZoneAware { routing_enabled: 0, ..aware }), "a", &[]));
    assert!(even(None, "a", &[]));
    let small = ZoneAware { min_cluster_size: 0, ..aware };
    assert!(!even(Some(small), "a", &[1]));
    assert!(even(Some(small), "a", &[1, 2, 4, 5, 6]), "panic");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn health() -> impl Strategy<Value = Health> {
        prop_oneof![
            Just(Health::Healthy),
            Just(Health::Ejected),
            Just(Health::HalfOpen),
            Just(Health::Withdrawn)
        ]
    }

    proptest! {
        #[test]
        fn candidates_are_distinct_admitted_bounded_and_there(
            policy in 0..policies().len(),
            states in prop::collection::vec((0..4_u32, 0..3_usize, health(), any::<bool>()), 1..12),
            (limit, panic_threshold, seed) in (1..6_usize, 0..=100_u8, any::<u64>()),
            zoned in any::<bool>(),
        ) {
            let places: Vec<_> = states.iter().map(|state| (state.0, ["", "a", "b"][state.1])).collect();
            let list = endpoints(&places);
            let aware = zoned.then_some(ZoneAware { min_cluster_size: 0, ..ZoneAware::default() });
            let mut upstream = upstream(&policies()[policy], &list, aware);
            upstream.rng = fastrand::Rng::with_seed(seed);
            upstream.balancer.locate(&zone("a"));
            let mut table = HealthTable::of(&list);
            for (index, (_, _, health, degraded)) in states.iter().enumerate() {
                table.set_degraded(index, *degraded);
                table.set(index, *health, None);
            }
            let health = HealthPolicy { panic_threshold, ..HealthPolicy::default() };
            for _ in 0..8 {
                let admission = table.admission(&health, upstream.now);
                let admitted = (0..states.len()).filter(|index| admission.admits(*index)).count();
                let chosen = upstream.choose(admission, limit);
                let mut distinct = chosen.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), chosen.len(), "distinct");
                prop_assert_eq!(chosen.len(), admitted.min(limit), "all who are admitted and fit");
                for index in chosen {
                    prop_assert!(admission.admits(index) && states[index].2 != Health::Withdrawn);
                }
            }
        }

        #[test]
        fn a_table_counts_as_one_made_anew(
            places in prop::collection::vec((0..3_u32, 0..3_usize), 1..8),
            changes in prop::collection::vec((0..8_usize, health(), any::<bool>()), 0..20),
        ) {
            let places: Vec<_> = places.iter().map(|place| (place.0, ["", "a", "b"][place.1])).collect();
            let list = endpoints(&places);
            let (mut grown, mut last) = (HealthTable::of(&list), vec![None; list.len()]);
            for (index, health, degraded) in changes {
                grown.set(index, health, None);
                grown.set_degraded(index, degraded);
                if let Some(last) = last.get_mut(index) {
                    *last = Some((health, degraded));
                }
            }
            let mut fresh = HealthTable::of(&list);
            for (index, (health, degraded)) in last.iter().enumerate().filter_map(|(i, one)| Some((i, (*one)?))) {
                fresh.set_degraded(index, degraded);
                fresh.set(index, health, None);
            }
            prop_assert_eq!(format!("{grown:?}"), format!("{fresh:?}"));
        }
    }
}
