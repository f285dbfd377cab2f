//! What must hold whatever the levels, the zones and the health.

use super::{endpoints, policies, upstream, zone};
use proptest::prelude::*;
use switchyard_core::balance::ZoneAware;
use switchyard_core::health::{Health, HealthPolicy, HealthTable};

fn health() -> impl Strategy<Value = Health> {
    prop_oneof![Just(Health::Healthy), Just(Health::Ejected), Just(Health::HalfOpen), Just(Health::Withdrawn)]
}

proptest! {
    #[test]
    fn candidates_are_distinct_admitted_bounded_and_there(
        policy in 0..policies().len(),
        states in prop::collection::vec((0..4_u32, 0..3_usize, health(), any::<bool>()), 1..12),
        (limit, panic_threshold, seed) in (1..6_usize, 0..=100_u8, any::<u64>()),
        zoned in any::<bool>(),
    ) {
        let places: Vec<_> = states.iter().map(|state| (state.0, ["", "a", "b"][state.1])).collect();
        let list = endpoints(&places);
        let aware = zoned.then_some(ZoneAware { min_cluster_size: 0, ..ZoneAware::default() });
        let mut upstream = upstream(&policies()[policy], &list, aware);
        upstream.rng = fastrand::Rng::with_seed(seed);
        upstream.balancer.locate(&zone("a"));
        let mut table = HealthTable::of(&list);
        for (index, (_, _, health, degraded)) in states.iter().enumerate() {
            table.set_degraded(index, *degraded);
            table.set(index, *health, None);
        }
        let health = HealthPolicy { panic_threshold, ..HealthPolicy::default() };
        for _ in 0..8 {
            let admission = table.admission(&health, upstream.now);
            let admitted = (0..states.len()).filter(|index| admission.admits(*index)).count();
            let chosen = upstream.choose(admission, limit);
            let mut distinct = chosen.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), chosen.len(), "distinct");
            prop_assert_eq!(chosen.len(), admitted.min(limit), "all who are admitted and fit");
            for index in chosen {
                prop_assert!(admission.admits(index) && states[index].2 != Health::Withdrawn);
            }
        }
    }

    #[test]
    fn a_table_counts_as_one_made_anew(
        places in prop::collection::vec((0..3_u32, 0..3_usize), 1..8),
        changes in prop::collection::vec((0..8_usize, health(), any::<bool>()), 0..20),
    ) {
        let places: Vec<_> = places.iter().map(|place| (place.0, ["", "a", "b"][place.1])).collect();
        let list = endpoints(&places);
        let (mut grown, mut last) = (HealthTable::of(&list), vec![None; list.len()]);
        for (index, health, degraded) in changes {
            grown.set(index, health, None);
            grown.set_degraded(index, degraded);
            if let Some(last) = last.get_mut(index) {
                *last = Some((health, degraded));
            }
        }
        let mut fresh = HealthTable::of(&list);
        for (index, (health, degraded)) in last.iter().enumerate().filter_map(|(i, one)| Some((i, (*one)?))) {
            fresh.set_degraded(index, degraded);
            fresh.set(index, health, None);
        }
        prop_assert_eq!(format!("{grown:?}"), format!("{fresh:?}"));
    }
}
