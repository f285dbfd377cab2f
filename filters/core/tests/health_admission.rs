//! What one request may see of the endpoints' health: which view of it, whose ramp, and where each key's number lies.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::balance_support;

use balance_support::upstream;
use core::time::Duration;
use switchyard_core::health::{Health, HealthPolicy, HealthTable, SlowStart};
use switchyard_core::priority::Availability::{Degraded, Healthy};
use switchyard_core::{Endpoint, Endpoints, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn ramps_from(min_weight: f64) -> HealthPolicy {
    let slow_start = SlowStart { window: Duration::from_secs(10), aggression: 1.0, min_weight };
    HealthPolicy { panic_threshold: 0, slow_start: Some(slow_start), ..HealthPolicy::default() }
}

/// Two in the first level, two in the second.
fn two_levels() -> Endpoints {
    let leveled = |(index, endpoint): (usize, &Endpoint)| Endpoint {
        priority: u32::from(index >= 2),
        ..endpoint.clone()
    };
    Endpoints::new(upstream(&[1; 4]).iter().enumerate().map(leveled).collect())
}

/// The first numbers that splitmix64 draws from the seed 0, as its authors' program prints them.
const DRAWN: [u64; 4] =
    [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f, 0xf88b_b8a8_724c_81ec];

#[test]
fn a_key_is_admitted_once_the_ramp_has_passed_the_number_that_splitmix64_makes_of_it() {
    let mut table = HealthTable::new(2);
    table.set(1, Health::Healthy, Some(START));
    for (draw, number) in (0_u64..).zip(DRAWN) {
        let hash = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let part = (number >> 11) as f64 / (1_u64 << 53) as f64;
        // The ramp begins at its least weight.
        let admits = |min_weight| table.admission(&ramps_from(min_weight), START).admits_key(1, hash);
        assert!(!admits(part), "{number:x}: below it");
        assert!(admits(part.next_up()), "{number:x}: above it");
    }
}

#[test]
fn while_nobody_ramps_a_policy_of_slow_start_makes_no_ramp() {
    let policy = ramps_from(0.1);
    let is_ramping = |table: &HealthTable| table.admission(&policy, START).is_ramping();
    let (mut one, mut two) = (HealthTable::new(3), HealthTable::of(&two_levels()));
    for table in [&mut one, &mut two] {
        table.set(0, Health::Ejected, None);
        assert!(!is_ramping(table));
        table.set(1, Health::Healthy, Some(START));
        assert!(is_ramping(table) && table.needs_time());
        table.set(1, Health::Ejected, Some(START));
        assert!(!is_ramping(table) && !table.needs_time(), "one that is out has no ramp");
        table.set(1, Health::Healthy, Some(START));
        table.set(1, Health::Healthy, None);
        assert!(!is_ramping(table) && !table.is_ramping(), "nor has one that was always there");
    }
}

#[test]
fn a_level_that_is_healthy_throughout_admits_everyone_and_no_other_does() {
    let mut table = HealthTable::of(&two_levels());
    table.set(2, Health::Ejected, None);
    let admission = table.admission(&HealthPolicy::default(), START);
    assert!(admission.of_level(0, Healthy, false).admits_everyone());
    assert!(!admission.of_level(1, Healthy, false).admits_everyone());
    let admitted =
        |view: switchyard_core::health::Admission<'_>| [0, 1, 2, 3].map(|index| view.admits(index));
    assert_eq!(admitted(admission.of_level(1, Healthy, false)), [true, true, false, true]);
    assert_eq!(admitted(admission.of_level(0, Degraded, false)), [false; 4], "nobody is degraded");
    assert!(!admission.has_degraded());
    table.set_degraded(0, true);
    let admission = table.admission(&HealthPolicy::default(), START);
    assert_eq!(admitted(admission.of_level(0, Degraded, false)), [true, false, false, false]);
    assert!(admission.has_degraded());
}

#[test]
fn in_a_level_that_is_healthy_throughout_one_may_ramp_all_the_same() {
    let mut table = HealthTable::of(&two_levels());
    table.set(1, Health::Healthy, Some(START));
    let of_level = table.admission(&ramps_from(0.25), START).of_level(0, Healthy, false);
    assert!(!of_level.admits_everyone() && of_level.is_ramping());
    assert_eq!([0, 1].map(|index| of_level.factor(index)), [1.0, 0.25]);
}

#[test]
fn a_level_in_panic_admits_everyone_unless_somebody_was_taken_out_by_hand() {
    let mut table = HealthTable::of(&two_levels());
    table.set(0, Health::Ejected, None);
    table.set(2, Health::Withdrawn, None);
    let admission = table.admission(&HealthPolicy::default(), START);
    assert!(admission.of_level(0, Healthy, true).admits_everyone());
    let second = admission.of_level(1, Healthy, true);
    assert!(!second.admits_everyone() && !second.admits(2) && second.admits(3));
}

#[test]
fn health_is_ignored_where_all_levels_are_in_panic_and_traffic_is_not_to_fail() {
    let mut table = HealthTable::of(&two_levels());
    let ignores = |table: &HealthTable, fail_traffic_on_panic| {
        let policy = HealthPolicy { fail_traffic_on_panic, ..HealthPolicy::default() };
        table.admission(&policy, START).ignores_health()
    };
    (0..2).for_each(|index| table.set(index, Health::Ejected, None));
    assert_eq!([false, true].map(|fails| ignores(&table, fails)), [false; 2], "the second level serves all");
    (2..4).for_each(|index| table.set(index, Health::Ejected, None));
    assert_eq!([false, true].map(|fails| ignores(&table, fails)), [true, false]);
}

#[test]
fn those_that_take_trials_are_listed_and_not_all_are_in_rotation_then() {
    let mut table = HealthTable::new(4);
    let half_open = |table: &HealthTable| (table.has_half_open(), table.half_open().collect::<Vec<_>>());
    assert_eq!(half_open(&table), (false, vec![]));
    assert!(table.all_in_rotation());
    table.set(0, Health::Ejected, None);
    assert_eq!(half_open(&table), (false, vec![]));
    assert!(!table.all_in_rotation());
    [1, 3].into_iter().for_each(|index| table.set(index, Health::HalfOpen, None));
    assert_eq!(half_open(&table), (true, vec![1, 3]));
    [0, 1, 3].into_iter().for_each(|index| table.set(index, Health::Healthy, None));
    assert_eq!(half_open(&table), (false, vec![]));
    assert!(table.all_in_rotation());
}
