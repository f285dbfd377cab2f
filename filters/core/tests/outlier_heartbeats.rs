//! What heartbeats do: eject, readmit, hold an ejection while they fail, and leave the rest to time.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::outlier_support;

use core::time::Duration;
use outlier_support::{SECOND, Upstream, by_time, heartbeats, verdict};
use switchyard_core::health::Health;
use switchyard_core::outlier::{Effects, Event, Readmission, Reason, Settings, Spared};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MILLISECOND: Duration = Duration::from_millis(1);
/// Two intervals and a timeout of `heartbeats()`.
const SILENCE: Duration = Duration::from_secs(5);

fn beating(settings: &mut Settings) {
    by_time(settings);
    settings.heartbeat = Some(heartbeats());
}

fn half_open(settings: &mut Settings) {
    beating(settings);
    settings.readmission = Readmission::HalfOpen { concurrency: 1, successes: 3 };
}

fn moved(effects: &Effects) -> Option<(Health, Health)> {
    effects.transition.as_ref().map(|transition| (transition.from, transition.to))
}

/// One heartbeat after each interval.
fn beats(upstream: &mut Upstream, answers: &[bool]) -> Vec<Option<(Health, Health)>> {
    let beat = |healthy: &bool| {
        upstream.pass(2 * SECOND);
        moved(&upstream.heartbeat(0, *healthy))
    };
    answers.iter().map(beat).collect()
}

#[test]
fn enough_good_heartbeats_in_a_row_readmit_before_the_time_is_over() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    let back = Some((Health::Ejected, Health::Healthy));
    assert_eq!(beats(&mut upstream, &[true, false, true, true]), [None, None, None, back]);
    assert_eq!(upstream.record(0).heartbeats, [0; 2]);
    let mut upstream = Upstream::new(2, half_open);
    upstream.eject(0);
    let tried = Some((Health::Ejected, Health::HalfOpen));
    assert_eq!(beats(&mut upstream, &[true, true]), [None, tried], "real traffic has to agree");
}

#[test]
fn enough_bad_heartbeats_in_a_row_eject() {
    let mut upstream = Upstream::new(2, beating);
    let ejected = Some((Health::Healthy, Health::Ejected));
    let moves = beats(&mut upstream, &[false, false, true, false, false, false]);
    assert_eq!(moves, [None, None, None, None, None, ejected]);
    let record = upstream.record(0);
    assert_eq!((record.reason, record.times), (Some(Reason::Heartbeat), 1));
}

#[test]
fn a_good_heartbeat_of_a_healthy_endpoint_writes_nothing() {
    let mut upstream = Upstream::new(2, beating);
    (0..10).for_each(|_| assert_eq!(upstream.heartbeat(0, true), Effects::default()));
}

#[test]
fn bad_heartbeats_keep_the_bounds_and_begin_again_after_them() {
    let mut upstream = Upstream::new(2, beating);
    upstream.settings.ejection.min_healthy = 2;
    for beat in 1..=9 {
        let spared = (beat % 3 == 0).then_some((Reason::Heartbeat, Spared::Overflow));
        assert_eq!(upstream.heartbeat(0, false).spared, spared, "{beat}");
    }
    assert_eq!(upstream.health(0), Health::Healthy);
}

#[test]
fn one_bad_heartbeat_ends_a_trial() {
    let mut upstream = Upstream::new(2, half_open);
    upstream.eject(0);
    upstream.time_passes(0, 30 * SECOND);
    assert_eq!(moved(&upstream.heartbeat(0, true)), None);
    let back = upstream.heartbeat(0, false).transition.expect("ejected again");
    assert_eq!((back.from, back.to, back.lasts), (Health::HalfOpen, Health::Ejected, 60 * SECOND));
    assert_eq!(back.verdict.map(|verdict| verdict.reason), Some(Reason::Heartbeat));
}

#[test]
fn while_heartbeats_fail_an_ejection_goes_on() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    for _ in 0..500 {
        upstream.pass(2 * SECOND);
        assert_eq!(moved(&upstream.heartbeat(0, false)), None);
        assert_eq!(moved(&upstream.time_passes(0, SECOND)), None);
    }
    assert_eq!(upstream.record(0).heartbeats, [0, u8::MAX]);
    assert_eq!((upstream.record(0).times, upstream.record(0).multiplier), (1, 1));
    upstream.heartbeat(0, true);
    assert!(moved(&upstream.happen(0, &Event::TimePassed)).is_some(), "one good, and the time is over");
}

#[test]
fn when_heartbeats_stop_coming_time_decides() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    upstream.pass(29 * SECOND);
    upstream.heartbeat(0, false);
    assert_eq!(moved(&upstream.time_passes(0, SILENCE)), None);
    assert!(moved(&upstream.time_passes(0, MILLISECOND)).is_some());
}

#[test]
fn a_clock_that_is_set_back_makes_no_failed_heartbeat_a_recent_one() {
    for ejected_before in [true, false] {
        let mut upstream = Upstream::new(2, beating);
        let before = upstream.now;
        if ejected_before {
            upstream.eject(0);
        }
        upstream.pass(3_600 * SECOND);
        if !ejected_before {
            upstream.eject(0);
        }
        upstream.heartbeat(0, false);
        upstream.now = before;
        assert_eq!(moved(&upstream.time_passes(0, MILLISECOND)), None);
        assert!(moved(&upstream.time_passes(0, 30 * SECOND)).is_some(), "it would be out for an hour");
    }
}

#[test]
fn without_heartbeats_that_failed_time_decides_at_once() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    assert!(moved(&upstream.time_passes(0, 30 * SECOND)).is_some());
}

#[test]
fn heartbeats_do_not_end_a_drain() {
    let mut upstream = Upstream::new(2, beating);
    upstream.happen(0, &Event::Drain(verdict(Reason::Signal)));
    assert_eq!(beats(&mut upstream, &[true; 10]), [None; 10]);
    assert_eq!(moved(&upstream.time_passes(0, 10 * SECOND)), Some((Health::Ejected, Health::Healthy)));
}

#[test]
fn a_heartbeat_that_the_operator_took_away_says_nothing() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    upstream.heartbeat(0, false);
    upstream.settings.heartbeat = None;
    assert_eq!(upstream.heartbeat(0, true), Effects::default());
    assert!(moved(&upstream.time_passes(0, 30 * SECOND)).is_some());
}

#[test]
fn a_failed_heartbeat_is_no_evidence_of_health() {
    let mut upstream = Upstream::new(2, beating);
    upstream.eject(0);
    upstream.time_passes(0, 30 * SECOND);
    upstream.pass(9 * SECOND);
    upstream.heartbeat(0, false);
    upstream.pass(9 * SECOND);
    assert!(!upstream.lately(0, 10, 0).changed, "an interval begins with it");
    upstream.pass(SECOND);
    assert!(upstream.lately(0, 10, 0).changed);
}
