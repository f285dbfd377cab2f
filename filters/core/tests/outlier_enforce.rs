//! When an endpoint goes: consecutive failures as Envoy counts them, the bounds, and for how long.

#![allow(missing_docs, reason = "a test is documented by its name")]

use crate::outlier_support;

use core::time::Duration;
use outlier_support::{SECOND, START, Upstream, by_time, verdict};
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Effects, EndpointKey, Event, Failure, Neutral, Outcome, Reason, Settings, Spared, Threshold,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Thresholds of the three streaks, all enforced; everyone may go.
fn streaks(any: u16, gateway: u16, local: u16) -> impl FnOnce(&mut Settings) {
    move |settings| {
        by_time(settings);
        settings.consecutive.any_5xx = Threshold { count: any, enforcing: 100 };
        settings.consecutive.gateway_failure = Threshold { count: gateway, enforcing: 100 };
        settings.consecutive.local_origin_failure = Threshold { count: local, enforcing: 100 };
    }
}

type Change = fn(&mut Upstream);

fn reason(effects: &Effects) -> Option<Reason> {
    effects.transition.as_ref()?.verdict.as_ref().map(|verdict| verdict.reason)
}

#[test]
fn the_fifth_failure_in_a_row_ejects() {
    let mut upstream = Upstream::new(2, |_| ());
    for _ in 0..4 {
        let effects = upstream.fail(1, Failure::Status);
        assert_eq!(effects, Effects { changed: true, ..Effects::default() });
    }
    let moved = upstream.fail(1, Failure::Status).transition.expect("the fifth");
    assert_eq!((moved.key, moved.from, moved.to), (EndpointKey(1), Health::Healthy, Health::Ejected));
    assert_eq!((moved.times, moved.lasts), (1, 30 * SECOND));
    assert_eq!(moved.verdict.expect("why").evidence, "5 consecutive 5xx");
    let record = upstream.record(1);
    assert_eq!((record.reason, record.since), (Some(Reason::Consecutive5xx), START));
    assert_eq!(record.until, START.plus(30 * SECOND));
}

#[test]
fn a_success_begins_the_row_again_and_leaves_nothing_to_remember() {
    let mut upstream = Upstream::new(2, |_| ());
    for _ in 0..10 {
        (0..4).for_each(|_| assert_eq!(upstream.fail(0, Failure::Status).transition, None));
        assert!(upstream.succeed(0).changed);
        assert!(upstream.ledger.records().is_empty());
        assert!(!upstream.succeed(0).changed, "nothing is written in the steady state");
    }
}

#[test]
fn what_is_nobodys_fault_changes_nothing() {
    let mut upstream = Upstream::new(2, streaks(2, 2, 2));
    upstream.fail(0, Failure::Reset);
    let all =
        [Neutral::ClientGone, Neutral::Cancelled, Neutral::Overload, Neutral::Mirror, Neutral::Discarded];
    for neutral in all {
        let event = Event::Attempt { outcome: Outcome::Neutral(neutral), started: START, latency: None };
        (0..10).for_each(|_| assert_eq!(upstream.happen(0, &event), Effects::default(), "{neutral:?}"));
    }
    assert!(upstream.fail(0, Failure::Reset).transition.is_some(), "the streak goes on");
}

#[test]
fn a_500_begins_the_gateways_row_again_but_not_that_of_5xx() {
    let mut upstream = Upstream::new(2, streaks(0, 3, 0));
    for failure in [Failure::Gateway, Failure::Truncated, Failure::Status, Failure::Gateway, Failure::Gateway]
    {
        assert_eq!(upstream.fail(0, failure).transition, None);
    }
    assert_eq!(reason(&upstream.fail(0, Failure::Gateway)), Some(Reason::ConsecutiveGatewayFailure));
    let mut upstream = Upstream::new(2, streaks(3, 0, 0));
    upstream.fail(0, Failure::Gateway);
    upstream.fail(0, Failure::Status);
    assert_eq!(reason(&upstream.fail(0, Failure::Slow)), Some(Reason::Consecutive5xx));
}

#[test]
fn failures_of_local_origin_count_as_5xx_unless_they_are_split_off() {
    for split in [false, true] {
        let mut upstream = Upstream::new(2, streaks(3, 0, 0));
        upstream.settings.failure.split_external_local_origin_errors = split;
        for failure in [Failure::ConnectFailure, Failure::Reset] {
            upstream.fail(0, failure);
        }
        let third = upstream.fail(0, Failure::Timeout);
        assert_eq!(reason(&third), (!split).then_some(Reason::Consecutive5xx));
    }
}

#[test]
fn split_off_failures_have_a_row_of_their_own() {
    let mut upstream = Upstream::new(2, streaks(3, 3, 3));
    upstream.settings.failure.split_external_local_origin_errors = true;
    upstream.fail(0, Failure::Gateway);
    upstream.fail(0, Failure::Gateway);
    for failure in [Failure::Reset, Failure::Timeout] {
        assert_eq!(upstream.fail(0, failure).transition, None, "not the third of the others' streak");
    }
    let third = upstream.fail(0, Failure::ConnectFailure);
    assert_eq!(reason(&third), Some(Reason::ConsecutiveLocalOriginFailure));
}

