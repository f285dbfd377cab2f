//! Zone aware routing.

use super::balance_support::{assert_shares, maglev, ring_hash};
use super::{endpoints, firsts, policies, table, upstream, zone};
use core::time::Duration;
use switchyard_core::balance::{Policy, ZoneAware};
use switchyard_core::health::HealthPolicy;
use switchyard_core::orca::ReportPolicy;
use switchyard_core::{Endpoints, Locality};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Zones a, b and c with two each, and a second level in a.
fn zoned() -> Endpoints {
    endpoints(&[(0, "a"), (0, "b"), (0, "c"), (0, "a"), (0, "b"), (0, "c"), (1, "a")])
}

#[test]
fn the_own_zone_is_preferred_as_far_as_its_share_of_the_healthy_goes() {
    let list = zoned();
    let policy = HealthPolicy::default();
    let aware = ZoneAware { min_cluster_size: 3, ..ZoneAware::default() };
    for balance in policies().iter().filter(|policy| !policy.needs_hash()) {
        let mut upstream = upstream(balance, &list, Some(aware));
        let counts = firsts(&mut upstream, &table(&list, &[]), &policy, 7);
        assert_eq!(counts[6], 0);
        assert!((1..6).step_by(3).all(|index| counts[index] > 0), "nobody knows yet where the proxy is");
        upstream.balancer.locate(&Locality { region: "r".into(), ..zone("a") });
        let counts = firsts(&mut upstream, &table(&list, &[]), &policy, 7);
        assert_shares(&[counts[0], counts[3]], &[1.0, 1.0]);
        assert_eq!(counts[0] + counts[3], 10_000, "{balance:?}");
        // One of five is here, and a third starts here: 60 % of it can stay.
        let counts = firsts(&mut upstream, &table(&list, &[3]), &policy, 7);
        assert_shares(&[counts[0], counts[1] + counts[4], counts[2] + counts[5]], &[60.0, 20.0, 20.0]);
        // Nobody is here.
        let counts = firsts(&mut upstream, &table(&list, &[0, 3]), &policy, 7);
        let second = counts[6];
        assert_shares(&[10_000 - second, second], &[93.0, 7.0]);
        assert_shares(&[counts[1] + counts[4], counts[2] + counts[5]], &[1.0, 1.0]);
        let chosen = upstream.choose(table(&list, &[]).admission(&policy, upstream.now), 7);
        assert!(chosen[..2].iter().all(|index| index % 3 == 0), "retries stay here, too: {chosen:?}");
        assert_eq!((chosen.len(), chosen[6]), (7, 6), "and go to the next level last");
    }
}

#[test]
fn no_zone_is_preferred_without_enough_endpoints_without_the_wish_or_in_panic() {
    let list = zoned();
    let even = |zone_aware: Option<ZoneAware>, own: &str, out: &[usize]| {
        let mut upstream = upstream(&Policy::Random, &list, zone_aware);
        upstream.balancer.locate(&zone(own));
        let counts = firsts(&mut upstream, &table(&list, out), &HealthPolicy::default(), 7);
        counts[0] + counts[3] < 5_000
    };
    let aware = ZoneAware::default();
    assert!(!even(Some(aware), "a", &[]));
    assert!(even(Some(aware), "a", &[1]), "five are too few");
    assert!(even(Some(aware), "d", &[]), "nobody is there");
    assert!(even(Some(aware), "", &[]), "nowhere");
    assert!(even(Some(ZoneAware { routing_enabled: 0, ..aware }), "a", &[]));
    assert!(even(None, "a", &[]));
    let small = ZoneAware { min_cluster_size: 0, ..aware };
    assert!(!even(Some(small), "a", &[1]));
    assert!(even(Some(small), "a", &[1, 2, 4, 5, 6]), "panic");
}

#[test]
fn a_part_of_the_requests_prefers_the_own_zone_if_only_a_part_is_to() {
    let list = zoned();
    let aware = ZoneAware { routing_enabled: 50, ..ZoneAware::default() };
    let mut upstream = upstream(&Policy::Random, &list, Some(aware));
    upstream.balancer.locate(&zone("a"));
    let counts = firsts(&mut upstream, &table(&list, &[]), &HealthPolicy::default(), 7);
    // Half of them stay, and a third of the others.
    assert_shares(&[counts[0] + counts[3], 10_000 - counts[0] - counts[3]], &[2.0, 1.0]);
}

#[test]
fn a_key_goes_where_it_would_go_without_zones() {
    let list = zoned();
    let health = table(&list, &[]);
    for policy in [ring_hash(None), maglev(None)] {
        let [aware, plain] = [Some(ZoneAware::default()), None].map(|zone_aware| {
            let mut upstream = upstream(&policy, &list, zone_aware);
            upstream.balancer.locate(&zone("a"));
            let admission = health.admission(&HealthPolicy::default(), upstream.now);
            upstream.counts(admission, 0, 7, 1_000)
        });
        assert_eq!(aware, plain, "{policy:?}");
    }
}

#[test]
fn what_endpoints_report_counts_in_the_own_zone_too() {
    let list = zoned();
    let reports = ReportPolicy { blackout_period: Duration::ZERO, ..ReportPolicy::default() };
    let mut upstream = upstream(&Policy::LoadReported(reports.clone()), &list, Some(ZoneAware::default()));
    upstream.balancer.locate(&zone("a"));
    for (index, weight) in [(0, 1.0), (3, 4.0)] {
        upstream.loads.report(index, weight, upstream.now, &reports);
    }
    upstream.now = upstream.now.plus(Duration::from_secs(1));
    upstream.balancer.refresh(upstream.now, &upstream.loads);
    let counts = firsts(&mut upstream, &table(&list, &[]), &HealthPolicy::default(), 7);
    assert_eq!(counts, [2_000, 0, 0, 8_000, 0, 0, 0]);
}
