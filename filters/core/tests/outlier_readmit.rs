//! How an endpoint comes back: by time, by trials, by heartbeats; and what makes its next ejection shorter.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::outlier_support;

use core::time::Duration;
use outlier_support::{SECOND, START, Upstream, by_time, verdict};
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Effects, Event, Failure, LONGEST_TRIAL, LatencyPolicy, Neutral, Outcome, Readmission, Reason, Settings,
    Verdict,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MILLISECOND: Duration = Duration::from_millis(1);

fn half_open(concurrency: u8, successes: u16) -> impl FnOnce(&mut Settings) {
    move |settings| {
        by_time(settings);
        settings.readmission = Readmission::HalfOpen { concurrency, successes };
    }
}

/// Endpoint 0 of two, being tried.
fn tried(concurrency: u8, successes: u16) -> Upstream {
    let mut upstream = Upstream::new(2, half_open(concurrency, successes));
    let lasts = upstream.eject(0);
    upstream.time_passes(0, lasts);
    assert_eq!(upstream.health(0), Health::HalfOpen);
    upstream
}

fn moved(effects: &Effects) -> Option<(Health, Health)> {
    effects.transition.as_ref().map(|transition| (transition.from, transition.to))
}

fn begun(outcome: Outcome, started: Timestamp) -> Event {
    Event::Attempt { outcome, started, latency: None }
}

#[test]
fn after_its_time_an_endpoint_is_back_with_all_its_traffic() {
    let mut upstream = Upstream::new(2, by_time);
    for _ in 0..4 {
        upstream.fail(0, Failure::Status);
    }
    let lasts = upstream.eject(0);
    assert_eq!(upstream.time_passes(0, lasts - MILLISECOND), Effects::default());
    let back = upstream.time_passes(0, MILLISECOND);
    assert_eq!(moved(&back), Some((Health::Ejected, Health::Healthy)));
    let record = upstream.record(0);
    assert_eq!((record.since, record.times, record.multiplier), (upstream.now, 1, 1));
    (0..4)
        .for_each(|_| assert_eq!(upstream.fail(0, Failure::Status).transition, None, "streaks begin again"));
}

#[test]
fn enough_successes_in_a_row_end_the_trial() {
    let mut upstream = tried(1, 3);
    for _ in 0..2 {
        assert_eq!(moved(&upstream.succeed(0)), None);
        let neutral = begun(Outcome::Neutral(Neutral::Cancelled), upstream.now);
        assert_eq!(upstream.happen(0, &neutral), Effects::default());
    }
    assert_eq!(moved(&upstream.succeed(0)), Some((Health::HalfOpen, Health::Healthy)));
    assert_eq!(upstream.record(0).multiplier, 1, "no evidence yet that it lasts");
}

#[test]
fn one_failure_ends_the_trial_with_a_longer_ejection() {
    let mut upstream = tried(1, 3);
    for _ in 0..2 {
        upstream.succeed(0);
    }
    let back = upstream.fail(0, Failure::Truncated).transition.expect("ejected again");
    assert_eq!((back.from, back.to), (Health::HalfOpen, Health::Ejected));
    assert_eq!((back.times, back.lasts), (2, 60 * SECOND));
    let why = back.verdict.expect("why");
    assert_eq!((why.reason, &*why.evidence), (Reason::Trial, "a truncated answer while it was tried"));
    upstream.time_passes(0, 60 * SECOND);
    (0..2).for_each(|_| assert_eq!(moved(&upstream.succeed(0)), None, "the count begins again"));
}

#[test]
fn what_began_before_an_endpoint_came_to_where_it_stands_says_nothing() {
    let mut upstream = tried(1, 1);
    let before = Timestamp::from_millis(upstream.now.as_millis() - 1);
    for outcome in [Outcome::Success, Outcome::Failure(Failure::Reset)] {
        assert_eq!(upstream.happen(0, &begun(outcome, before)), Effects::default());
        assert_eq!(upstream.happen(0, &begun(outcome, START)), Effects::default());
    }
    assert!(moved(&upstream.succeed(0)).is_some(), "what begins at that moment counts");
}

