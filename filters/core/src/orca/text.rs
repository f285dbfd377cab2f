//! A report in text: `cpu_utilization=0.3,rps_fractional=100,named_metrics.queue=7`.
//!
//! Source: Envoy's `tryParseNativeHttpEncoded`; before 1.35 it had `:` where the specification has `=`, and endpoints write both.

use super::Report;
use super::metric::{Metric, MetricName, Reading, number};

pub(super) fn read(text: &[u8], wanted: &[MetricName]) -> Option<Report> {
    let text = core::str::from_utf8(text).ok()?;
    let mut reading = Reading::new(wanted);
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, value) = entry.split_once(['=', ':'])?;
        let value = number(value.trim())?;
        if let Some(metric) = metric(name.trim()) {
            reading.take(metric, value)?;
        }
    }
    Some(reading.finish())
}

fn metric(name: &str) -> Option<Metric<'_>> {
    match name {
        "rps_fractional" => Some(Metric::RpsFractional),
        "eps" => Some(Metric::Eps),
        "application_utilization" => Some(Metric::ApplicationUtilization),
        "cpu_utilization" => Some(Metric::CpuUtilization),
        "mem_utilization" => Some(Metric::MemUtilization),
        _ => match name.split_once('.')? {
            ("utilization", own) => Some(Metric::Utilization(own.as_bytes())),
            ("named_metrics", own) => Some(Metric::Named(own.as_bytes())),
            _ => None,
        },
    }
}
