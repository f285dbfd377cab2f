//! Choices among levels of priority, degraded endpoints and localities, by every policy.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::balance_support;
mod health;
mod levels;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod zones;

use balance_support::{Upstream, least_request, maglev, peak_ewma, ring_hash};
use core::num::NonZeroU32;
use switchyard_core::balance::{Balancer, Policy, ZoneAware};
use switchyard_core::health::{Health, HealthPolicy, HealthTable};
use switchyard_core::{Endpoint, Endpoints, Locality};

fn policies() -> Vec<Policy> {
    vec![
        Policy::RoundRobin,
        Policy::Random,
        Policy::WeightedRandom,
        Policy::SmoothWeightedRoundRobin,
        least_request(1.0),
        peak_ewma(),
        ring_hash(None),
        ring_hash(Some(110)),
        maglev(None),
        maglev(Some(110)),
    ]
}

fn zone(name: &str) -> Locality {
    Locality { zone: name.into(), ..Locality::default() }
}

/// Endpoints of these priorities, in these zones if they have a name.
fn endpoints(places: &[(u32, &str)]) -> Endpoints {
    let endpoint = |(index, (priority, name)): (usize, &(u32, &str))| Endpoint {
        priority: *priority,
        locality: (!name.is_empty()).then(|| Box::new(zone(name))),
        ..Endpoint::new(format!("10.0.0.{index}:80"), NonZeroU32::MIN)
    };
    Endpoints::new(places.iter().enumerate().map(endpoint).collect())
}

fn levels(priorities: &[u32]) -> Endpoints {
    endpoints(&priorities.iter().map(|priority| (*priority, "")).collect::<Vec<_>>())
}

fn upstream(policy: &Policy, endpoints: &Endpoints, zone_aware: Option<ZoneAware>) -> Upstream {
    let mut upstream = Upstream::new(policy, &vec![1; endpoints.len()], 7);
    upstream.balancer = Balancer::zone_aware(policy, endpoints, zone_aware);
    upstream
}

/// These are out.
fn table(endpoints: &Endpoints, out: &[usize]) -> HealthTable {
    let mut table = HealthTable::of(endpoints);
    out.iter().for_each(|index| table.set(*index, Health::Ejected, None));
    table
}

/// How often each comes first.
fn firsts(upstream: &mut Upstream, table: &HealthTable, policy: &HealthPolicy, endpoints: usize) -> Vec<u64> {
    upstream.counts(table.admission(policy, upstream.now), 0, endpoints, 10_000)
}
