//! What an operator sees: a log line per transition, with the evidence, and metrics.
//!
//! Invariant: the number of series is bounded: per endpoint there are figures for the first [`MAX_LABELLED`](crate::vm::MAX_LABELLED) endpoints of
//! a VM, and the rest of the names are upstreams times reasons.

use crate::vm::Here;
use core::fmt::Write as _;
use core::time::Duration;
use switchyard_core::health::Health;
use switchyard_core::outlier::{Counts, Reason, Record, Spared, Transition};
use switchyard_frame::metrics::{Registry, series_name};
use switchyard_host::MetricSink;

/// Speaks of one upstream.
pub(crate) struct Reporter {
    upstream: Box<str>,
    addresses: Vec<Box<str>>,
    shadow: bool,
}

impl Reporter {
    pub(crate) fn new(upstream: Box<str>, addresses: Vec<Box<str>>, shadow: bool) -> Self {
        Self { upstream, addresses, shadow }
    }

    /// `ejected 10.0.0.3:80 of checkout for 30 s: 5 consecutive 5xx, 3rd time`.
    pub(crate) fn transition(
        &self,
        endpoint: usize,
        transition: &Transition,
        ejected: usize,
        registry: &Registry,
        host: &impl MetricSink,
    ) {
        let address = self.addresses.get(endpoint).map_or("", |address| address);
        log::info!("switchyard.outlier: {}", sentence(transition, address, &self.upstream, self.shadow));
        let upstream = ("upstream", &*self.upstream);
        if let Some(verdict) = &transition.verdict {
            if transition.from == Health::HalfOpen {
                self.count("probes", &[upstream, ("result", "failed")], registry, host);
            }
            let metric = if self.shadow { "shadow_ejections" } else { "ejections" };
            self.count(metric, &[upstream, ("reason", verdict.reason.name())], registry, host);
        } else if transition.to == Health::Healthy {
            if transition.from == Health::HalfOpen {
                self.count("probes", &[upstream, ("result", "succeeded")], registry, host);
            }
            self.count("readmissions", &[upstream], registry, host);
        }
        self.active(ejected, registry, host);
    }

    /// How many endpoints are ejected; shadow mode ejects nobody.
    pub(crate) fn active(&self, ejected: usize, registry: &Registry, host: &impl MetricSink) {
        if !self.shadow {
            let name = series_name("ejections_active", &[("upstream", &*self.upstream)]);
            registry.set_gauge(host, &name, ejected as u64);
        }
    }

    /// A verdict that was not carried out.
    pub(crate) fn spared(&self, reason: Reason, why: Spared, registry: &Registry, host: &impl MetricSink) {
        let result = match why {
            Spared::Overflow => "overflow",
            Spared::NotEnforced => "not_enforced",
        };
        let labels = [("upstream", &*self.upstream), ("reason", reason.name()), ("result", result)];
        self.count("ejections_spared", &labels, registry, host);
    }

    /// A heartbeat's result.
    pub(crate) fn heartbeat(&self, healthy: bool, registry: &Registry, host: &impl MetricSink) {
        let result = if healthy { "succeeded" } else { "failed" };
        self.count("heartbeats", &[("upstream", &*self.upstream), ("result", result)], registry, host);
    }

    /// The table could not be written: too many workers wanted to at once, or there is no shared data.
    pub(crate) fn contended(&self, registry: &Registry, host: &impl MetricSink) {
        self.count("ledger_contended", &[("upstream", &*self.upstream)], registry, host);
    }

    fn count(&self, metric: &str, labels: &[(&str, &str)], registry: &Registry, host: &impl MetricSink) {
        registry.counter(host, &series_name(metric, labels)).increment();
    }

