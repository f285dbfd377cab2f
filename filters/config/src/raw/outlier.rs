//! The section `outlier`: when an endpoint is ejected, for how long, and how it comes back.

use super::Mode;
use super::fallback::Headers;
use super::retry_on::GrpcStatus;
use crate::error::{Errors, Path};
use crate::read::{Read, expected, section, whole, words};
use crate::values::{Duration, Percent};
use core::ops::RangeInclusive;
use serde_json::Value;

section! {
    /// Passive health ejection by outlier.wasm. Names and defaults are those of Envoy's outlier_detection where it has them.
    Outlier {
        required {}
        optional {
            /// `shadow` judges, counts and logs, and ejects nobody. Default: the document's mode.
            mode: Mode,
            /// Statuses that are the endpoint's error: "503" or "500-599". gRPC statuses are mapped to HTTP as Envoy
            /// does. Default: ["500-599"].
            failure_statuses: Vec<Statuses>,
            /// gRPC statuses that are the endpoint's error, by name or number; those that are not named are none. Default: those that map
            /// to one of failure_statuses: unknown, deadline_exceeded, unimplemented, internal, unavailable and data_loss.
            failure_grpc_statuses: Vec<GrpcStatus>,
            /// A 429 or 503 with retry-after counts neither as a failure nor as a success. Default: false.
            retry_after_is_overload: bool,
            /// A complete answer whose first byte took this long, from the end of the request on, is a failure. Default: none.
            slow_threshold: Duration,
            /// A response header by which an endpoint takes itself out of rotation.
            signal: Signal,
            /// Connect failures, resets and timeouts have their own counter and are no 5xx. Default: false.
            split_external_local_origin_errors: bool,
            /// Consecutive failures that eject, 0 to 1000; 0: off. Default: 5.
            #[cfg_attr(feature = "schema", schemars(range(max = 1000)))]
            consecutive_5xx: u64,
            /// Percentage of these verdicts that is carried out. Default: 100.
            enforcing_consecutive_5xx: Percent,
            /// Consecutive 502, 503 and 504 that eject, 0 to 1000; 0: off. Default: 5.
            #[cfg_attr(feature = "schema", schemars(range(max = 1000)))]
            consecutive_gateway_failure: u64,
            /// Percentage of these verdicts that is carried out. Default: 0.
            enforcing_consecutive_gateway_failure: Percent,
            /// Consecutive connect failures, resets and timeouts that eject, 0 to 1000; 0: off. Default: 5.
            #[cfg_attr(feature = "schema", schemars(range(max = 1000)))]
            consecutive_local_origin_failure: u64,
            /// Percentage of these verdicts that is carried out. Default: 100.
            enforcing_consecutive_local_origin_failure: Percent,
            /// The window over which shares and latencies are looked at, 500ms or more; it slides by a fifth.
            /// Default: 10s.
            interval: Duration,
            /// The first ejection's length; the n-th lasts n times as long. Default: 30s.
            base_ejection_time: Duration,
            /// The longest ejection. Default: 300s, or base_ejection_time if that is longer.
            max_ejection_time: Duration,
            /// A random time up to this is added to an ejection. Default: 0s.
            max_ejection_time_jitter: Duration,
            /// Percentage of the endpoints that may be ejected at a time. Unlike Envoy's, one may always go while
            /// min_healthy stay, unless it is 0, which ejects nobody. Default: 10.
            max_ejection_percent: Percent,
            /// So many endpoints are never ejected. Default: 1.
            min_healthy: u64,
            /// Endpoints with enough attempts, below which success rates are not compared, 1 to 100000. Default: 5.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100_000)))]
            success_rate_minimum_hosts: u64,
            /// Attempts in the interval that make an endpoint count, 1 to 1000000. Default: 100.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            success_rate_request_volume: u64,
            /// Thousandths of a standard deviation below the mean that eject, 0 to 100000. Default: 1900.
            #[cfg_attr(feature = "schema", schemars(range(max = 100_000)))]
            success_rate_stdev_factor: u64,
            /// Percentage of these verdicts that is carried out; 0: off. Default: 100.
            enforcing_success_rate: Percent,
            /// Percentage of failed attempts that ejects. Default: 85.
            failure_percentage_threshold: Percent,
            /// Endpoints with enough attempts, below which nobody is ejected, 1 to 100000. Default: 5.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100_000)))]
            failure_percentage_minimum_hosts: u64,
            /// Attempts in the interval that make an endpoint count, 1 to 1000000. Default: 50.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            failure_percentage_request_volume: u64,
            /// Percentage of these verdicts that is carried out; 0: off. Default: 0.
            enforcing_failure_percentage: Percent,
            /// Ejects an endpoint that is slower than the others. Default: off.
            latency: Latency,
            /// Ejects an endpoint that answers nothing, before its requests end. Default: off.
            stall: Stall,
            /// How an endpoint comes back when its time is over.
            readmission: Readmission,
            /// Active health checks that the router sends. Default: none.
            heartbeat: Heartbeat,
            /// Attempts that a request has, for the reliability (1 - failure rate) ^ attempts, 1 to 100. Default: 2.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
            attempts: u64,
        }
    }
}

section! {
    /// A response header by which an endpoint takes itself out of rotation.
    Signal {
        required {}
        optional {
            /// Its name, in lower case. Default: x-envoy-immediate-health-check-fail.
            header: String,
            /// What it does. Default: eject.
            action: SignalAction,
        }
    }
}

