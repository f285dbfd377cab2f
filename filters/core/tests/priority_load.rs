//! The shares of priority levels, against the tables of Envoy's documentation ("Priority levels", "Panic threshold", "Degraded
//! endpoints") where they say what its code does; and what must hold of all shares.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_core::priority::{Availability, PriorityLoad, Tally};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn level(healthy: u32, degraded: u32, members: u32) -> Tally {
    Tally { members, healthy, degraded, ..Tally::default() }
}

/// Levels of a hundred, of which so many are healthy.
fn hundreds(healthy: &[u32]) -> Vec<Tally> {
    healthy.iter().map(|healthy| level(*healthy, 0, 100)).collect()
}

/// The shares of the healthy and of the degraded endpoints of each level.
fn shares_of(load: &PriorityLoad<'_>) -> (Vec<u32>, Vec<u32>) {
    let of = |wanted| load.shares().filter(move |share| share.1 == wanted).map(|share| share.2).collect();
    (of(Availability::Healthy), of(Availability::Degraded))
}

fn shares(levels: &[Tally], panic_threshold: u8) -> Vec<u32> {
    let (healthy, degraded) = shares_of(&PriorityLoad::new(levels, 140, panic_threshold, false));
    assert!(degraded.iter().all(|share| *share == 0));
    healthy
}

#[test]
fn two_levels_share_as_envoys_documentation_says() {
    for (healthy, expected) in [
        ([100, 100], [100, 0]),
        ([72, 100], [100, 0]),
        ([71, 100], [99, 1]),
        ([50, 100], [70, 30]),
        ([25, 100], [35, 65]),
        ([0, 100], [0, 100]),
        ([72, 72], [100, 0]),
        ([71, 71], [99, 1]),
        ([50, 50], [70, 30]),
        ([25, 25], [50, 50]),
    ] {
        assert_eq!(shares(&hundreds(&healthy), 50), expected, "{healthy:?}");
    }
}

#[test]
fn three_levels_share_as_envoys_documentation_says() {
    for (healthy, expected) in [
        ([100, 100, 100], [100, 0, 0]),
        ([72, 72, 100], [100, 0, 0]),
        ([71, 71, 100], [99, 1, 0]),
        ([50, 50, 100], [70, 30, 0]),
        ([25, 100, 100], [35, 65, 0]),
        ([25, 25, 100], [35, 35, 30]),
        // The documentation rounds to 36, 36, 28; the code gives what rounding leaves over to the first.
        ([25, 25, 20], [37, 35, 28]),
    ] {
        assert_eq!(shares(&hundreds(&healthy), 0), expected, "{healthy:?}");
    }
}

#[test]
fn a_level_panics_only_while_all_of_them_cannot_serve_everything() {
    for (healthy, panics, expected) in [
        ([72, 72], [false, false], [100, 0]),
        ([0, 100], [false, false], [0, 100]),
        ([50, 60], [false, false], [70, 30]),
        ([25, 100], [false, false], [35, 65]),
        // All are in panic: by size.
        ([25, 25], [true, true], [50, 50]),
        ([0, 0], [true, true], [50, 50]),
        // 7 and 91 of 98; the documentation rounds to 7 and 93.
        ([5, 65], [true, false], [8, 92]),
    ] {
        let levels = hundreds(&healthy);
        let load = PriorityLoad::new(&levels, 140, 50, false);
        assert_eq!([load.is_panic(0), load.is_panic(1)], panics, "{healthy:?}");
        assert_eq!(load.is_total_panic(), panics == [true, true]);
        assert_eq!(shares_of(&load).0, expected, "{healthy:?}");
    }
}

#[test]
fn when_all_panic_traffic_goes_by_size_and_the_rest_of_rounding_to_the_first_that_has_somebody() {
    assert_eq!(shares(&[level(0, 0, 1), level(0, 0, 300)], 50), [1, 99]);
    assert_eq!(shares(&[level(0, 0, 0), level(0, 0, 1), level(0, 0, 2)], 50), [0, 34, 66]);
    assert_eq!(shares(&[level(0, 0, 0), level(0, 0, 0)], 50), [100, 0], "nobody is anywhere");
}

#[test]
fn with_a_threshold_of_zero_nobody_panics_and_the_first_has_what_nobody_can_serve() {
    let levels = hundreds(&[0, 0]);
    let load = PriorityLoad::new(&levels, 140, 0, false);
    assert!(!load.is_panic(0) && !load.is_panic(1) && !load.is_total_panic());
    assert_eq!(shares_of(&load).0, [100, 0]);
}

#[test]
fn degraded_endpoints_serve_what_the_healthy_ones_cannot() {
    for ((healthy, degraded), expected) in [
        ((100, 0), (100, 0)),
        ((71, 0), (100, 0)),
        ((71, 29), (99, 1)),
        ((25, 65), (35, 65)),
        ((5, 0), (100, 0)),
        ((0, 100), (0, 100)),
    ] {
        let levels = [level(healthy, degraded, 100)];
        let (of_healthy, of_degraded) = shares_of(&PriorityLoad::new(&levels, 140, 50, false));
        assert_eq!((of_healthy[0], of_degraded[0]), expected, "{healthy} {degraded}");
    }
    // The healthy ones of the next level come before the degraded ones of the first.
    let levels = [level(50, 50, 100), level(100, 0, 100)];
    assert_eq!(shares_of(&PriorityLoad::new(&levels, 140, 50, false)), (vec![70, 30], vec![0, 0]));
    // The example in Envoy's code, whose documentation has 28, 14 and 0 for the degraded ones; what is left over is the first one's.
    let levels = [level(10, 20, 100), level(20, 10, 100), level(10, 0, 100)];
    assert_eq!(shares_of(&PriorityLoad::new(&levels, 100, 0, false)), (vec![16, 28, 14], vec![28, 14, 0]));
}