    /// An endpoint's figures over the window: attempts T, failures F, λ = F/T and R = (1-λ)^N in parts per million, state
    /// (0 Healthy, 1 Ejected, 2 HalfOpen), times ejected, and the second at which the ejection ends.
    pub(crate) fn figures(
        &self,
        endpoint: usize,
        counts: &Counts,
        record: Option<&Record>,
        attempts: u32,
        vm: &Here,
        host: &impl MetricSink,
    ) {
        let Some(address) = self.addresses.get(endpoint) else { return };
        if !vm.own.reserve_label(&self.upstream, endpoint) {
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
        let labels = [("upstream", &*self.upstream), ("endpoint", &**address)];
        for (metric, value) in [
            ("endpoint_attempts", u64::from(counts.attempts)),
            ("endpoint_failures", u64::from(counts.failures)),
            ("endpoint_failure_rate_ppm", counts.failure_rate_ppm()),
            ("endpoint_reliability_ppm", counts.reliability_ppm(attempts)),
            ("endpoint_state", state),
            ("endpoint_times_ejected", record.map_or(0, |record| u64::from(record.times))),
            ("endpoint_ejected_until_seconds", until),
            (
                "endpoint_ejected_reason",
                record.and_then(|record| record.reason).map_or(0, |reason| reason as u64),
            ),
        ] {
            vm.registry.set_gauge(host, &series_name(metric, &labels), value);
        }
    }
}

/// The log line of a transition.
fn sentence(transition: &Transition, address: &str, upstream: &str, shadow: bool) -> String {
    let mut text = String::new();
    if shadow {
        text.push_str("shadow: would have ");
    }
    match (&transition.verdict, transition.to) {
        (Some(verdict), _) => {
            let _ = write!(text, "ejected {address} of {upstream} for ");
            duration(&mut text, transition.lasts);
            let _ = write!(text, ": {}", verdict.evidence);
            if transition.times > 0 {
                let _ = write!(text, ", {} time", ordinal(transition.times));
            }
        }
        (None, Health::HalfOpen) => {
            let _ = write!(text, "let some requests try {address} of {upstream}");
        }
        (None, _) => {
            let _ = write!(text, "readmitted {address} of {upstream}");
        }
    }
    text
}

/// Writing to a String cannot fail.
fn duration(text: &mut String, lasts: Duration) {
    let _ = match (lasts.as_secs(), lasts.subsec_millis()) {
        (seconds, 0) => write!(text, "{seconds} s"),
        (0, millis) => write!(text, "{millis} ms"),
        (seconds, millis) => write!(text, "{seconds}.{millis:03} s"),
    };
}

fn ordinal(number: u16) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_core::outlier::{EndpointKey, Verdict};

    #[test]
    fn a_transition_is_told_with_its_evidence() {
        let verdict = Verdict::new(Reason::Consecutive5xx, "5 consecutive 5xx".to_owned());
        let mut transition = Transition {
            key: EndpointKey(1),
            from: Health::Healthy,
            to: Health::Ejected,
            verdict: Some(verdict),
            lasts: Duration::from_secs(30),
            times: 3,
        };
        let told = |transition: &Transition, shadow| sentence(transition, "10.0.0.3:80", "checkout", shadow);
        assert_eq!(
            told(&transition, false),
            "ejected 10.0.0.3:80 of checkout for 30 s: 5 consecutive 5xx, 3rd time"
        );
        assert!(told(&transition, true).starts_with("shadow: would have ejected 10.0.0.3:80"));
        (transition.verdict, transition.to) = (None, Health::HalfOpen);
        assert_eq!(told(&transition, false), "let some requests try 10.0.0.3:80 of checkout");
        transition.to = Health::Healthy;
        assert_eq!(told(&transition, false), "readmitted 10.0.0.3:80 of checkout");
    }

    #[test]
    fn numbers_and_durations_read_as_people_write_them() {
        let ordinals: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal).into();
        assert_eq!(ordinals, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]);
        for (millis, shown) in [(30_000, "30 s"), (250, "250 ms"), (1_500, "1.500 s")] {
            let mut text = String::new();
            duration(&mut text, Duration::from_millis(millis));
            assert_eq!(text, shown);
        }
    }
}
