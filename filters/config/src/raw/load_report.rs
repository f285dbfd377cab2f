//! How weights are made of what endpoints report. The names are those of Envoy's `client_side_weighted_round_robin`.

use crate::read::section;
use crate::values::Duration;

section! {
    /// Weights of what endpoints report with each answer, in the header or trailer `endpoint-load-metrics` (`TEXT cpu_utilization=0.3,rps_fractional=100`, `JSON …` or
    /// `BIN …`) or `endpoint-load-metrics-bin`: rps_fractional / (utilization + eps / rps_fractional * error_utilization_penalty). Each worker
    /// knows of the answers that it passed on; Envoy's workers share what they know. An endpoint whose reports do not count has the median of the weights of those whose do.
    LoadReport {
        required {}
        optional {
            /// How long an endpoint must have been reporting before its weight counts, 0s to 1h. Default: 10s.
            blackout_period: Duration,
            /// How long after its last report a weight counts, 1s to 24h. Default: 3m.
            weight_expiration_period: Duration,
            /// How often weights are worked out anew, 100ms to 1h. Default: 1s.
            weight_update_period: Duration,
            /// How much busier an endpoint is taken to be for its part of errors, 0 to 1000. Default: 1.
            #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1000)))]
            error_utilization_penalty: f64,
            /// The metrics that say how busy an endpoint is, 16 at most: `named_metrics.queue`, `utilization.disk`, `mem_utilization`. The greatest counts.
            /// Default, and if it reports none of them: application_utilization, or else cpu_utilization.
            #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 16)))]
            metric_names_for_computing_utilization: Vec<Option<String>>,
            /// No weight is more than so many times the median of all, nor less than that part of it, 1 to 100: an endpoint
            /// that reports what is not true draws no more. Default: 10.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
            maximum_weight_ratio: f64,
            /// Takes the reports off the answers, so that clients do not see them. Default: true.
            strip: bool,
        }
    }
}
