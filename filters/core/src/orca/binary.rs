//! A report in protobuf: `xds.data.orca.v3.OrcaLoadReport`.
//!
//! Its fields: 1 cpu_utilization, 2 mem_utilization, 5 utilization, 6 rps_fractional, 7 eps, 8 named_metrics, 9
//! application_utilization; 5 and 8 are maps, whose entries have a key, 1, and a value, 2. Others are passed over.

use super::Report;
use super::metric::{Metric, MetricName, Reading};
use crate::protobuf::{Fields, Wire};

pub(super) fn read(message: &[u8], wanted: &[MetricName]) -> Option<Report> {
    let mut reading = Reading::new(wanted);
    for field in Fields(message) {
        let field = field?;
        let own = match field.number {
            1 => Metric::CpuUtilization,
            2 => Metric::MemUtilization,
            6 => Metric::RpsFractional,
            7 => Metric::Eps,
            9 => Metric::ApplicationUtilization,
            5 | 8 => {
                let Wire::Message(entry) = field.value else { return None };
                let (key, value) = entry_of(entry)?;
                let metric = if field.number == 5 { Metric::Utilization(key) } else { Metric::Named(key) };
                reading.take(metric, value)?;
                continue;
            }
            _ => continue,
        };
        reading.take(own, double(field.value)?)?;
    }
    Some(reading.finish())
}

/// Key and value of a map's entry; one that is not there is empty, or 0.
fn entry_of(entry: &[u8]) -> Option<(&[u8], f64)> {
    let (mut key, mut value) = (&[][..], 0.0);
    for field in Fields(entry) {
        match field.map(|field| (field.number, field.value))? {
            (1, Wire::Message(bytes)) => key = bytes,
            (2, wire) => value = double(wire)?,
            _ => return None,
        }
    }
    Some((key, value))
}

fn double(wire: Wire<'_>) -> Option<f64> {
    let Wire::Double(bytes) = wire else { return None };
    Some(f64::from_le_bytes(*bytes.first_chunk()?))
}
