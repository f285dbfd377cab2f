//! What in keys keeps nearly all requests apart, told to the operator.
//!
//! Invariant: each name once in the log and in a counter; how many there are [`switchyard_core::request_key::Noise`] bounds.

use crate::metrics::catalogue::Metric;
use crate::metrics::{Counter, Registry};
use switchyard_host::MetricSink;

/// Says that these names, of headers or of what Envoy knows, are another one in nearly every request of a route, so that `filter` has
/// little to share; `metric` counts them.
pub fn tell(
    filter: &str,
    metric: &Metric<Counter, 2>,
    route: &str,
    names: &[String],
    registry: &Registry,
    host: &impl MetricSink,
) {
    for name in names {
        log::warn!(
            "switchyard.{filter}: route {route}: {name} is another one in nearly every request, so hardly any two share anything; if \
             answers do not depend on it, name it in key.ignore_headers (key.ignore_attributes for metadata and certificates)"
        );
        // Clients choose the names.
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.:/-".contains(letter);
        let label: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
        registry.counter(host, metric, [route, &label]).increment();
    }
}
