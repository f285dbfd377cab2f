//! How weights are made of what endpoints report.

use super::within;
use crate::error::{Errors, Fault, Path, cut, show};
use crate::raw;
use core::time::Duration;
use switchyard_core::orca::{MetricName, ReportPolicy};

/// The most metrics that are asked for by name.
const MOST_METRICS: usize = 16;
const HOUR: Duration = Duration::from_secs(3600);

/// The policy that this section means; without one, that of the defaults.
pub(super) fn resolve(raw: Option<&raw::LoadReport>, at: &Path<'_>, errors: &mut Errors) -> ReportPolicy {
    let mut policy = ReportPolicy::default();
    let Some(raw) = raw else { return policy };
    for (name, value, place, bounds) in [
        ("blackout_period", raw.blackout_period, &mut policy.blackout_period, (Duration::ZERO, HOUR)),
        (
            "weight_expiration_period",
            raw.weight_expiration_period,
            &mut policy.weight_expiration_period,
            (Duration::from_secs(1), 24 * HOUR),
        ),
        (
            "weight_update_period",
            raw.weight_update_period,
            &mut policy.weight_update_period,
            (Duration::from_millis(100), HOUR),
        ),
    ] {
        *place = within(value, *place, bounds, &at.field(name), errors);
    }
    let (penalty, ratio) = (&mut policy.error_utilization_penalty, &mut policy.maximum_weight_ratio);
    for (name, value, place, (low, high)) in [
        ("error_utilization_penalty", raw.error_utilization_penalty, penalty, (0.0, 1000.0)),
        ("maximum_weight_ratio", raw.maximum_weight_ratio, ratio, (1.0, 100.0)),
    ] {
        *place = value.unwrap_or(*place);
        if !(low..=high).contains(place) {
            let problem = format!("{} is out of range; it takes {low} to {high}", show(&(*place).into()));
            errors.add_as(Fault::OutOfRange, &at.field(name), problem);
        }
    }
    policy.metric_names = metric_names(raw, at, errors);
    policy.strip = raw.strip.unwrap_or(policy.strip);
    policy
}

fn metric_names(raw: &raw::LoadReport, at: &Path<'_>, errors: &mut Errors) -> Vec<MetricName> {
    let at = at.field("metric_names_for_computing_utilization");
    let Some(list) = &raw.metric_names_for_computing_utilization else { return Vec::new() };
    if list.is_empty() {
        errors.add(&at, "is empty; name a metric or remove it");
    } else if list.len() > MOST_METRICS {
        errors.add_as(
            Fault::OutOfRange,
            &at,
            format!("has {} metrics; it takes {MOST_METRICS} at most", list.len()),
        );
    }
    let mut names = Vec::new();
    for (index, name) in list.iter().enumerate().take(MOST_METRICS) {
        let Some(name) = name else { continue };
        match MetricName::of(name) {
            Some(name) => names.push(name),
            None => errors.add(
                &at.index(index),
                format!(
                    "{:?} does not say how busy an endpoint is; write application_utilization, cpu_utilization, mem_utilization, \
                     or a name of its own behind \"utilization.\" or \"named_metrics.\"",
                    cut(name)
                ),
            ),
        }
    }
    names
}
