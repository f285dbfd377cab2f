//! Which endpoints stand out: each detector at its bounds.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::outlier::{
    Counts, EndpointKey, FailurePercentagePolicy, Figures, Histogram, LatencyPolicy, Reason, Settings,
    SuccessRatePolicy, evaluate,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// No detector is on.
fn quiet() -> Settings {
    let mut settings = Settings::default();
    (settings.success_rate.enforcing, settings.failure_percentage.enforcing) = (0, 0);
    settings
}

fn success_rate(change: impl FnOnce(&mut SuccessRatePolicy)) -> Settings {
    let mut settings = quiet();
    settings.success_rate.enforcing = 100;
    change(&mut settings.success_rate);
    settings
}

fn failure_percentage(change: impl FnOnce(&mut FailurePercentagePolicy)) -> Settings {
    let mut settings = quiet();
    settings.failure_percentage.enforcing = 100;
    change(&mut settings.failure_percentage);
    settings
}

fn latency(change: impl FnOnce(&mut LatencyPolicy)) -> Settings {
    let mut policy = LatencyPolicy { minimum_hosts: 2, ..LatencyPolicy::default() };
    change(&mut policy);
    Settings { latency: Some(policy), ..quiet() }
}

/// Endpoints 0, 1, … with so many attempts and failures.
fn failing(endpoints: &[(u32, u32)]) -> Vec<Figures> {
    let counts = endpoints.iter().map(|(attempts, failures)| Counts {
        attempts: *attempts,
        failures: *failures,
        ..Counts::default()
    });
    keyed(counts)
}

/// Endpoints 0, 1, … with 100 answers that took so many milliseconds.
fn taking(endpoints: &[u64]) -> Vec<Figures> {
    keyed(endpoints.iter().map(|millis| {
        let mut latency = Histogram::default();
        (0..100).for_each(|_| latency.add(Duration::from_millis(*millis)));
        Counts { attempts: 100, failures: 0, latency }
    }))
}

fn keyed(counts: impl Iterator<Item = Counts>) -> Vec<Figures> {
    (0..).zip(counts).map(|(key, counts)| Figures { key: EndpointKey(key), counts }).collect()
}

fn found(settings: &Settings, figures: &[Figures]) -> Vec<(u64, Reason)> {
    evaluate(settings, figures).into_iter().map(|(key, verdict)| (key.0, verdict.reason)).collect()
}

/// Envoy's own example: 50, 100, 100, 100 and 100 % of 200 attempts.
const ENVOYS: [(u32, u32); 5] = [(200, 100), (200, 0), (200, 0), (200, 0), (200, 0)];

#[test]
fn in_envoys_example_fifty_percent_is_below_the_threshold_of_fifty_two() {
    let verdicts = evaluate(&success_rate(|_| ()), &failing(&ENVOYS));
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].0, EndpointKey(0));
    assert_eq!(verdicts[0].1.reason, Reason::SuccessRate);
    assert_eq!(verdicts[0].1.evidence, "success rate 50.0 % of 200 attempts, below 52.0 %");
}

#[test]
fn a_success_rate_at_the_threshold_stays() {
    // Mean 90, deviation 20: at a factor of 2 the threshold is 50 itself.
    let settings = |factor| success_rate(|policy| policy.stdev_factor = factor);
    assert_eq!(found(&settings(1999), &failing(&ENVOYS)), [(0, Reason::SuccessRate)]);
    assert!(found(&settings(2000), &failing(&ENVOYS)).is_empty());
}

#[test]
fn where_all_fail_alike_nobody_stands_out() {
    for failures in [0, 33, 200] {
        for factor in [0, 1900] {
            let settings = success_rate(|policy| policy.stdev_factor = factor);
            assert!(found(&settings, &failing(&[(200, failures); 7])).is_empty(), "{failures}");
        }
    }
}

