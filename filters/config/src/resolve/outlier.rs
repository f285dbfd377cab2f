//! When an endpoint is ejected, and how it comes back.

use super::{at_least, bounded, check_header_name, heartbeat, narrow};
use crate::error::{Errors, Fault, Path, show};
use crate::raw::outlier as raw;
use crate::raw::{Mode, Outlier};
use crate::values;
use core::time::Duration;
use switchyard_core::outlier::{
    ConsecutivePolicy, EjectionPolicy, FailurePercentagePolicy, FailurePolicy, LatencyPolicy, Readmission,
    Settings, Signal, StallPolicy, SuccessRatePolicy, Threshold,
};

/// No cluster has more endpoints.
const MOST_HOSTS: u64 = 100_000;
/// No interval has more requests worth waiting for.
const MOST_REQUESTS: u64 = 1_000_000;

/// The ejection of an upstream of so many endpoints.
pub(super) fn resolve(
    raw: &Outlier,
    endpoints: usize,
    shadow: bool,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Settings {
    let interval = at_least(raw.interval, 10_000, 500, &at.field("interval"), errors);
    Settings {
        shadow: raw.mode.map_or(shadow, |mode| mode == Mode::Shadow),
        failure: failure(raw, at, errors),
        consecutive: consecutive(raw, at, errors),
        interval,
        success_rate: success_rate(raw, at, errors),
        failure_percentage: failure_percentage(raw, at, errors),
        latency: raw.latency.as_ref().map(|raw| latency(raw, &at.field("latency"), errors)),
        stall: raw.stall.as_ref().map(|raw| stall(raw, &at.field("stall"), errors)),
        ejection: ejection(raw, endpoints, at, errors),
        readmission: readmission(raw.readmission.as_ref(), &at.field("readmission"), errors),
        heartbeat: raw
            .heartbeat
            .as_ref()
            .and_then(|raw| heartbeat::resolve(raw, &at.field("heartbeat"), errors)),
        attempts: narrow(bounded(raw.attempts, 2, 1, 100, &at.field("attempts"), errors)),
    }
}

fn consecutive(raw: &Outlier, at: &Path<'_>, errors: &mut Errors) -> ConsecutivePolicy {
    let mut streak = |name, value, enforcing, default| Threshold {
        count: narrow(bounded(value, 5, 0, 1000, &at.field(name), errors)),
        enforcing: percent(enforcing, default),
    };
    let any_5xx = streak("consecutive_5xx", raw.consecutive_5xx, raw.enforcing_consecutive_5xx, 100);
    let (value, enforcing) = (raw.consecutive_gateway_failure, raw.enforcing_consecutive_gateway_failure);
    let gateway_failure = streak("consecutive_gateway_failure", value, enforcing, 0);
    let value = raw.consecutive_local_origin_failure;
    let enforcing = raw.enforcing_consecutive_local_origin_failure;
    let local_origin_failure = streak("consecutive_local_origin_failure", value, enforcing, 100);
    ConsecutivePolicy { any_5xx, gateway_failure, local_origin_failure }
}

fn success_rate(raw: &Outlier, at: &Path<'_>, errors: &mut Errors) -> SuccessRatePolicy {
    let mut number =
        |name, value, default, low, high| bounded(value, default, low, high, &at.field(name), errors);
    let hosts = raw.success_rate_minimum_hosts;
    let volume = raw.success_rate_request_volume;
    let factor = raw.success_rate_stdev_factor;
    SuccessRatePolicy {
        minimum_hosts: narrow(number("success_rate_minimum_hosts", hosts, 5, 1, MOST_HOSTS)),
        request_volume: number("success_rate_request_volume", volume, 100, 1, MOST_REQUESTS),
        stdev_factor: narrow(number("success_rate_stdev_factor", factor, 1900, 0, 100_000)),
        enforcing: percent(raw.enforcing_success_rate, 100),
    }
}

fn failure_percentage(raw: &Outlier, at: &Path<'_>, errors: &mut Errors) -> FailurePercentagePolicy {
    let mut number = |name, value, default, most| bounded(value, default, 1, most, &at.field(name), errors);
    let hosts = raw.failure_percentage_minimum_hosts;
    let volume = raw.failure_percentage_request_volume;
    FailurePercentagePolicy {
        threshold: percent(raw.failure_percentage_threshold, 85),
        minimum_hosts: narrow(number("failure_percentage_minimum_hosts", hosts, 5, MOST_HOSTS)),
        request_volume: number("failure_percentage_request_volume", volume, 50, MOST_REQUESTS),
        enforcing: percent(raw.enforcing_failure_percentage, 0),
    }
}

fn percent(value: Option<values::Percent>, default: u8) -> u8 {
    value.map_or(default, |percent| percent.0)
}

fn failure(raw: &Outlier, at: &Path<'_>, errors: &mut Errors) -> FailurePolicy {
    if raw.failure_statuses.as_ref().is_some_and(Vec::is_empty) {
        errors.add(&at.field("failure_statuses"), "is empty; name a status or remove it");
    }
    let statuses = raw.failure_statuses.as_ref();
    if raw.slow_threshold.is_some() {
        at_least(raw.slow_threshold, 0, 0, &at.field("slow_threshold"), errors);
    }
    FailurePolicy {
        statuses: statuses
            .map_or_else(|| vec![500..=599], |list| list.iter().map(|one| one.0.clone()).collect()),
        grpc_statuses: raw.failure_grpc_statuses.as_ref().map(|list| list.iter().map(|one| one.0).collect()),
        retry_after_is_overload: raw.retry_after_is_overload.unwrap_or_default(),
        slow_threshold: raw.slow_threshold.map(|slow| slow.0),
        signal: signal(raw.signal.as_ref(), &at.field("signal"), errors),
        split_external_local_origin_errors: raw.split_external_local_origin_errors.unwrap_or_default(),
    }
}

fn signal(raw: Option<&raw::Signal>, at: &Path<'_>, errors: &mut Errors) -> Option<Signal> {
    let header = raw.and_then(|raw| raw.header.as_deref());
    if let Some(header) = header {
        check_header_name(header, &at.field("header"), errors);
    }
    let action = raw.and_then(|raw| raw.action).unwrap_or(raw::SignalAction::Eject);
    let header = header.unwrap_or("x-envoy-immediate-health-check-fail").into();
    let drain = action == raw::SignalAction::Drain;
    (action != raw::SignalAction::Ignore).then_some(Signal { header, drain })
}

fn latency(raw: &raw::Latency, at: &Path<'_>, errors: &mut Errors) -> LatencyPolicy {
    let factor = raw.factor.unwrap_or(3.0);
    if !(factor > 1.0 && factor <= 1000.0) {
        let shown = show(&factor.into());
        errors.add_as(
            Fault::OutOfRange,
            &at.field("factor"),
            format!("{shown} is out of range; it takes more than 1 to 1000"),
        );
    }
    LatencyPolicy {
        quantile: narrow(bounded(raw.quantile, 90, 1, 99, &at.field("quantile"), errors)),
        factor,
        floor: raw.floor.map_or(Duration::from_millis(100), |floor| floor.0),
        minimum_hosts: narrow(bounded(raw.minimum_hosts, 3, 2, 100_000, &at.field("minimum_hosts"), errors)),
        request_volume: bounded(
            raw.request_volume,
            20,
            1,
            MOST_REQUESTS,
            &at.field("request_volume"),
            errors,
        ),
        enforcing: percent(raw.enforcing, 100),
    }
}

fn stall(raw: &raw::Stall, at: &Path<'_>, errors: &mut Errors) -> StallPolicy {
    StallPolicy {
        limit: at_least(raw.limit, 5_000, 0, &at.field("limit"), errors),
        requests: narrow(bounded(raw.requests, 3, 1, 1000, &at.field("requests"), errors)),
        enforcing: percent(raw.enforcing, 100),
    }
}

fn ejection(raw: &Outlier, endpoints: usize, at: &Path<'_>, errors: &mut Errors) -> EjectionPolicy {
    let base = at_least(raw.base_ejection_time, 30_000, 0, &at.field("base_ejection_time"), errors);
    let max = raw.max_ejection_time.map_or(base.max(Duration::from_secs(300)), |max| max.0);
    // What could not be read is no measure for others.
    if max < base && !raw.bad.contains(&"base_ejection_time") {
        errors.add(
            &at.field("max_ejection_time"),
            "is shorter than base_ejection_time (30s by default); raise it or lower that",
        );
    }
    let all = u64::try_from(endpoints).unwrap_or(u64::MAX);
    let min_healthy = raw.min_healthy.unwrap_or(1);
    if min_healthy > all && raw.min_healthy.is_some() {
        let problem = format!("{min_healthy} is more than there are endpoints ({all}); lower it");
        errors.add(&at.field("min_healthy"), problem);
    }
    EjectionPolicy {
        base,
        max,
        max_jitter: raw.max_ejection_time_jitter.map_or(Duration::ZERO, |jitter| jitter.0),
        max_percent: percent(raw.max_ejection_percent, 10),
        min_healthy: narrow(min_healthy),
    }
}

fn readmission(raw: Option<&raw::Readmission>, at: &Path<'_>, errors: &mut Errors) -> Readmission {
    let concurrency = raw.and_then(|raw| raw.concurrency);
    let successes = raw.and_then(|raw| raw.successes);
    if raw.and_then(|raw| raw.policy) == Some(raw::ReadmissionPolicy::AfterTime) {
        for (name, value) in [("concurrency", concurrency), ("successes", successes)] {
            if value.is_some() {
                errors.add(&at.field(name), "belongs to probing; remove it or change the policy");
            }
        }
        return Readmission::AfterTime;
    }
    Readmission::HalfOpen {
        concurrency: narrow(bounded(concurrency, 1, 1, 100, &at.field("concurrency"), errors)),
        successes: narrow(bounded(successes, 3, 1, 1000, &at.field("successes"), errors)),
    }
}
