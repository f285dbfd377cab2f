//! How endpoints are chosen.

use super::{bounded, hash_on, load_report, narrow, ring};
use crate::error::{Errors, Fault, Path, show};
use crate::raw::{self, PolicyName};
use core::time::Duration;
use switchyard_core::balance::{Policy, ZoneAware};
use switchyard_core::hash::HashOn;
use switchyard_core::health::{HealthPolicy, SlowStart};

/// Envoy's default size of a Maglev table.
const TABLE: u64 = 65_537;
/// Envoy's upper bound of a Maglev table, a prime.
const MAX_TABLE: u64 = 5_000_011;

#[derive(Clone, Debug)]
pub(super) struct Balance {
    pub(super) policy: Policy,
    pub(super) no_hash: Policy,
    pub(super) hash_on: Vec<HashOn>,
    pub(super) candidates: usize,
    pub(super) health: HealthPolicy,
    pub(super) zone_aware: Option<ZoneAware>,
}

/// The balance of an upstream of so many endpoints, which have this weight together; without one, round robin that honours weights, as
/// Envoy's default does.
pub(super) fn resolve(
    raw: Option<&raw::Balance>,
    (endpoints, weight): (usize, u64),
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Balance> {
    let in_turn = PolicyName::SmoothWeightedRoundRobin;
    let by_default = raw::Balance { policy: Some(in_turn), ..raw::Balance::default() };
    let raw = raw.unwrap_or(&by_default);
    let candidates = bounded(raw.candidates, 3, 1, 16, &at.field("candidates"), errors);
    let health = health(raw, at, errors);
    let zone_aware = raw.zone_aware.as_ref().map(|raw| zone_aware(raw, &at.field("zone_aware"), errors));
    let Some(name) = raw.policy else {
        check_without_policy(raw, at, errors);
        return None;
    };
    refuse_foreign_fields(raw, name, at, errors);
    if matches!(name, PolicyName::Maglev) {
        refuse_small_table(raw, endpoints, &at.field("table_size"), errors);
    }
    if matches!(name, PolicyName::RingHash) {
        ring::refuse_too_many_points(raw, weight, at, errors);
    }
    Some(Balance {
        policy: policy(name, raw, at, errors),
        no_hash: no_hash(raw, at, errors),
        hash_on: hash_sources(raw, name, at, errors),
        candidates: usize::try_from(candidates).ok()?,
        health,
        zone_aware,
    })
}

/// Without a policy (that it is missing or wrong has been said) nobody can say which fields belong; what they
/// say is checked all the same.
fn check_without_policy(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) {
    if let Some(list) = &raw.hash_on {
        hash_on::resolve(list, &at.field("hash_on"), errors);
    }
    least_request(raw, at, errors);
    peak_ewma(raw, at, errors);
    ring::size(raw, at, errors);
    load_report::resolve(raw.load_report.as_ref(), &at.field("load_report"), errors);
    table_size(raw.table_size, &at.field("table_size"), errors);
    no_hash(raw, at, errors);
}

fn hashes(name: PolicyName) -> bool {
    matches!(name, PolicyName::RingHash | PolicyName::Maglev)
}

/// A field that the policy does not read is a mistake about what the policy does.
fn refuse_foreign_fields(raw: &raw::Balance, name: PolicyName, at: &Path<'_>, errors: &mut Errors) {
    use PolicyName::{LeastRequest, LoadReported, Maglev, PeakEwma, RingHash};
    let fields: [(&str, bool, &[PolicyName], &str); 13] = [
        ("hash_on", raw.hash_on.is_some(), &[RingHash, Maglev], "ring_hash and maglev"),
        ("no_hash", raw.no_hash.is_some(), &[RingHash, Maglev], "ring_hash and maglev"),
        (
            "hash_balance_factor",
            raw.hash_balance_factor.is_some(),
            &[RingHash, Maglev],
            "ring_hash and maglev",
        ),
        ("hash_function", raw.hash_function.is_some(), &[RingHash], "ring_hash"),
        ("minimum_ring_size", raw.minimum_ring_size.is_some(), &[RingHash], "ring_hash"),
        ("maximum_ring_size", raw.maximum_ring_size.is_some(), &[RingHash], "ring_hash"),
        ("points_per_endpoint", raw.points_per_endpoint.is_some(), &[RingHash], "ring_hash"),
        ("load_report", raw.load_report.is_some(), &[LoadReported], "load_reported"),
        ("table_size", raw.table_size.is_some(), &[Maglev], "maglev"),
        ("choice_count", raw.choice_count.is_some(), &[LeastRequest], "least_request"),
        ("active_request_bias", raw.active_request_bias.is_some(), &[LeastRequest], "least_request"),
        ("decay", raw.decay.is_some(), &[PeakEwma], "peak_ewma"),
        ("default_latency", raw.default_latency.is_some(), &[PeakEwma], "peak_ewma"),
    ];
    if raw.zone_aware.is_some() && hashes(name) {
        errors.add(
            &at.field("zone_aware"),
            "belongs to policies that do not hash, since a key has one endpoint; remove it or change the policy",
        );
    }
    for (field, present, policies, names) in fields {
        if present && !policies.contains(&name) {
            errors.add(&at.field(field), format!("belongs to {names}; remove it or change the policy"));
        }
    }
}

fn policy(name: PolicyName, raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> Policy {
    match name {
        PolicyName::RoundRobin => Policy::RoundRobin,
        PolicyName::Random => Policy::Random,
        PolicyName::WeightedRandom => Policy::WeightedRandom,
        PolicyName::SmoothWeightedRoundRobin => Policy::SmoothWeightedRoundRobin,
        PolicyName::LeastRequest => least_request(raw, at, errors),
        PolicyName::PeakEwma => peak_ewma(raw, at, errors),
        PolicyName::LoadReported => {
            let at = at.field("load_report");
            Policy::LoadReported(load_report::resolve(raw.load_report.as_ref(), &at, errors))
        }
        PolicyName::RingHash => Policy::RingHash {
            hash_function: ring::hash_function(raw),
            size: ring::size(raw, at, errors),
            hash_balance_factor: balance_factor(raw, at, errors),
        },
        PolicyName::Maglev => Policy::Maglev {
            table_size: table_size(raw.table_size, &at.field("table_size"), errors),
            hash_balance_factor: balance_factor(raw, at, errors),
        },
    }
}

fn least_request(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> Policy {
    let choice_count = bounded(raw.choice_count, 2, 2, 16, &at.field("choice_count"), errors);
    let bias = raw.active_request_bias.unwrap_or(1.0);
    if !(0.0..=100.0).contains(&bias) {
        errors.add_as(
            Fault::OutOfRange,
            &at.field("active_request_bias"),
            format!("{} is out of range; it takes 0 to 100", show(&bias.into())),
        );
    }
    Policy::LeastRequest { choice_count: u32::try_from(choice_count).unwrap_or(2), active_request_bias: bias }
}

fn peak_ewma(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> Policy {
    let decay = raw.decay.map_or(Duration::from_secs(10), |decay| decay.0);
    let default_latency = raw.default_latency.map_or(Duration::from_millis(30), |latency| latency.0);
    for (name, duration) in [("decay", decay), ("default_latency", default_latency)] {
        if duration.is_zero() {
            errors.add_as(Fault::OutOfRange, &at.field(name), "is zero; it takes more than zero");
        }
    }
    Policy::PeakEwma { decay, default_latency }
}

fn balance_factor(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> Option<u32> {
    let factor = raw.hash_balance_factor?;
    let factor = bounded(Some(factor), 100, 100, 100_000, &at.field("hash_balance_factor"), errors);
    u32::try_from(factor).ok()
}

fn table_size(size: Option<u64>, at: &Path<'_>, errors: &mut Errors) -> u64 {
    let size = bounded(size, TABLE, 2, MAX_TABLE, at, errors);
    if !is_prime(size) {
        errors.add_with(Fault::Rule, at, || {
            let below = (2..size).rev().find(|number| is_prime(*number)).unwrap_or(2);
            let above = (size..=MAX_TABLE).find(|number| is_prime(*number)).unwrap_or(MAX_TABLE);
            format!("{size} is not prime; the nearest are {below} and {above}")
        });
    }
    size
}

/// An endpoint without a slot would get no request.
fn refuse_small_table(raw: &raw::Balance, endpoints: usize, at: &Path<'_>, errors: &mut Errors) {
    let size = raw.table_size.unwrap_or(TABLE);
    if (2..=MAX_TABLE).contains(&size) && u64::try_from(endpoints).is_ok_and(|endpoints| endpoints > size) {
        let problem = format!("{size} slots are too few for {endpoints} endpoints; take a greater prime");
        errors.add(at, problem);
    }
}

fn is_prime(number: u64) -> bool {
    number >= 2
        && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}

fn no_hash(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> Policy {
    let name = raw.no_hash.unwrap_or(PolicyName::Random);
    if hashes(name) {
        errors.add(
            &at.field("no_hash"),
            "is for requests that have nothing to hash; name a policy that needs no hash",
        );
        return Policy::Random;
    }
    policy(name, &raw::Balance::default(), at, errors)
}

fn hash_sources(raw: &raw::Balance, name: PolicyName, at: &Path<'_>, errors: &mut Errors) -> Vec<HashOn> {
    let at_list = at.field("hash_on");
    match &raw.hash_on {
        Some(list) if hashes(name) => hash_on::resolve(list, &at_list, errors),
        None if hashes(name) && !raw.bad.contains(&"hash_on") => {
            errors.add(&at_list, "is missing; say what is hashed, as in [{header: x-user}]");
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn health(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> HealthPolicy {
    let ramp = raw.slow_start.as_ref();
    let slow_start = ramp.and_then(|raw| slow_start(raw, &at.field("slow_start"), errors));
    HealthPolicy {
        panic_threshold: raw.healthy_panic_threshold.map_or(50, |percent| percent.0),
        slow_start,
        fail_traffic_on_panic: raw.fail_traffic_on_panic.unwrap_or(false),
        overprovisioning_factor: narrow(bounded(
            raw.overprovisioning_factor,
            140,
            100,
            u64::from(u32::MAX),
            &at.field("overprovisioning_factor"),
            errors,
        )),
    }
}

fn zone_aware(raw: &raw::ZoneAware, at: &Path<'_>, errors: &mut Errors) -> ZoneAware {
    let by_default = ZoneAware::default();
    let least = u64::from(by_default.min_cluster_size);
    let at_least = at.field("min_cluster_size");
    ZoneAware {
        routing_enabled: raw.routing_enabled.map_or(by_default.routing_enabled, |percent| percent.0),
        min_cluster_size: narrow(bounded(
            raw.min_cluster_size,
            least,
            0,
            u64::from(u32::MAX),
            &at_least,
            errors,
        )),
    }
}

fn slow_start(raw: &raw::SlowStart, at: &Path<'_>, errors: &mut Errors) -> Option<SlowStart> {
    let aggression = raw.aggression.unwrap_or(1.0);
    if !(aggression > 0.0 && aggression <= 100.0) {
        errors.add_as(
            Fault::OutOfRange,
            &at.field("aggression"),
            format!("{} is out of range; it takes more than 0 to 100", show(&aggression.into())),
        );
    }
    let percent = raw.min_weight_percent.map_or(10, |percent| percent.0);
    if percent == 0 {
        errors.add_as(
            Fault::OutOfRange,
            &at.field("min_weight_percent"),
            "0 would never start the ramp; write 1 or more",
        );
    }
    let window = raw.window?.0;
    if window.is_zero() {
        errors.add_as(Fault::OutOfRange, &at.field("window"), "is zero; remove slow_start to have none");
    }
    Some(SlowStart { window, aggression, min_weight: f64::from(percent) / 100.0 })
}