#[test]
fn a_success_rate_needs_enough_hosts_with_enough_attempts() {
    let settings = success_rate(|_| ());
    let mut figures = ENVOYS.map(|(attempts, failures)| (attempts / 2, failures / 2));
    assert_eq!(found(&settings, &failing(&figures)), [(0, Reason::SuccessRate)], "100 are enough");
    figures[4].0 = 99;
    assert!(found(&settings, &failing(&figures)).is_empty(), "four hosts have enough attempts");
    assert!(found(&settings, &failing(&ENVOYS[..4])).is_empty());
    // An endpoint without enough attempts is neither judged nor counted.
    let mut six = ENVOYS.to_vec();
    six.push((99, 99));
    assert_eq!(found(&settings, &failing(&six)), [(0, Reason::SuccessRate)]);
}

#[test]
fn endpoints_without_attempts_are_not_judged_even_where_no_volume_is_asked_for() {
    let silent = failing(&[(0, 0); 5]);
    let rate = success_rate(|policy| (policy.request_volume, policy.minimum_hosts) = (0, 0));
    let share = failure_percentage(|policy| {
        (policy.request_volume, policy.minimum_hosts, policy.threshold) = (0, 0, 0);
    });
    let slow = latency(|policy| (policy.request_volume, policy.minimum_hosts) = (0, 0));
    for settings in [rate, share, slow] {
        assert!(found(&settings, &silent).is_empty());
        assert!(found(&settings, &[]).is_empty());
    }
}

#[test]
fn a_failure_percentage_counts_from_the_threshold_on() {
    let settings = failure_percentage(|_| ());
    let figures = failing(&[(100, 84), (100, 85), (100, 86), (1000, 849), (1000, 850)]);
    let expected = [1, 2, 4].map(|key| (key, Reason::FailurePercentage));
    assert_eq!(found(&settings, &figures), expected);
    assert_eq!(evaluate(&settings, &figures)[0].1.evidence, "85.0 % of 100 attempts failed");
}

#[test]
fn a_failure_percentage_needs_enough_hosts_with_enough_attempts() {
    let settings = failure_percentage(|_| ());
    assert_eq!(found(&settings, &failing(&[(50, 50); 5])).len(), 5);
    assert!(found(&settings, &failing(&[(50, 50); 4])).is_empty());
    let mut figures = [(50, 50); 6];
    figures[5] = (49, 49);
    assert_eq!(found(&settings, &failing(&figures)).len(), 5, "the sixth has too few attempts");
}

#[test]
fn a_threshold_of_a_hundred_percent_is_reached_only_by_failing_always() {
    let settings = failure_percentage(|policy| policy.threshold = 100);
    let figures = failing(&[(u32::MAX, u32::MAX - 1), (u32::MAX, u32::MAX), (50, 50), (50, 49), (50, 0)]);
    assert_eq!(found(&settings, &figures), [1, 2].map(|key| (key, Reason::FailurePercentage)));
}

#[test]
fn a_detector_that_is_off_finds_nothing() {
    let mut figures = failing(&ENVOYS);
    figures[0].counts = Counts { attempts: 100, failures: 100, ..taking(&[10_000])[0].counts };
    assert!(found(&quiet(), &figures).is_empty());
    assert!(found(&latency(|policy| policy.enforcing = 0), &figures).is_empty());
}

#[test]
fn an_endpoint_that_stands_out_twice_has_one_verdict() {
    let mut settings = success_rate(|_| ());
    settings.failure_percentage.enforcing = 100;
    let figures = failing(&[(200, 200), (200, 0), (200, 0), (200, 0), (200, 0)]);
    assert_eq!(found(&settings, &figures), [(0, Reason::SuccessRate)]);
}

#[test]
fn in_a_cluster_of_two_the_slow_one_is_not_its_own_yardstick() {
    let settings = latency(|_| ());
    assert_eq!(found(&settings, &taking(&[500, 10])), [(0, Reason::Latency)]);
    assert_eq!(found(&settings, &taking(&[10, 500])), [(1, Reason::Latency)]);
    assert!(found(&settings, &taking(&[500, 500])).is_empty(), "none is slower than the other");
}

