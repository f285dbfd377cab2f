//! Which level a request goes to, and what comes behind.

use super::balance_support::{Upstream, assert_shares, maglev, ring_hash};
use super::{firsts, levels, policies, table, upstream};
use switchyard_core::balance::{Balancer, Candidates, Choice};
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable};
use switchyard_core::load::Loads;
use switchyard_core::{Endpoints, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

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
