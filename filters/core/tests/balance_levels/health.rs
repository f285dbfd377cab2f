//! Levels in panic, degraded endpoints, and endpoints that take trials.

use super::balance_support::{Upstream, assert_shares, maglev, ring_hash};
use super::{firsts, levels, policies, table, upstream};
use switchyard_core::balance::{Candidates, Choice, Policy};
use switchyard_core::health::{Health, HealthPolicy, HealthTable};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

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

#[test]
fn without_a_key_a_policy_that_hashes_is_not_in_panic_because_one_level_is() {
    // A twentieth of the first level is left, and 65 % of the second.
    let list = levels(&[[0; 20], [1; 20]].concat());
    let table = table(&list, &(1..20).chain(33..40).collect::<Vec<_>>());
    for policy in [ring_hash(None), maglev(None)] {
        let mut upstream = upstream(&policy, &list, None);
        for _ in 0..200 {
            let mut candidates = Candidates::new(3);
            let Upstream { balancer, loads, rng, now } = &mut upstream;
            let admission = table.admission(&HealthPolicy::default(), *now);
            let panics =
                balancer.choose(Choice { hash: None, now: *now, rng, loads, admission }, &mut candidates);
            assert!(!panics && candidates.is_empty(), "{policy:?}");
        }
    }
}