#[test]
fn of_three_or_four_the_median_is_the_middle_or_the_lower_of_the_two() {
    let settings = latency(|_| ());
    assert_eq!(found(&settings, &taking(&[10, 500, 10])), [(1, Reason::Latency)]);
    assert!(found(&settings, &taking(&[10, 500, 500])).is_empty(), "most are slow");
    let two = [(1, Reason::Latency), (3, Reason::Latency)];
    assert_eq!(found(&settings, &taking(&[10, 500, 10, 500])), two);
    assert_eq!(found(&settings, &taking(&[10])), []);
}

#[test]
fn slow_is_more_than_the_factor_and_more_than_the_floor() {
    // Steps widen by √2: 64 ms is two steps, a factor of 2, above 32 ms.
    let settings = |factor, floor| latency(|p| (p.factor, p.floor) = (factor, Duration::from_micros(floor)));
    let figures = taking(&[32, 32, 64]);
    assert_eq!(found(&settings(1.99, 0), &figures), [(2, Reason::Latency)]);
    assert!(found(&settings(2.0, 0), &figures).is_empty(), "at the factor");
    assert_eq!(found(&settings(1.5, 63_999), &figures), [(2, Reason::Latency)]);
    assert!(found(&settings(1.5, 64_000), &figures).is_empty(), "at the floor");
    assert!(found(&latency(|_| ()), &taking(&[1, 1, 80])).is_empty(), "80 times, below 100 ms");
}

#[test]
fn a_latency_needs_enough_hosts_with_enough_answers() {
    let figures = taking(&[10, 10, 500]);
    assert!(found(&latency(|policy| policy.minimum_hosts = 4), &figures).is_empty());
    assert_eq!(found(&latency(|policy| policy.request_volume = 100), &figures), [(2, Reason::Latency)]);
    assert!(found(&latency(|policy| policy.request_volume = 101), &figures).is_empty());
}

#[test]
fn a_quantile_that_few_slow_answers_do_not_reach_is_not_slow() {
    let mut figures = taking(&[10, 10, 10]);
    (0..10).for_each(|_| figures[2].counts.latency.add(Duration::from_secs(10)));
    assert!(found(&latency(|_| ()), &figures).is_empty(), "10 of 110 are above p90");
    assert_eq!(found(&latency(|policy| policy.quantile = 99), &figures), [(2, Reason::Latency)]);
}

#[test]
fn too_few_hosts_convict_nobody_and_more_than_enough_do() {
    let of_all = |minimum_hosts| success_rate(|policy| policy.minimum_hosts = minimum_hosts);
    assert!(found(&of_all(6), &failing(&ENVOYS)).is_empty());
    for enough in [5, 4] {
        assert_eq!(found(&of_all(enough), &failing(&ENVOYS)), [(0, Reason::SuccessRate)], "{enough}");
    }
}

#[test]
fn an_endpoint_that_did_nothing_counts_as_no_host_though_no_volume_is_asked_for() {
    let settings = success_rate(|policy| (policy.minimum_hosts, policy.request_volume) = (6, 0));
    let six = [&ENVOYS[..], &[(0, 0)]].concat();
    assert!(found(&settings, &failing(&six)).is_empty());
    let settings = latency(|policy| (policy.minimum_hosts, policy.request_volume) = (3, 0));
    let mut figures = taking(&[10, 2_000]);
    assert!(found(&settings, &figures).is_empty());
    figures.push(Figures { key: EndpointKey(9), counts: Counts { attempts: 5, ..Counts::default() } });
    assert!(found(&settings, &figures).is_empty(), "two have answered");
    let more = taking(&[10, 2_000, 10]);
    assert_eq!(found(&settings, &more), [(1, Reason::Latency)]);
}

#[test]
fn who_is_ejected_for_its_latency_is_measured_by_the_same_limit_later() {
    let settings = latency(|policy| (policy.factor, policy.floor) = (3.0, Duration::from_millis(5)));
    let verdicts = evaluate(&settings, &taking(&[10, 10, 2_000]));
    let limits: Vec<_> = verdicts.iter().map(|(key, verdict)| (key.0, verdict.limit)).collect();
    // The step of 10 ms ends at 11.313708 ms.
    assert_eq!(limits, [(2, Some(Duration::from_micros(3 * 11_313)))]);
}
