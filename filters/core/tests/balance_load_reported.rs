//! `load_reported`: shares follow the weights that are reported, within bounds that no endpoint can leave.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;

use balance_support::Upstream;
use core::time::Duration;
use switchyard_core::balance::Policy;
use switchyard_core::health::{Admission, Health, HealthPolicy, HealthTable};
use switchyard_core::load::LoadBook;
use switchyard_core::orca::ReportPolicy;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Duration = Duration::from_secs(1);

/// Endpoints of the document's own weights, which do not count, and reports that count at once.
struct World {
    upstream: Upstream,
    policy: ReportPolicy,
    endpoints: usize,
}

impl World {
    fn of(weights: &[u32], policy: ReportPolicy) -> Self {
        let upstream = Upstream::new(&Policy::LoadReported(policy.clone()), weights, 1);
        Self { upstream, policy, endpoints: weights.len() }
    }

    fn new(endpoints: usize) -> Self {
        let weights: Vec<u32> = (1..).take(endpoints).collect();
        Self::of(&weights, ReportPolicy { blackout_period: Duration::ZERO, ..ReportPolicy::default() })
    }

    fn pass(&mut self, time: Duration) {
        self.upstream.now = self.upstream.now.plus(time);
        self.upstream.balancer.refresh(self.upstream.now, &self.upstream.loads);
    }

    fn report(&mut self, index: usize, weight: f64) {
        self.upstream.loads.report(index, weight, self.upstream.now, &self.policy);
    }

    /// All of these, and the time until they are taken over.
    fn reports(&mut self, weights: &[f64]) {
        for (index, weight) in weights.iter().enumerate() {
            self.report(index, *weight);
        }
        self.pass(SECOND);
    }

    /// The parts of so many requests that each endpoint gets.
    fn shares(&mut self, requests: usize) -> Vec<f64> {
        let counts = self.upstream.counts(Admission::everyone(), 0, self.endpoints, requests);
        counts.iter().map(|count| *count as f64 / requests as f64).collect()
    }
}

fn near(shares: &[f64], expected: &[f64]) {
    let sum: f64 = expected.iter().sum();
    for (share, expected) in shares.iter().zip(expected) {
        assert!((share - expected / sum).abs() < 0.005, "{shares:?} is not {expected:?}");
    }
}

#[test]
fn all_share_alike_until_somebody_reports_and_then_by_what_is_reported() {
    let mut world = World::new(3);
    near(&world.shares(3_000), &[1.0, 1.0, 1.0]);
    world.reports(&[500.0, 250.0, 125.0]);
    near(&world.shares(7_000), &[4.0, 2.0, 1.0]);
    world.reports(&[1e-9, 4e-9, 1e-9]);
    near(&world.shares(6_000), &[1.0, 4.0, 1.0]);
}

#[test]
fn weights_are_taken_over_once_in_a_period_and_no_report_is_a_surge() {
    let mut world = World::new(2);
    world.reports(&[1.0, 1.0]);
    for weight in [3.0, 9.0, 3.0] {
        world.report(0, weight);
        world.upstream.balancer.refresh(world.upstream.now, &world.upstream.loads);
        near(&world.shares(1_000), &[1.0, 1.0]);
    }
    world.pass(SECOND);
    near(&world.shares(1_000), &[3.0, 1.0]);
}

#[test]
fn who_does_not_report_weighs_as_much_as_the_one_in_the_middle() {
    let mut world = World::new(5);
    for (index, weight) in [(0, 1.0), (1, 2.0), (2, 6.0)] {
        world.report(index, weight);
    }
    world.pass(SECOND);
    near(&world.shares(13_000), &[1.0, 2.0, 6.0, 2.0, 2.0]);
}

#[test]
fn reports_count_after_the_blackout_and_until_they_expire() {
    let mut world = World::of(&[1, 1], ReportPolicy::default());
    world.reports(&[3.0, 1.0]);
    near(&world.shares(1_000), &[1.0, 1.0]);
    world.pass(9 * SECOND);
    near(&world.shares(1_000), &[3.0, 1.0]);
    world.pass(171 * SECOND);
    near(&world.shares(1_000), &[1.0, 1.0]);
}

#[test]
fn no_endpoint_draws_more_than_the_ratio_by_what_it_says_of_itself() {
    for lie in [1e300, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-300] {
        let mut world = World::new(10);
        world.reports(&[lie, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let of_liar = if lie > 1.0 { 10.0 } else { 0.1 };
        near(&world.shares(20_000), &[of_liar, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let mut world = World::new(2);
        world.reports(&[lie, 1.0]);
        let expected = if lie > 1.0 { [10.0, 1.0] } else { [1.0, 10.0] };
        near(&world.shares(11_000), &expected);
    }
}

#[test]
fn who_is_out_of_rotation_gets_nothing_whatever_it_reports() {
    let mut world = World::new(3);
    world.reports(&[10.0, 1.0, 3.0]);
    let mut table = HealthTable::new(3);
    table.set(0, Health::Ejected, None);
    let now = world.upstream.now;
    let counts = world.upstream.counts(table.admission(&HealthPolicy::default(), now), 0, 3, 4_000);
    assert_eq!(counts, [0, 1_000, 3_000]);
}

#[test]
fn the_candidates_behind_the_first_are_drawn_by_weight_too() {
    let mut world = World::new(3);
    world.reports(&[1.0, 8.0, 1.0]);
    let seconds = world.upstream.counts(Admission::everyone(), 1, 3, 10_000);
    // Of the requests that do not go to the heavy one first nearly all have it second.
    assert!(seconds[1] > 1_500 && seconds.iter().all(|count| *count > 1_000), "{seconds:?}");
}

#[test]
fn reports_outlive_a_configuration() {
    let endpoints = balance_support::upstream(&[1, 1]);
    let policy = ReportPolicy { blackout_period: Duration::ZERO, ..ReportPolicy::default() };
    let (mut book, now) = (LoadBook::default(), balance_support::Upstream::new(&Policy::Random, &[1], 1).now);
    let before = book.loads("web", &endpoints);
    before.report(1, 5.0, now, &policy);
    let after = book.loads("web", &endpoints);
    drop(before);
    assert_eq!((after.reported(0, now, &policy), after.reported(1, now, &policy)), (None, Some(5.0)));
    assert_eq!(book.loads("other", &endpoints).reported(1, now, &policy), None);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn weight() -> impl Strategy<Value = Option<f64>> {
        let any = any::<f64>()
            .prop_map(f64::abs)
            .prop_filter("a weight", |weight| weight.is_finite() && *weight > 0.0);
        proptest::option::of(prop_oneof![any, 0.1..100.0_f64])
    }

    proptest! {
        #[test]
        fn whatever_is_reported_everybody_has_a_part_and_nobody_more_than_the_bounds_say(
            weights in prop::collection::vec(weight(), 1..8),
            again in prop::collection::vec(weight(), 1..8),
        ) {
            let count = weights.len();
            let mut world = World::new(count);
            for round in [weights, again] {
                for (index, weight) in round.iter().take(count).enumerate() {
                    if let Some(weight) = weight {
                        world.report(index, *weight);
                    }
                }
                world.pass(SECOND);
                // The least that anyone may have is a hundredth of the most.
                let requests = 400 * count;
                let shares = world.shares(requests);
                prop_assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");
                let most = 100.0 / (100.0 + (count - 1) as f64);
                prop_assert!(shares.iter().all(|share| *share <= most + 0.01), "{shares:?}");
            }
        }
    }
}