#[test]
fn endpoints_that_take_trials_count_for_whoever_asks_whose_keys_are_theirs() {
    let levels = [Tally { half_open: 50, ..level(0, 0, 100) }, level(100, 0, 100)];
    assert_eq!(shares_of(&PriorityLoad::new(&levels, 140, 50, false)).0, [0, 100]);
    assert_eq!(shares_of(&PriorityLoad::new(&levels, 140, 50, true)).0, [70, 30]);
}

#[test]
fn a_request_goes_where_its_hash_falls() {
    let levels = hundreds(&[50, 100]);
    let load = PriorityLoad::new(&levels, 140, 50, false);
    let first = |hash: &u64| load.choose(*hash) == (0, Availability::Healthy);
    assert_eq!((0..100).filter(first).collect::<Vec<_>>(), (0..70).collect::<Vec<_>>());
    assert!(first(&(7 * 100 + 69)) && !first(&(7 * 100 + 70)));
    let levels = [level(71, 29, 100)];
    let load = PriorityLoad::new(&levels, 140, 50, false);
    assert_eq!(load.choose(98), (0, Availability::Healthy));
    assert_eq!(load.choose(99), (0, Availability::Degraded));
}

#[test]
fn without_a_threshold_no_level_is_in_panic_not_even_one_without_anybody() {
    let levels = [level(0, 0, 0), level(1, 0, 4)];
    for (threshold, panics) in [(0, [false; 2]), (1, [true, false])] {
        let load = PriorityLoad::new(&levels, 140, threshold, false);
        assert_eq!([0, 1].map(|level| load.is_panic(level)), panics, "{threshold} %");
    }
}

#[test]
fn one_that_takes_trials_is_counted_once_whichever_way_it_is_seen() {
    let tally = Tally { members: 4, healthy: 1, half_open: 2, withdrawn: 1, ..Tally::default() };
    let seen = Tally { healthy: 3, half_open: 0, ..tally };
    assert_eq!(tally.with_trials(), seen);
    assert_eq!(seen.with_trials(), seen);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn any_level() -> impl Strategy<Value = Tally> {
        (0..20_u32, 0..20_u32, 0..20_u32)
            .prop_map(|(healthy, degraded, out)| level(healthy, degraded, healthy + degraded + out))
    }

    fn any_levels() -> impl Strategy<Value = Vec<Tally>> {
        prop::collection::vec(any_level(), 1..6)
    }

    proptest! {
        #[test]
        fn shares_sum_to_a_hundred_and_none_goes_where_nobody_is(
            levels in any_levels(),
            (factor, threshold) in (100..300_u32, 0..=100_u8),
        ) {
            let load = PriorityLoad::new(&levels, factor, threshold, false);
            prop_assert_eq!(load.shares().map(|share| share.2).sum::<u32>(), 100);
            let somebody = |level: &Tally| match load.is_total_panic() {
                true => level.members > 0,
                false => level.healthy + level.degraded > 0,
            };
            for (level, availability, share) in load.shares().filter(|share| share.2 > 0) {
                let tally = levels[level];
                let can = match (load.is_total_panic(), availability) {
                    (true, _) => tally.members,
                    (_, Availability::Healthy) => tally.healthy,
                    (_, Availability::Degraded) => tally.degraded,
                };
                prop_assert!(can > 0 || !levels.iter().any(somebody), "{level} {availability:?} has {share}");
            }
        }

        #[test]
        fn a_level_has_no_more_when_one_of_its_endpoints_goes_out_and_those_before_it_no_less(
            healthy in prop::collection::vec(1..=20_u32, 1..6),
            which in any::<prop::sample::Index>(),
        ) {
            let which = which.index(healthy.len());
            let mut levels: Vec<_> = healthy.iter().map(|healthy| level(*healthy, 0, 20)).collect();
            let before = shares(&levels, 0);
            levels[which].healthy -= 1;
            let after = shares(&levels, 0);
            // What rounding leaves over may come to it, if it is the first.
            let rounding = levels.len() as u32;
            prop_assert!(after[which] <= before[which] + rounding, "{before:?} {after:?}");
            for level in 0..which {
                prop_assert!(after[level] + rounding >= before[level], "{before:?} {after:?}");
            }
        }

        #[test]
        fn choices_follow_the_shares(levels in any_levels(), threshold in 0..=100_u8) {
            let load = PriorityLoad::new(&levels, 140, threshold, false);
            for (level, availability, share) in load.shares() {
                let count = (0..100).filter(|hash| load.choose(*hash) == (level, availability)).count();
                prop_assert_eq!(count, share as usize);
            }
        }
    }
}
