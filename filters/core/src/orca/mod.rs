//! What endpoints report of their load with each answer: Open Request Cost Aggregation (ORCA), per request.
//!
//! A [`Report`] is what one answer said, a [`ReportPolicy`] how a weight is made of it, a [`ReportedWeight`] what is known of one
//! endpoint.
//!
//! Invariants: whatever an endpoint writes is a report or none: no number in it is negative, infinite or none at all, and a value
//! longer than [`MOST_BYTES`] is not looked at. A report says something about the endpoint that sent it and about nobody else.
//! Trade-off: of all metrics only those are kept that a weight is made of, so that reading a report in text or in protobuf
//! allocates nothing, however many it has.
//! Source: xds/data/orca/v3/orca_load_report.proto; Envoy's `source/common/orca/orca_parser.cc` (the headers, their forms, and
//! which one counts) and `orca_weight_manager.cc`; gRFC A58 and A114. Not as there: a metric that nobody knows is passed over, not a
//! reason to refuse the report, so that an endpoint may be newer than the proxy.

mod binary;
mod json;
mod metric;
mod text;
mod weight;

use crate::RequestView;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
pub use metric::MetricName;
pub use weight::{ReportPolicy, ReportedWeight};

/// The header, or trailer, of a report: `TEXT …`, `JSON …` or `BIN …`.
pub const REPORT_HEADER: &str = "endpoint-load-metrics";
/// The one of a report that is a message of protobuf in base64, as gRPC writes it.
pub const BINARY_REPORT_HEADER: &str = "endpoint-load-metrics-bin";

/// The most bytes of a report that is looked at.
pub const MOST_BYTES: usize = 4096;

/// What an endpoint said of its load; a metric that it did not name is 0, as in protobuf.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Requests per second, of all clients together.
    pub rps_fractional: f64,
    /// Errors per second.
    pub eps: f64,
    /// What the application says of how busy it is; 1 is as busy as it should be.
    pub application_utilization: f64,
    /// The part of the processors' time that is used; may be more than 1.
    pub cpu_utilization: f64,
    /// The greatest of the metrics that were asked for by name.
    pub named: f64,
}

impl Report {
    /// The report in these headers or trailers, with the greatest of the metrics that are `wanted`. `None`: there is none that can be
    /// read. Of two headers the binary one counts, and of several of a name the first, as in Envoy.
    pub fn of(fields: &impl RequestView, wanted: &[MetricName]) -> Option<Self> {
        if let Some(value) = fields.header(BINARY_REPORT_HEADER) {
            return Self::of_base64(bounded(value)?, wanted);
        }
        Self::read(fields.header(REPORT_HEADER)?, wanted)
    }

    /// The report that the value of [`REPORT_HEADER`] is.
    ///
    /// ```
    /// use switchyard_core::orca::Report;
    /// let report = Report::read(b"TEXT cpu_utilization=0.3, rps_fractional=100", &[]).unwrap_or_default();
    /// assert_eq!((report.cpu_utilization, report.rps_fractional), (0.3, 100.0));
    /// assert_eq!(Report::read(b"TEXT cpu_utilization=NaN", &[]), None);
    /// ```
    pub fn read(value: &[u8], wanted: &[MetricName]) -> Option<Self> {
        let (form, rest) = bounded(value)?.split_at_checked(5)?;
        match form {
            b"TEXT " => text::read(rest, wanted),
            b"JSON " => json::read(rest, wanted),
            _ => Self::of_base64(bounded(value)?.strip_prefix(b"BIN ")?, wanted),
        }
    }

    fn of_base64(value: &[u8], wanted: &[MetricName]) -> Option<Self> {
        binary::read(&decoded(value)?, wanted)
    }
}

/// Base64 with or without padding: gRPC leaves it out, Envoy's own encoder does not.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value).or_else(|_| BASE64_STANDARD_NO_PAD.decode(value)).ok()
}

fn bounded(value: &[u8]) -> Option<&[u8]> {
    (value.len() <= MOST_BYTES).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::decoded;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn base64_is_read_with_and_without_padding_and_nothing_else_is() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(decoded(encoded.as_bytes()).as_deref(), Some(plain.as_bytes()), "{encoded}");
            assert_eq!(decoded(encoded.trim_end_matches('=').as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decoded(b"+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        for wrong in ["Z", "Zg=", "Zg===", "Zm9v=", "Zh==", "Zm 8", "Zm8-", "=", "====", "Zg==Zg=="] {
            assert_eq!(decoded(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
