//! How many may go: the percentage, one always, those that stay; and shadow mode, which moves nobody.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::outlier_support;

use outlier_support::{SECOND, Upstream, by_time};
use switchyard_core::health::Health;
use switchyard_core::outlier::{Effects, EndpointKey, Event, Failure, Readmission, Reason, Spared};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// How many of so many endpoints go when all of them deserve it.
fn go(endpoints: u64, max_percent: u8, min_healthy: usize, ejected_by_hand: usize) -> usize {
    let mut upstream = Upstream::new(endpoints, by_time);
    upstream.ejected_by_hand = ejected_by_hand;
    (upstream.settings.ejection.max_percent, upstream.settings.ejection.min_healthy) =
        (max_percent, min_healthy);
    for key in 0..endpoints {
        let effects = upstream.signal(key);
        let spared = effects.transition.is_none().then_some((Reason::Signal, Spared::Overflow));
        assert_eq!(effects.spared, spared);
    }
    upstream.ejected()
}

#[test]
fn so_many_may_go() {
    // Endpoints, percentage, those that stay, ejected by hand: how many go.
    let cases = [
        ((1, 10, 1, 0), 0),
        ((1, 100, 1, 0), 0),
        ((1, 10, 0, 0), 1),
        ((2, 10, 1, 0), 1),
        ((2, 100, 1, 0), 1),
        ((2, 100, 0, 0), 2),
        ((2, 10, 2, 0), 0),
        ((3, 0, 1, 0), 0),
        ((3, 1, 1, 0), 1),
        ((1, 0, 0, 0), 0),
        ((3, 66, 1, 0), 1),
        ((3, 67, 1, 0), 2),
        ((9, 10, 1, 0), 1),
        ((10, 10, 1, 0), 1),
        ((19, 10, 1, 0), 1),
        ((20, 10, 1, 0), 2),
        ((10, 100, 4, 0), 6),
        ((10, 100, 4, 3), 3),
        ((10, 50, 1, 9), 0),
        ((10, 50, 1, 8), 1),
        ((10, 100, 0, 10), 10),
        ((10, 100, 1, 11), 0),
        ((300, 33, 1, 0), 99),
    ];
    for ((endpoints, percent, stay, ejected_by_hand), expected) in cases {
        let gone = go(endpoints, percent, stay, ejected_by_hand);
        assert_eq!(gone, expected, "{endpoints} at {percent} %, {stay} stay, {ejected_by_hand} by hand");
    }
}

#[test]
fn one_that_is_being_tried_is_still_out_and_one_that_is_back_makes_room() {
    let mut upstream = Upstream::new(2, |settings| {
        settings.readmission = Readmission::HalfOpen { concurrency: 1, successes: 1 };
    });
    let lasts = upstream.eject(0);
    upstream.time_passes(0, lasts);
    assert_eq!((upstream.health(0), upstream.ejected()), (Health::HalfOpen, 1));
    assert_eq!(upstream.signal(1).spared, Some((Reason::Signal, Spared::Overflow)));
    assert!(upstream.succeed(0).transition.is_some());
    assert!(upstream.signal(1).transition.is_some());
}

#[test]
fn one_that_fails_while_it_is_tried_goes_again_even_if_nobody_else_could() {
    let mut upstream = Upstream::new(2, |_| ());
    let lasts = upstream.eject(0);
    upstream.time_passes(0, lasts);
    upstream.settings.ejection.min_healthy = 2;
    let moved = upstream.fail(0, Failure::Reset).transition.expect("ejected it stays");
    assert_eq!((moved.from, moved.to, upstream.ejected()), (Health::HalfOpen, Health::Ejected, 1));
}

#[test]
fn those_that_left_the_configuration_do_not_count_and_are_remembered_while_they_are_out() {
    let mut upstream = Upstream::new(2, |_| ());
    upstream.eject(0);
    upstream.members.remove(0);
    upstream.members.push(EndpointKey(2));
    assert_eq!(upstream.ejected(), 0);
    assert!(upstream.signal(1).transition.is_some(), "the bound is of those that are there");
    upstream.members.insert(0, EndpointKey(0));
    assert_eq!((upstream.health(0), upstream.ejected()), (Health::Ejected, 2), "it is back, and ejected");
    upstream.members.remove(0);
    upstream.pass(30 * SECOND + upstream.settings.ejection.max);
    upstream.fail(2, Failure::Reset);
    assert_eq!(upstream.health(0), Health::Ejected, "for the longest ejection after its own");
    upstream.pass(SECOND);
    upstream.fail(2, Failure::Reset);
    assert!(upstream.ledger.get(EndpointKey(0)).is_none());
}

#[test]
fn those_that_left_in_good_health_are_forgotten() {
    let mut upstream = Upstream::new(3, |_| ());
    upstream.fail(0, Failure::Reset);
    upstream.members.remove(0);
    upstream.fail(1, Failure::Reset);
    assert_eq!(upstream.ledger.records().len(), 1);
}

#[test]
fn shadow_mode_judges_by_the_same_bounds() {
    let mut upstream = Upstream::new(2, |settings| settings.shadow = true);
    let moved = upstream.signal(0).transition.expect("as if");
    assert_eq!((moved.to, moved.times), (Health::Ejected, 1));
    assert!(upstream.record(0).shadow);
    assert_eq!(upstream.signal(1).spared, Some((Reason::Signal, Spared::Overflow)));
    assert_eq!(upstream.ejected(), 1);
}

#[test]
fn what_shadow_mode_put_out_was_never_out() {
    for shadow in [false, true] {
        let mut upstream = Upstream::new(2, |settings| settings.shadow = shadow);
        upstream.eject(0);
        upstream.settings.shadow = !shadow;
        assert_eq!(upstream.ejected(), 0);
        assert!(upstream.signal(1).transition.is_some(), "there is room");
        assert_eq!(upstream.ejected(), 1);
        assert!(upstream.succeed(0).changed);
        assert_eq!((upstream.health(0), upstream.record(0).shadow), (Health::Healthy, false));
        assert_eq!(upstream.signal(0).spared, Some((Reason::Signal, Spared::Overflow)));
    }
}

#[test]
fn switching_shadow_mode_keeps_how_often_and_how_long() {
    let mut upstream = Upstream::new(2, |settings| settings.shadow = true);
    let lasts = upstream.eject(0);
    upstream.time_passes(0, lasts);
    upstream.fail(0, Failure::Reset);
    upstream.settings.shadow = false;
    let moved = upstream.signal(0).transition.expect("for real");
    assert_eq!((moved.from, moved.times, moved.lasts), (Health::Healthy, 3, 90 * SECOND));
    assert!(!upstream.record(0).shadow);
}

#[test]
fn readmission_ends_in_shadow_mode_too() {
    let mut upstream = Upstream::new(2, |settings| settings.shadow = true);
    let lasts = upstream.eject(0);
    upstream.time_passes(0, lasts);
    assert_eq!((upstream.health(0), upstream.record(0).shadow), (Health::HalfOpen, true));
    upstream.time_passes(0, 30 * SECOND);
    assert_eq!((upstream.health(0), upstream.record(0).shadow), (Health::Healthy, false));
    assert_eq!(upstream.happen(0, &Event::TimePassed), Effects::default());
}
