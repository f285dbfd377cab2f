//! Slow start's formula, the edges of panic, ramps that end; and loads that no order of events can drive below 0.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::health::{Health, HealthPolicy, HealthTable, SlowStart};
use switchyard_core::load::Loads;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const START: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn ramp(aggression: f64, min_weight: f64) -> SlowStart {
    SlowStart { window: 10 * SECOND, aggression, min_weight }
}

fn with_healthy(healthy: usize, endpoints: usize) -> HealthTable {
    let mut table = HealthTable::new(endpoints);
    (healthy..endpoints).for_each(|index| table.set(index, Health::Ejected, None));
    table
}

#[test]
fn slow_start_is_envoys_formula() {
    let cases = [
        (1.0, 0.1, 0, 0.1),
        (1.0, 0.1, 500, 0.1),
        (1.0, 0.1, 5000, 0.5),
        (1.0, 0.1, 9999, 0.9999),
        (1.0, 0.1, 10_000, 1.0),
        (1.0, 0.1, 60_000, 1.0),
        (1.0, 0.0, 0, 0.0001),
        (2.0, 0.0, 2500, 0.5),
        (0.5, 0.0, 5000, 0.25),
        (1.0, 1.0, 0, 1.0),
    ];
    for (aggression, min_weight, millis, expected) in cases {
        let factor = ramp(aggression, min_weight).factor(Duration::from_millis(millis));
        assert!((factor - expected).abs() < 1e-12, "{aggression} {min_weight} {millis} ms: {factor}");
    }
}

#[test]
fn no_ramp_is_so_steep_that_its_endpoint_is_ejected() {
    assert!(ramp(1e-6, 0.0).factor(Duration::ZERO) > 0.0);
    let at_once = SlowStart { window: Duration::ZERO, aggression: 1.0, min_weight: 0.1 };
    assert!((at_once.factor(Duration::ZERO) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn panic_begins_below_the_threshold() {
    for (healthy, endpoints, panic_threshold, panics) in [
        (2, 4, 50, false),
        (1, 4, 50, true),
        (1, 2, 50, false),
        (1, 3, 34, true),
        (1, 3, 33, false),
        (0, 4, 1, true),
        (0, 4, 0, false),
        (3, 4, 100, true),
        (4, 4, 100, false),
    ] {
        let table = with_healthy(healthy, endpoints);
        let admission = table.admission(&HealthPolicy { panic_threshold, slow_start: None }, START);
        let admitted = (0..endpoints).filter(|index| admission.admits(*index)).count();
        assert_eq!(admission.is_panic(), panics, "{healthy} of {endpoints} at {panic_threshold} %");
        assert_eq!(admitted, if panics { endpoints } else { healthy });
        assert_eq!(admission.admits_everyone(), panics || healthy == endpoints);
    }
}

#[test]
fn one_that_is_half_open_is_out_of_rotation() {
    let mut table = HealthTable::new(3);
    table.set(1, Health::HalfOpen, None);
    let admission = table.admission(&HealthPolicy::default(), START);
    assert!(!admission.admits(1) && !admission.admits(3) && admission.admits(0));
    assert_eq!((table.get(1), table.get(3)), (Health::HalfOpen, Health::Ejected));
}

#[test]
fn a_ramp_counts_while_it_lasts() {
    let policy = HealthPolicy { panic_threshold: 50, slow_start: Some(ramp(1.0, 0.1)) };
    let mut table = HealthTable::new(2);
    table.set(1, Health::Healthy, Some(START));
    let half = table.admission(&policy, START.plus(5 * SECOND));
    assert!(half.is_ramping() && (half.factor(1) - 0.5).abs() < 1e-12);
    let full_share = table.admission(&HealthPolicy { slow_start: None, ..policy }, START);
    assert!(!full_share.is_ramping() && full_share.admits_everyone(), "no slow start, no ramp");
    table.settle(START.plus(9 * SECOND), &ramp(1.0, 0.1));
    assert!(table.needs_time());
    table.settle(START.plus(10 * SECOND), &ramp(1.0, 0.1));
    assert!(!table.needs_time());
    assert!(!table.admission(&policy, START).is_ramping());
}

#[test]
fn a_key_once_admitted_stays_admitted() {
    let policy = HealthPolicy { panic_threshold: 0, slow_start: Some(ramp(1.0, 0.1)) };
    let mut table = HealthTable::new(2);
    table.set(1, Health::Healthy, Some(START));
    let mut before = 0;
    for second in 0..=10 {
        let admission = table.admission(&policy, START.plus(second * SECOND));
        let later = table.admission(&policy, START.plus((second + 1) * SECOND));
        let keys = (0..1000_u64).filter(|key| admission.admits_key(1, *key));
        assert!(keys.clone().all(|key| later.admits_key(1, key)));
        assert!(keys.clone().count() >= before);
        before = keys.count();
    }
    assert_eq!(before, 1000);
}

#[test]
fn a_slow_answer_counts_at_once_and_fades() {
    let mut loads = Loads::new(2);
    let expected = |loads: &Loads, now| loads.latency_at(0, now, SECOND, 7 * SECOND) / 1e9;
    let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
    assert!(close(expected(&loads, START), 7.0), "the default before the first answer");
    loads.observe(0, 2 * SECOND, START, SECOND);
    loads.observe(0, 4 * SECOND, START, SECOND);
    assert!(close(expected(&loads, START), 4.0));
    let later = START.plus(SECOND);
    assert!(close(expected(&loads, later), 4.0 * (-1.0_f64).exp()));
    loads.observe(0, SECOND, later, SECOND);
    assert!(close(expected(&loads, later), 4.0 * (-1.0_f64).exp() + 1.0 - (-1.0_f64).exp()));
    assert!(close(expected(&loads, START), expected(&loads, later)), "a clock that steps back does no harm");
    loads.observe(9, SECOND, later, SECOND);
    assert!(close(loads.latency_at(1, later, SECOND, SECOND), 1e9));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn total_is_the_sum_and_nothing_goes_below_zero(
            events in prop::collection::vec((any::<bool>(), 0..6_usize), 0..200)
        ) {
            // Endpoints 4 and 5 do not exist.
            let (mut loads, mut model) = (Loads::new(4), [0_u32; 4]);
            for (starts, index) in events {
                if starts { loads.start(index) } else { loads.finish(index) }
                if let Some(active) = model.get_mut(index) {
                    *active = if starts { *active + 1 } else { active.saturating_sub(1) };
                }
                prop_assert_eq!([0, 1, 2, 3].map(|index| loads.active(index)), model);
                prop_assert_eq!(loads.total_active(), model.iter().sum::<u32>());
            }
        }

        #[test]
        fn a_ramp_only_rises(
            (aggression, min_weight) in (0.01..10.0_f64, 0.0..=1.0_f64),
            (one, other) in (0..12_000_u64, 0..12_000_u64),
        ) {
            let slow_start = ramp(aggression, min_weight);
            let [sooner, later] =
                [one.min(other), one.max(other)].map(|at| slow_start.factor(Duration::from_millis(at)));
            prop_assert!(sooner > 0.0 && sooner >= min_weight && sooner <= later && later <= 1.0);
        }
    }
}