#[test]
fn so_many_requests_try_it_at_a_time() {
    let mut upstream = tried(2, 9);
    let mut may = |event: &Event| upstream.happen(0, event).may_try;
    let over = Event::Tried { since: START.plus(30 * SECOND) };
    assert_eq!([may(&Event::Try), may(&Event::Try), may(&Event::Try)], [true, true, false]);
    assert!(!may(&over));
    assert_eq!([may(&Event::Try), may(&Event::Try)], [true, false]);
    (0..10).for_each(|_| assert!(!may(&over)));
    assert_eq!([may(&Event::Try), may(&Event::Try), may(&Event::Try)], [true, true, false], "below 0 is 0");
}

#[test]
fn nobody_may_try_one_that_is_ejected_or_healthy() {
    let mut upstream = Upstream::new(2, half_open(1, 1));
    assert_eq!(upstream.happen(0, &Event::Try), Effects::default());
    upstream.eject(0);
    assert_eq!(upstream.happen(0, &Event::Try), Effects::default());
    let mut by_time = tried(1, 1);
    by_time.settings.readmission = Readmission::AfterTime;
    assert_eq!(by_time.happen(0, &Event::Try), Effects::default());
}

#[test]
fn a_trial_that_nobody_ends_is_given_up_after_its_life() {
    let mut upstream = tried(1, 9);
    assert!(upstream.happen(0, &Event::Try).may_try);
    upstream.pass(LONGEST_TRIAL - MILLISECOND);
    assert!(!upstream.happen(0, &Event::Try).may_try);
    upstream.pass(MILLISECOND);
    assert!(upstream.happen(0, &Event::Try).may_try);
    assert!(!upstream.happen(0, &Event::Try).may_try);
}

#[test]
fn a_trial_of_an_earlier_period_does_not_free_a_later_one() {
    let mut upstream = tried(1, 9);
    let first = Event::Tried { since: upstream.record(0).since };
    assert!(upstream.happen(0, &Event::Try).may_try);
    upstream.fail(0, Failure::Reset);
    upstream.time_passes(0, 60 * SECOND);
    assert!(upstream.happen(0, &Event::Try).may_try);
    assert_eq!(upstream.happen(0, &first), Effects::default());
    assert!(!upstream.happen(0, &Event::Try).may_try);
    let second = Event::Tried { since: upstream.record(0).since };
    assert!(upstream.happen(0, &second).changed);
    assert!(upstream.happen(0, &Event::Try).may_try);
}

#[test]
fn one_that_nobody_tries_is_back_after_a_base_time() {
    let mut upstream = tried(1, 3);
    assert_eq!(upstream.time_passes(0, 30 * SECOND - MILLISECOND), Effects::default());
    assert_eq!(moved(&upstream.time_passes(0, MILLISECOND)), Some((Health::HalfOpen, Health::Healthy)));
}

#[test]
fn one_whose_trials_fail_is_back_after_the_longest_ejection() {
    let mut upstream = tried(1, 3);
    for seconds in 1..300 {
        upstream.pass(SECOND);
        upstream.happen(0, &Event::Try);
        assert_eq!(moved(&upstream.happen(0, &Event::TimePassed)), None, "{seconds}");
    }
    assert!(moved(&upstream.time_passes(0, SECOND)).is_some());
}

#[test]
fn only_evidence_of_health_shortens_the_next_ejection() {
    let mut upstream = Upstream::new(2, by_time);
    for _ in 0..3 {
        let lasts = upstream.eject(0);
        upstream.time_passes(0, lasts);
    }
    upstream.time_passes(0, 3600 * SECOND);
    assert_eq!(upstream.record(0).multiplier, 3, "time alone does not");
    for (attempts, failures) in [(0, 0), (2, 1), (10, 5), (10, 10), (u32::MAX, u32::MAX)] {
        assert!(!upstream.lately(0, attempts, failures).changed, "{failures} of {attempts} failed");
    }
    assert!(upstream.lately(0, 10, 4).changed);
    assert_eq!(upstream.record(0).multiplier, 2);
    assert!(!upstream.lately(0, 10, 0).changed, "once an interval");
    upstream.pass(10 * SECOND);
    for _ in 0..5 {
        upstream.lately(0, 10, 0);
    }
    assert_eq!(upstream.record(0).multiplier, 1);
    assert_eq!((upstream.eject(0), upstream.record(0).times), (60 * SECOND, 4));
}

