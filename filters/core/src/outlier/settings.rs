//! What an operator may set about ejection; plain values, validated by the configuration.
//!
//! Where Envoy's `OutlierDetection` has a setting, it has the same name and default here.

use super::heartbeat::Heartbeat;
use core::ops::RangeInclusive;
use core::time::Duration;

/// Everything about ejection in one upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Judge, count and log, and change nothing.
    pub shadow: bool,
    /// What counts against an endpoint.
    pub failure: FailurePolicy,
    /// Consecutive failures.
    pub consecutive: ConsecutivePolicy,
    /// The length of the window over which shares and latencies are looked at.
    pub interval: Duration,
    /// Success far below that of the others.
    pub success_rate: SuccessRatePolicy,
    /// Too great a share of failures.
    pub failure_percentage: FailurePercentagePolicy,
    /// Latency far above that of the others.
    pub latency: Option<LatencyPolicy>,
    /// Attempts that get no answer at all.
    pub stall: Option<StallPolicy>,
    /// How long and how many.
    pub ejection: EjectionPolicy,
    /// How an endpoint comes back.
    pub readmission: Readmission,
    /// Active health checks sent by the router.
    pub heartbeat: Option<Heartbeat>,
    /// Attempts that a request has, for the reliability `(1 - λ)^N`.
    pub attempts: u32,
}

/// What of an answer counts against the endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct FailurePolicy {
    /// Statuses of an endpoint's error; gRPC statuses are mapped to HTTP first, as Envoy does.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// gRPC statuses that count, if not those that map to one of `statuses`.
    pub grpc_statuses: Option<Vec<u8>>,
    /// A 429 or 503 with `retry-after` says "too much", not "broken": it counts neither way.
    pub retry_after_is_overload: bool,
    /// A complete answer whose first byte took at least this long, from the end of the request on, is a failure.
    pub slow_threshold: Option<Duration>,
    /// A response header by which an endpoint takes itself out of rotation.
    pub signal: Option<Signal>,
    /// Local origin failures have a counter of their own and do not count as 5xx.
    pub split_external_local_origin_errors: bool,
}

/// A response header by which an endpoint takes itself out of rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name, in lower case.
    pub header: Box<str>,
    /// It is draining: the next ejection is no longer for it.
    pub drain: bool,
}

/// A count that ejects, and how often it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Consecutive failures; 0 switches the detector off.
    pub count: u16,
    /// Percentage of the cases in which the verdict is carried out.
    pub enforcing: u8,
}

/// The detectors that count consecutive failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsecutivePolicy {
    /// Any failure.
    pub any_5xx: Threshold,
    /// 502, 503, 504.
    pub gateway_failure: Threshold,
    /// No answer at all: connect failure, reset, timeout.
    pub local_origin_failure: Threshold,
}

/// Envoy's success rate detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SuccessRatePolicy {
    /// Endpoints with enough attempts, below which nothing is judged.
    pub minimum_hosts: usize,
    /// Attempts in the window that make an endpoint count.
    pub request_volume: u64,
    /// How many standard deviations below the mean is an outlier, in thousandths.
    pub stdev_factor: u32,
    /// Percentage of verdicts carried out; 0 switches it off.
    pub enforcing: u8,
}

/// Envoy's failure percentage detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePercentagePolicy {
    /// The percentage of failures that ejects.
    pub threshold: u8,
    /// Endpoints with enough attempts, below which nothing is judged.
    pub minimum_hosts: usize,
    /// Attempts in the window that make an endpoint count.
    pub request_volume: u64,
    /// Percentage of verdicts carried out; 0 switches it off.
    pub enforcing: u8,
}

/// The latency detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyPolicy {
    /// The quantile compared, 1..=99.
    pub quantile: u8,
    /// How many times the median of the cluster is an outlier; more than 1.
    pub factor: f64,
    /// Below this no latency is an outlier.
    pub floor: Duration,
    /// Endpoints with enough answers, below which nothing is judged.
    pub minimum_hosts: usize,
    /// Answers in the window that make an endpoint count.
    pub request_volume: u64,
    /// Percentage of verdicts carried out.
    pub enforcing: u8,
}

/// The stall detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StallPolicy {
    /// An attempt without a response header for so long, from the end of its request on, is stalled.
    pub limit: Duration,
    /// So many of them in one worker, with no answer in between, eject.
    pub requests: u32,
    /// Percentage of verdicts carried out.
    pub enforcing: u8,
}

/// For how long and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionPolicy {
    /// The first ejection's length; the n-th lasts n times as long.
    pub base: Duration,
    /// The longest ejection, jitter apart.
    pub max: Duration,
    /// A random time up to this is added.
    pub max_jitter: Duration,
    /// Percentage of the upstream's endpoints that may be ejected; but one may always go, unless it is 0.
    pub max_percent: u8,
    /// So many endpoints always stay, whatever happens.
    pub min_healthy: usize,
}

/// How an endpoint comes back when its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readmission {
    /// With all its traffic, as in Envoy.
    AfterTime,
    /// After half-open trials: some real requests that it has answered.
    HalfOpen {
        /// Requests under way to it at a time, in all workers together.
        concurrency: u8,
        /// Consecutive successes that readmit it.
        successes: u16,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shadow: false,
            failure: FailurePolicy {
                statuses: vec![500..=599],
                grpc_statuses: None,
                retry_after_is_overload: false,
                slow_threshold: None,
                signal: Some(Signal { header: "x-envoy-immediate-health-check-fail".into(), drain: false }),
                split_external_local_origin_errors: false,
            },
            consecutive: ConsecutivePolicy {
                any_5xx: Threshold { count: 5, enforcing: 100 },
                gateway_failure: Threshold { count: 5, enforcing: 0 },
                local_origin_failure: Threshold { count: 5, enforcing: 100 },
            },
            interval: Duration::from_secs(10),
            success_rate: SuccessRatePolicy {
                minimum_hosts: 5,
                request_volume: 100,
                stdev_factor: 1900,
                enforcing: 100,
            },
            failure_percentage: FailurePercentagePolicy {
                threshold: 85,
                minimum_hosts: 5,
                request_volume: 50,
                enforcing: 0,
            },
            latency: None,
            stall: None,
            ejection: EjectionPolicy {
                base: Duration::from_secs(30),
                max: Duration::from_secs(300),
                max_jitter: Duration::ZERO,
                max_percent: 10,
                min_healthy: 1,
            },
            readmission: Readmission::HalfOpen { concurrency: 1, successes: 3 },
            heartbeat: None,
            attempts: 2,
        }
    }
}

impl Default for LatencyPolicy {
    fn default() -> Self {
        Self {
            quantile: 90,
            factor: 3.0,
            floor: Duration::from_millis(100),
            minimum_hosts: 3,
            request_volume: 20,
            enforcing: 100,
        }
    }
}

impl Default for StallPolicy {
    fn default() -> Self {
        Self { limit: Duration::from_secs(5), requests: 3, enforcing: 100 }
    }
}
