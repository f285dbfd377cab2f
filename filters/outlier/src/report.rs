//! Figures of endpoints: what of the window and the table an operator sees as gauges.
//!
//! Invariant: the number of series is bounded: there are figures for the first [`MAX_LABELLED`](crate::vm::MAX_LABELLED) endpoints of a VM.

use crate::vm::Here;
use switchyard_core::health::Health;
use switchyard_core::outlier::{Counts, Record};
use switchyard_frame::Reporter;
use switchyard_frame::metrics::catalogue::{
    ENDPOINT_ATTEMPTS, ENDPOINT_EJECTED_REASON, ENDPOINT_EJECTED_UNTIL, ENDPOINT_FAILURE_RATE,
    ENDPOINT_FAILURES, ENDPOINT_RELIABILITY, ENDPOINT_STATE, ENDPOINT_TIMES_EJECTED,
};
use switchyard_host::MetricSink;

/// What an endpoint did over the window, and where it stands: attempts T, failures F, λ = F/T and R = (1-λ)^N in parts per million, state
/// (0 Healthy, 1 Ejected, 2 HalfOpen), times ejected, and the second at which the ejection ends.
pub(crate) fn figures(
    reporter: &Reporter,
    endpoint: usize,
    (counts, attempts): (&Counts, u32),
    record: Option<&Record>,
    vm: &Here,
    host: &impl MetricSink,
) {
    let Some((upstream, address)) = reporter.names(endpoint) else { return };
    if !vm.own.reserve_label(upstream, endpoint) {
        return;
    }
    let state = match record.map(|record| record.health) {
        Some(Health::Ejected) => 1,
        Some(Health::HalfOpen) => 2,
        _ => 0,
    };
    let until = record
        .filter(|record| record.is_out_of_rotation())
        .map_or(0, |record| record.until.as_millis() / 1000);
    for (metric, value) in [
        (&ENDPOINT_ATTEMPTS, u64::from(counts.attempts)),
        (&ENDPOINT_FAILURES, u64::from(counts.failures)),
        (&ENDPOINT_FAILURE_RATE, counts.failure_rate_ppm()),
        (&ENDPOINT_RELIABILITY, counts.reliability_ppm(attempts)),
        (&ENDPOINT_STATE, state),
        (&ENDPOINT_TIMES_EJECTED, record.map_or(0, |record| u64::from(record.times))),
        (&ENDPOINT_EJECTED_UNTIL, until),
        (&ENDPOINT_EJECTED_REASON, record.and_then(|record| record.reason).map_or(0, |reason| reason as u64)),
    ] {
        vm.registry.set_gauge(host, metric, [upstream, address], value);
    }
}