#[test]
fn an_answer_of_whatever_kind_begins_the_row_of_local_origin_again() {
    for answered in [Failure::Status, Failure::Gateway, Failure::Truncated, Failure::Slow] {
        let mut upstream = Upstream::new(2, streaks(0, 0, 3));
        upstream.settings.failure.split_external_local_origin_errors = true;
        for failure in [Failure::Reset, Failure::Reset, answered, Failure::Reset, Failure::Reset] {
            assert_eq!(upstream.fail(0, failure).transition, None, "{answered:?}");
        }
        assert!(upstream.fail(0, Failure::Reset).transition.is_some());
    }
}

#[test]
fn a_row_that_was_not_enforced_or_overflowed_begins_again() {
    let cases: [(Change, Spared); 2] = [
        (|upstream| upstream.settings.consecutive.any_5xx.enforcing = 0, Spared::NotEnforced),
        (|upstream| upstream.settings.ejection.min_healthy = 2, Spared::Overflow),
    ];
    for (change, spared) in cases {
        let mut upstream = Upstream::new(2, streaks(3, 0, 0));
        change(&mut upstream);
        for failures in 1..=12 {
            let expected = (failures % 3 == 0).then_some((Reason::Consecutive5xx, spared));
            let effects = upstream.fail(0, Failure::Status);
            assert_eq!((effects.spared, effects.transition), (expected, None), "failure {failures}");
        }
    }
}

#[test]
fn a_row_that_is_off_never_ejects_and_is_not_kept() {
    let mut upstream = Upstream::new(2, streaks(0, 0, 0));
    (0..1_000).for_each(|_| assert_eq!(upstream.fail(0, Failure::Reset).transition, None));
    assert_eq!(upstream.record(0).streaks, [0; 3]);
}

#[test]
fn without_the_split_a_reset_is_a_5xx_and_no_local_origin_failure() {
    let mut upstream = Upstream::new(2, streaks(0, 0, 3));
    (0..10).for_each(|_| assert_eq!(upstream.fail(0, Failure::Reset).transition, None));
    upstream.settings.failure.split_external_local_origin_errors = true;
    let last = (0..3).map(|_| upstream.fail(0, Failure::Reset)).last().and_then(|effects| effects.transition);
    let reason = last.and_then(|transition| transition.verdict).map(|verdict| verdict.reason);
    assert_eq!(reason, Some(Reason::ConsecutiveLocalOriginFailure));
}

#[test]
fn enforcing_is_the_share_of_verdicts_that_are_carried_out() {
    let mut ejected = 0;
    let mut upstream = Upstream::new(1, streaks(1, 0, 0));
    upstream.settings.consecutive.any_5xx.enforcing = 30;
    for _ in 0..2000 {
        ejected += u32::from(upstream.fail(0, Failure::Status).transition.is_some());
        upstream.ledger = Default::default();
    }
    assert!((540..=660).contains(&ejected), "{ejected} of 2000");
}

#[test]
fn the_nth_ejection_lasts_n_times_as_long_up_to_the_maximum() {
    let mut upstream = Upstream::new(1, by_time);
    for times in 1..=20_u16 {
        let lasts = upstream.eject(0);
        assert_eq!(lasts, SECOND * 30 * u32::from(times.min(10)), "{times}");
        let record = upstream.record(0);
        assert_eq!((record.times, record.multiplier), (times, times.min(10)));
        let almost = lasts.saturating_sub(Duration::from_millis(1));
        assert_eq!(upstream.time_passes(0, almost).transition, None);
        assert!(upstream.time_passes(0, Duration::from_millis(1)).transition.is_some(), "{times}");
    }
}

#[test]
fn where_base_is_above_the_maximum_the_maximum_holds() {
    let mut upstream = Upstream::new(1, by_time);
    upstream.settings.ejection.base = 1000 * SECOND;
    for _ in 0..3 {
        assert_eq!(upstream.eject(0), 300 * SECOND);
        assert_eq!(upstream.record(0).multiplier, 1);
        upstream.time_passes(0, 300 * SECOND);
    }
}

#[test]
fn jitter_lengthens_an_ejection_by_any_time_up_to_its_bound() {
    let mut upstream = Upstream::new(1, by_time);
    upstream.settings.ejection.max_jitter = Duration::from_millis(3);
    let mut seen = [0; 4];
    for _ in 0..200 {
        let jitter = upstream.eject(0) - 30 * SECOND;
        seen[usize::try_from(jitter.as_millis()).expect("small")] += 1;
        assert_eq!(upstream.record(0).until, START.plus(30 * SECOND + jitter));
        upstream.ledger = Default::default();
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_verdict_on_one_that_is_out_already_changes_nothing() {
    let mut upstream = Upstream::new(1, by_time);
    upstream.eject(0);
    upstream.pass(SECOND);
    assert_eq!(upstream.signal(0), Effects::default());
    assert_eq!(upstream.happen(0, &Event::Drain(verdict(Reason::Signal))), Effects::default());
    (0..10).for_each(|_| assert_eq!(upstream.fail(0, Failure::Status), Effects::default()));
}

#[test]
fn an_endpoint_that_is_no_member_is_ignored() {
    let mut upstream = Upstream::new(3, by_time);
    for event in [Event::Verdict(verdict(Reason::Signal)), Event::TimePassed, Event::Try] {
        assert_eq!(upstream.happen(3, &event), Effects::default());
    }
    assert!(upstream.ledger.records().is_empty());
}
