//! What retry.wasm counts, and says of a request in its log. What each metric says is in the catalogue, and in docs/metrics.md.

use crate::plan::{Route, Upstream};
use core::time::Duration;
use switchyard_core::decisions::Retried;
use switchyard_core::retry::exchanges::{Event, Policy};
use switchyard_core::retry::{Denied, Reason, Substitute};
use switchyard_frame::metrics::catalogue::{
    ATTEMPTS, DEADLINES_EXCEEDED, FALLBACK_ANSWERS, HEDGES, HEDGES_WON, Metric, RETRIES, RETRIES_DENIED,
    RETRY_BACK_OFF, RETRY_BUDGET_BALANCE, RETRY_WATCHDOG, SHADOW_RETRIES,
};
use switchyard_frame::metrics::{Counter, Registry};
use switchyard_host::MetricSink;

/// Counts for requests of one route.
pub(crate) struct Report<'a, H> {
    registry: &'a Registry,
    host: &'a H,
    route: &'a str,
}

/// Counts for this route.
pub(crate) fn of<'a, H: MetricSink>(registry: &'a Registry, route: &'a Route, host: &'a H) -> Report<'a, H> {
    Report { registry, host, route: &route.name }
}

impl<H: MetricSink> Report<'_, H> {
    /// Something that has happened to a request under this policy.
    pub(crate) fn event(&self, event: Event, policy: &Policy) {
        match event {
            Event::Attempt => self.attempts(1),
            Event::Retry(reason, wait) => self.retry(reason, wait, policy.settings().shadow),
            Event::Denied(denied) => self.denied(denied),
            Event::Hedge => self.add(&HEDGES, [self.route], 1),
            Event::HedgeWon => self.add(&HEDGES_WON, [self.route], 1),
            Event::Substitute(substitute) => self.substitute(substitute),
            Event::DeadlineExceeded => self.add(&DEADLINES_EXCEEDED, [self.route], 1),
            Event::Watchdog => self.add(&RETRY_WATCHDOG, [self.route], 1),
        }
    }

    fn add<const N: usize>(&self, metric: &Metric<Counter, N>, values: [&str; N], by: u64) {
        self.registry.counter(self.host, metric, values).add(by);
    }

    /// Attempts that have been made, the first ones included.
    pub(crate) fn attempts(&self, count: u32) {
        self.add(&ATTEMPTS, [self.route], u64::from(count));
    }

    /// A retry was decided on, and this is its wait. In shadow mode it is only counted.
    fn retry(&self, reason: Reason, wait: Duration, shadow: bool) {
        let metric = if shadow { &SHADOW_RETRIES } else { &RETRIES };
        self.add(metric, [self.route, reason.name()], 1);
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if millis > 0 && !shadow {
            self.add(&RETRY_BACK_OFF, [self.route], millis);
        }
    }

    /// Retries that Envoy made; it does not say why.
    pub(crate) fn envoys_retries(&self, count: u32) {
        self.add(&RETRIES, [self.route, "envoy"], u64::from(count));
    }

    /// A request gets no further attempt.
    pub(crate) fn denied(&self, denied: Denied) {
        self.add(&RETRIES_DENIED, [self.route, name(denied)], 1);
    }

    /// A client got a substitute.
    fn substitute(&self, substitute: Substitute) {
        let name = match substitute {
            Substitute::Upstream(..) => "upstream",
            Substitute::Stale => "stale",
            Substitute::Answer => "answer",
        };
        self.add(&FALLBACK_ANSWERS, [self.route, name], 1);
    }
}

/// The label of a denial.
pub(crate) fn name(denied: Denied) -> &'static str {
    match denied {
        Denied::Budget => "budget",
        Denied::Concurrency => "concurrency",
        Denied::Deadline => "deadline",
        Denied::BodySize => "body_size",
        Denied::Memory => "memory",
        Denied::NotIdempotent => "not_idempotent",
        Denied::RetryAfter => "retry_after",
        Denied::Exhausted => "num_retries",
        Denied::NoEndpoint => "no_endpoint",
        Denied::Answer => "answer",
    }
}

/// What is said of a request to which this has happened, if that is not said elsewhere.
pub(crate) fn told(event: Event) -> Option<Retried<'static>> {
    Some(match event {
        // Where it went is said when it is sent; Envoy's own is in Envoy's log.
        Event::Attempt | Event::HedgeWon => return None,
        Event::Retry(reason, wait) => Retried::Decided(reason.name(), wait),
        Event::Denied(denied) => Retried::Denied(name(denied)),
        Event::Hedge => Retried::Hedged,
        Event::Substitute(substitute) => Retried::Fallback(substitute.name()),
        Event::DeadlineExceeded => Retried::DeadlineExceeded,
        Event::Watchdog => Retried::Denied("watchdog"),
    })
}

/// What is left of every budget, as gauges that all workers agree on.
pub(crate) fn balance(registry: &Registry, host: &impl MetricSink, labels: [&str; 2], left: i64) {
    registry.set_gauge(host, &RETRY_BUDGET_BALANCE, labels, u64::try_from(left).unwrap_or(0));
}

/// The labels of a route's budget.
pub(crate) fn of_route(route: &Route) -> [&str; 2] {
    [&route.name, ""]
}

/// The labels of an upstream's budget.
pub(crate) fn of_upstream(upstream: &Upstream) -> [&str; 2] {
    ["", &upstream.name]
}