#[test]
fn evidence_counts_only_after_an_interval_in_rotation_and_not_below_nothing() {
    let mut upstream = Upstream::new(2, by_time);
    assert_eq!(upstream.lately(0, 10, 0), Effects::default());
    upstream.eject(0);
    upstream.pass(20 * SECOND);
    assert!(!upstream.lately(0, 10, 0).changed, "while it is ejected");
    upstream.time_passes(0, 10 * SECOND);
    upstream.pass(10 * SECOND - MILLISECOND);
    assert!(!upstream.lately(0, 10, 0).changed);
    upstream.pass(MILLISECOND);
    assert!(upstream.lately(0, 10, 0).changed);
    upstream.pass(100 * SECOND);
    assert!(!upstream.lately(0, 10, 0).changed);
    assert_eq!(upstream.record(0).multiplier, 0);
}

#[test]
fn a_drain_counts_for_no_longer_ejection() {
    let mut upstream = Upstream::new(2, by_time);
    for _ in 0..3 {
        let effects = upstream.happen(0, &Event::Drain(verdict(Reason::Signal)));
        let moved = effects.transition.expect("it goes");
        assert_eq!((moved.to, moved.times, moved.lasts), (Health::Ejected, 0, 30 * SECOND));
        let record = upstream.record(0);
        assert_eq!((record.drained, record.times, record.multiplier), (true, 0, 0));
        upstream.time_passes(0, 30 * SECOND);
        assert!(!upstream.record(0).drained);
    }
    assert_eq!(upstream.eject(0), 30 * SECOND);
    assert!(!upstream.record(0).drained);
    upstream.time_passes(0, 30 * SECOND);
    assert_eq!(upstream.eject(0), 60 * SECOND);
    upstream.time_passes(0, 60 * SECOND);
    let drained = upstream.happen(0, &Event::Drain(verdict(Reason::Signal))).transition.expect("it goes");
    assert_eq!(drained.lasts, 30 * SECOND, "no longer for what came before");
    assert_eq!(upstream.record(0).until, upstream.now.plus(30 * SECOND));
}

#[test]
fn an_endpoint_ejected_for_its_latency_is_not_readmitted_while_it_is_as_slow() {
    let mut upstream = Upstream::new(2, half_open(1, 2));
    upstream.settings.latency = Some(LatencyPolicy::default());
    let limit = Some(Duration::from_millis(100));
    let slow = Verdict { limit, ..Verdict::new(Reason::Latency, "slow".to_owned()) };
    upstream.happen(0, &Event::Verdict(slow));
    let answered = |upstream: &Upstream, millis| Event::Attempt {
        outcome: Outcome::Success,
        started: upstream.now,
        latency: Some(Duration::from_millis(millis)),
    };
    // Twice: an endpoint that failed its trial is measured by the same yardstick the next time.
    for lasts in [30, 60] {
        upstream.time_passes(0, Duration::from_secs(lasts));
        assert_eq!(upstream.health(0), Health::HalfOpen);
        let effects = upstream.happen(0, &answered(&upstream, 101));
        assert_eq!(moved(&effects), Some((Health::HalfOpen, Health::Ejected)));
    }
    upstream.time_passes(0, Duration::from_secs(90));
    (0..2).for_each(|_| drop(upstream.happen(0, &answered(&upstream, 100))));
    assert_eq!((upstream.health(0), upstream.record(0).limit), (Health::Healthy, Duration::ZERO));
}
