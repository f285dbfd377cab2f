//! A report in JSON, as protobuf writes messages: names in either spelling, numbers also as texts, maps as objects.
//!
//! Source: protobuf's ProtoJSON format. Trade-off: the one form that allocates; what it may take is bounded by its length. Of a name
//! that stands there twice in one spelling the last counts, as for every reader of JSON here.

use super::Report;
use super::metric::{Metric, MetricName, Reading, number};
use serde_json::Value;

pub(super) fn read(text: &[u8], wanted: &[MetricName]) -> Option<Report> {
    let Value::Object(fields) = serde_json::from_slice(text).ok()? else { return None };
    let mut reading = Reading::new(wanted);
    for (name, value) in &fields {
        let own = match name.as_str() {
            "rps_fractional" | "rpsFractional" => Some(Metric::RpsFractional),
            "eps" => Some(Metric::Eps),
            "application_utilization" | "applicationUtilization" => Some(Metric::ApplicationUtilization),
            "cpu_utilization" | "cpuUtilization" => Some(Metric::CpuUtilization),
            "mem_utilization" | "memUtilization" => Some(Metric::MemUtilization),
            _ => None,
        };
        match (own, name.as_str(), value) {
            // What is not said, in ProtoJSON.
            (_, _, Value::Null) => {}
            (Some(metric), _, value) => reading.take(metric, measured(value)?)?,
            (None, "utilization", Value::Object(entries)) => {
                for (own, value) in entries {
                    reading.take(Metric::Utilization(own.as_bytes()), measured(value)?)?;
                }
            }
            (None, "named_metrics" | "namedMetrics", Value::Object(entries)) => {
                for (own, value) in entries {
                    reading.take(Metric::Named(own.as_bytes()), measured(value)?)?;
                }
            }
            (None, "utilization" | "named_metrics" | "namedMetrics", _) => return None,
            _ => {}
        }
    }
    Some(reading.finish())
}

fn measured(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => number(text),
        other => other.as_f64(),
    }
}