words! {
    /// What a signal does.
    SignalAction {
        /// Ejects at once, like any failure that ejects.
        Eject = "eject",
        /// It is draining: ejected for base_ejection_time, and the next ejection is no longer for it.
        Drain = "drain",
        /// Nothing.
        Ignore = "ignore",
    }
}

section! {
    /// An endpoint is ejected if its latency quantile is above the floor and so many times the median of all endpoints'. Time to
    /// the first byte, from the end of the request on; streaming answers are left out.
    Latency {
        required {}
        optional {
            /// The quantile, 1 to 99. Default: 90.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 99)))]
            quantile: u64,
            /// How many times the median, more than 1 to 1000. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(max = 1000), extend("exclusiveMinimum" = 1)))]
            factor: f64,
            /// Below this nobody is too slow. Default: 100ms.
            floor: Duration,
            /// Endpoints with enough answers, below which nobody is ejected, 2 to 100000. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 100_000)))]
            minimum_hosts: u64,
            /// Answers in the interval that make an endpoint count, 1 to 1000000. Default: 20.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            request_volume: u64,
            /// Percentage of the verdicts that is carried out. Default: 100.
            enforcing: Percent,
        }
    }
}

section! {
    /// An endpoint is ejected if so many of its requests in one worker have waited so long, and none was answered since. Requests that ask
    /// for event streams are left out.
    Stall {
        required {}
        optional {
            /// How long without response headers, from the end of the request on. Must be longer than any long poll, or silence at the
            /// beginning of a gRPC server stream: those cannot be told from a stall. Default: 5s.
            limit: Duration,
            /// How many requests, 1 to 1000. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
            requests: u64,
            /// Percentage of the verdicts that is carried out. Default: 100.
            enforcing: Percent,
        }
    }
}

section! {
    /// How an endpoint comes back when its time is over.
    Readmission {
        required {}
        optional {
            /// `probing`: after half-open trials, some real requests that it has answered; `after_time`: with all its traffic, as Envoy does.
            /// Default: probing.
            policy: ReadmissionPolicy,
            /// Half-open trials of it at a time, in all workers together, 1 to 100 (probing). Default: 1.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
            concurrency: u64,
            /// Consecutive successes that readmit it, 1 to 1000 (probing). Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
            successes: u64,
        }
    }
}

words! {
    /// How an endpoint comes back.
    ReadmissionPolicy {
        /// After half-open trials: some real requests that it has answered.
        Probing = "probing",
        /// With all its traffic.
        AfterTime = "after_time",
    }
}

section! {
    /// Active health checks that router.wasm sends to single endpoints, through the cluster, from one worker.
    Heartbeat {
        required {}
        optional {
            /// The path to ask for by GET. Either this or grpc_health_check.
            path: String,
            /// Whether it serves is asked by gRPC: grpc.health.v1.Health/Check.
            grpc_health_check: GrpcHealthCheck,
            /// Statuses of a healthy answer to path: "200" or "200-299". Default: ["200-299"].
            expected_statuses: Vec<Statuses>,
            /// The :authority. Default: the cluster's name.
            host: String,
            /// Headers of every heartbeat, names in lower case, 16 at most. Default: none.
            headers: Headers,
            /// The port to ask at, if it is not the one that requests go to. Needs cluster.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65535)))]
            port: u64,
            /// The Envoy cluster by which port is reached: of type ORIGINAL_DST with use_http_header, it goes to the address that
            /// x-envoy-original-dst-host names.
            cluster: String,
            /// Time between two heartbeats of an endpoint, 100ms or more. Default: 5s.
            interval: Duration,
            /// How long an answer may take, at most the interval. Default: 1s.
            timeout: Duration,
            /// Consecutive successes that readmit an ejected endpoint at once, 1 to 255. Default: 2.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 255)))]
            healthy_threshold: u64,
            /// Consecutive failures that eject a healthy endpoint, 1 to 255. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 255)))]
            unhealthy_threshold: u64,
            /// `ejected`: of endpoints that are ejected; `all`: of the healthy ones, too. Default: ejected.
            watch: Watch,
        }
    }
}

section! {
    /// The question of gRPC's own health checks. The cluster must speak HTTP/2.
    GrpcHealthCheck {
        required {}
        optional {
            /// The service that is asked about, 127 characters at most. Default: empty, which is the whole server.
            service_name: String,
        }
    }
}

words! {
    /// Which endpoints get heartbeats.
    Watch {
        /// Those that are ejected.
        Ejected = "ejected",
        /// All.
        All = "all",
    }
}

/// A status or a range of them.
#[derive(Clone, Debug)]
pub(crate) struct Statuses(pub(crate) RangeInclusive<u16>);

impl Read for Statuses {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<u16>().ok();
        let range = match value {
            Value::String(text) => match text.split_once('-') {
                Some((low, high)) => number(low).zip(number(high)),
                None => number(text).map(|status| (status, status)),
            },
            other => {
                whole(other).and_then(|status| u16::try_from(status).ok()).map(|status| (status, status))
            }
        };
        match range.filter(|(low, high)| (100..=599).contains(low) && (*low..=599).contains(high)) {
            Some((low, high)) => Some(Self(low..=high)),
            None => expected("a status; write \"503\" or \"500-599\", from 100 to 599", value, at, errors),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Statuses {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"oneOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$", "examples": ["500-599"]}
        ]})
    }
}
