//! Slow start's formula, the edges of panic, ramps that end; and loads that no order of events can drive below 0.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::num::NonZeroU32;
use core::time::Duration;
use switchyard_core::health::{Health, HealthPolicy, HealthTable, SlowStart};
use switchyard_core::load::{InFlight, LatencyPolicy, LoadBook, Loads};
use switchyard_core::{Endpoint, Endpoints, Timestamp};
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
        let admission = table.admission(&HealthPolicy { panic_threshold, ..HealthPolicy::default() }, START);
        let admitted = (0..endpoints).filter(|index| admission.admits(*index)).count();
        assert_eq!(admission.is_panic(), panics, "{healthy} of {endpoints} at {panic_threshold} %");
        assert_eq!(admitted, if panics { endpoints } else { healthy });
        assert_eq!(admission.admits_everyone(), panics || healthy == endpoints);
    }
}

/// `healthy` in rotation, then so many ejected, then so many taken out by hand.
fn of(healthy: usize, ejected: usize, withdrawn: usize) -> HealthTable {
    let mut table = with_healthy(healthy, healthy + ejected + withdrawn);
    (0..withdrawn).for_each(|index| table.set(healthy + ejected + index, Health::Withdrawn, None));
    table
}

#[test]
fn what_is_taken_out_by_hand_is_never_chosen_and_no_part_of_the_share_that_panics() {
    for (healthy, ejected, withdrawn, panics) in [
        (2, 2, 0, false),
        (2, 2, 4, false),
        (1, 2, 4, true),
        (1, 0, 7, false),
        (0, 2, 2, true),
        (0, 0, 4, false),
    ] {
        let table = of(healthy, ejected, withdrawn);
        let admission = table.admission(&HealthPolicy::default(), START);
        let admitted: Vec<_> = (0..8).filter(|index| admission.admits(*index)).collect();
        let expected = if panics { healthy + ejected } else { healthy };
        assert_eq!(admitted, (0..expected).collect::<Vec<_>>(), "{healthy} {ejected} {withdrawn}");
        assert_eq!(admission.is_panic(), panics, "{healthy} {ejected} {withdrawn}");
        assert_eq!(admission.admits_everyone(), expected == healthy + ejected + withdrawn);
    }
}

#[test]
fn where_traffic_is_to_fail_nobody_is_chosen_below_the_threshold_but_a_trial_may_be() {
    let policy = HealthPolicy { fail_traffic_on_panic: true, ..HealthPolicy::default() };
    let admitted = |table: &HealthTable| {
        let admission = table.admission(&policy, START);
        (admission.is_panic(), (0..5).filter(|index| admission.admits(*index)).count())
    };
    assert_eq!(admitted(&of(2, 2, 1)), (false, 2));
    assert_eq!(admitted(&of(1, 3, 1)), (true, 0));
    assert_eq!(admitted(&of(0, 0, 5)), (false, 0));
    let mut table = of(1, 3, 1);
    table.set(2, Health::HalfOpen, None);
    let with_trials = table.admission(&policy, START).with_trials();
    assert_eq!((0..5).filter(|index| with_trials.admits(*index)).collect::<Vec<_>>(), [2]);
    assert!(!table.admission(&policy, START).ignores_health());
}

#[test]
fn one_that_is_half_open_is_out_of_rotation() {
    let mut table = HealthTable::new(3);
    table.set(1, Health::HalfOpen, None);
    let admission = table.admission(&HealthPolicy::default(), START);
    assert!(!admission.admits(1) && !admission.admits(3) && admission.admits(0));
    assert_eq!((table.get(1), table.get(3)), (Health::HalfOpen, Health::Withdrawn));
}

#[test]
fn a_ramp_counts_while_it_lasts() {
    let policy = HealthPolicy { slow_start: Some(ramp(1.0, 0.1)), ..HealthPolicy::default() };
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
    let policy =
        HealthPolicy { panic_threshold: 0, slow_start: Some(ramp(1.0, 0.1)), ..HealthPolicy::default() };
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

const POLICY: LatencyPolicy = LatencyPolicy { decay: SECOND, default: Duration::from_secs(7) };

fn expected(loads: &Loads, index: usize, now: Timestamp) -> f64 {
    loads.latency_at(index, now, &POLICY) / 1e9
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[test]
fn what_is_known_of_an_endpoint_fades_and_is_forgotten_after_three_decays() {
    let loads = Loads::new(2);
    assert!(close(expected(&loads, 0, START), 0.0), "one that was never asked is asked");
    let _waits = loads.start(0, Some(START));
    assert!(close(expected(&loads, 0, START), 7.0), "the default until it answers");
    loads.observe(0, 2 * SECOND, START, &POLICY);
    let mut before = expected(&loads, 0, START);
    assert!(close(before, 2.0));
    for tenths in 1..30 {
        let now = expected(&loads, 0, START.plus(SECOND * tenths / 10));
        assert!(now < before && now > 0.0, "{tenths}");
        before = now;
    }
    assert!(close(expected(&loads, 0, START.plus(3 * SECOND)), 0.0));
    let _asked_again = loads.start(0, Some(START.plus(3 * SECOND)));
    assert!(close(expected(&loads, 0, START.plus(3 * SECOND)), 2.0), "until that one has answered");
    loads.observe(9, SECOND, START, &POLICY);
    assert!(loads.start(9, None).is_none() && close(expected(&loads, 9, START), 0.0), "no such endpoint");
}

#[test]
fn what_is_assumed_of_one_that_has_not_answered_fades_too() {
    let loads = Loads::new(1);
    let _waits = loads.start(0, Some(START));
    // Errors teach nothing.
    loads.observe_at_least(0, SECOND / 1000, START, &POLICY);
    let mut before = expected(&loads, 0, START);
    for tenths in 1..30 {
        let now = expected(&loads, 0, START.plus(SECOND * tenths / 10));
        assert!(now < before && now > 0.0, "{tenths}");
        before = now;
    }
    assert!(close(expected(&loads, 0, START.plus(3 * SECOND)), 0.0), "it is tried again");
}

#[test]
fn a_slower_answer_counts_half_at_once_a_faster_one_by_a_fifth_and_wholly_after_a_while() {
    let loads = Loads::new(1);
    loads.observe(0, SECOND, START, &POLICY);
    loads.observe(0, 3 * SECOND, START, &POLICY);
    assert!(close(expected(&loads, 0, START), 2.0));
    loads.observe(0, SECOND, START, &POLICY);
    assert!(close(expected(&loads, 0, START), 1.8));
    let later = START.plus(SECOND * 3 / 2);
    loads.observe(0, SECOND / 2, later, &POLICY);
    assert!(close(expected(&loads, 0, later), 0.5), "what was known before is no evidence any more");
    assert!(close(expected(&loads, 0, START), 0.5), "a clock that steps back does no harm");
}

#[test]
fn a_failure_makes_no_endpoint_look_fast() {
    let loads = Loads::new(2);
    let _waits = [0, 1].map(|index| loads.start(index, Some(START)));
    loads.observe_at_least(0, SECOND / 1000, START, &POLICY);
    assert!(close(expected(&loads, 0, START), 7.0), "nothing is known but that it fails");
    loads.observe_at_least(0, 9 * SECOND, START, &POLICY);
    assert!(close(expected(&loads, 0, START), 9.0));
    loads.observe(1, SECOND, START, &POLICY);
    loads.observe_at_least(1, SECOND / 2, START, &POLICY);
    assert!(close(expected(&loads, 1, START), 1.0));
    loads.observe_at_least(1, 3 * SECOND, START, &POLICY);
    assert!(close(expected(&loads, 1, START), 2.0));
}

fn endpoints(addresses: &[&str]) -> Endpoints {
    let endpoint = |address: &&str| Endpoint::new(*address, NonZeroU32::MIN);
    Endpoints::new(addresses.iter().map(endpoint).collect())
}

#[test]
fn requests_in_flight_count_on_under_the_next_configuration_and_are_given_back_there() {
    let mut book = LoadBook::default();
    let old = book.loads("web", &endpoints(&["a", "b"]));
    let (mut one, two, gone) = (old.start(0, None), old.start(0, None), old.start(1, None));
    old.observe(0, SECOND, START, &POLICY);
    // Another order, one endpoint less, and one more.
    let new = book.loads("web", &endpoints(&["c", "a"]));
    let elsewhere = book.loads("other", &endpoints(&["a"]));
    assert_eq!((new.active(1), new.waiting(1), new.total_active()), (2, 2, 2));
    assert_eq!((new.active(0), elsewhere.active(0)), (0, 0), "it is of an upstream's endpoint");
    assert!(close(expected(&new, 1, START), 1.0), "what is known of it stays, too");
    one.iter_mut().for_each(InFlight::answered);
    one.iter_mut().for_each(InFlight::answered);
    assert_eq!((new.active(1), new.waiting(1)), (2, 1), "an answer begins once");
    let three = new.start(1, None);
    drop(old);
    drop((one, three));
    assert_eq!((new.active(1), new.waiting(1)), (1, 1));
    drop(two);
    assert_eq!((new.active(1), new.waiting(1), new.total_active()), (0, 0, 0));
    // The one that left is remembered while a request is on its way to it, and no longer.
    assert_eq!(book.loads("web", &endpoints(&["b"])).total_active(), 1);
    drop(gone);
    assert_eq!(book.loads("web", &endpoints(&["b"])).total_active(), 0);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_in_flight_is_what_was_begun_and_has_not_ended_whatever_configurations_come(
            events in prop::collection::vec((0..4_u8, 0..6_usize), 0..200)
        ) {
            // Endpoints 4 and 5 do not exist; configurations have the others in turning order.
            let names = ["a", "b", "c", "d"];
            let (mut book, mut turned) = (LoadBook::default(), 0);
            let mut loads = book.loads("web", &endpoints(&names));
            let mut under_way: Vec<(usize, InFlight)> = Vec::new();
            for (what, number) in events {
                match what {
                    0 | 1 => {
                        let begun = loads.start((number + turned) % 4, None).filter(|_| number < 4);
                        under_way.extend(begun.map(|begun| (number, begun)));
                    }
                    2 if !under_way.is_empty() => drop(under_way.swap_remove(number % under_way.len())),
                    2 => {}
                    _ => {
                        turned = number;
                        let order = [0, 1, 2, 3].map(|place| names[(place + 4 - number % 4) % 4]);
                        loads = book.loads("web", &endpoints(&order));
                    }
                }
                let counted = [0, 1, 2, 3].map(|name| loads.active((name + turned) % 4) as usize);
                let model = [0, 1, 2, 3].map(|name| under_way.iter().filter(|(of, _)| *of == name).count());
                prop_assert_eq!(counted, model);
                prop_assert_eq!(loads.total_active() as usize, under_way.len());
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

#[test]
fn an_endpoint_that_has_taken_as_long_as_expected_so_far_is_no_news() {
    let policy = LatencyPolicy { decay: Duration::from_secs(10), default: Duration::from_millis(100) };
    let (start, later) = (Timestamp::from_millis(1_000_000), Timestamp::from_millis(1_005_000));
    let loads = Loads::new(1);
    let taken = Duration::from_millis(10);
    loads.observe(0, taken, start, &policy);
    let expected = loads.latency_at(0, later, &policy);
    loads.observe_at_least(0, taken, later, &policy);
    assert_eq!(loads.latency_at(0, later, &policy), expected, "it goes on fading");
    loads.observe_at_least(0, taken + Duration::from_nanos(1), later, &policy);
    assert!(loads.latency_at(0, later, &policy) > expected);
}
