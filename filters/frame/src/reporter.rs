//! What an operator sees of what becomes of endpoints: a log line per transition, with the evidence, and metrics. Whoever changes the
//! table of states tells it: outlier.wasm, and the router of the heartbeats that it judges itself.
//!
//! Invariant: names are upstreams times reasons, which bounds them, and are the same whoever tells.

use crate::metrics::catalogue::{
    EJECTIONS, EJECTIONS_ACTIVE, EJECTIONS_SPARED, HEARTBEATS, LEDGER_CONTENDED, Metric, PROBES,
    READMISSIONS, SHADOW_EJECTIONS,
};
use crate::metrics::{Counter, Registry};
use crate::shared::status;
use core::fmt::Write as _;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{Effects, Reason, Spared, Transition};
use switchyard_core::status::Told;
use switchyard_host::{MetricSink, SharedData};

/// Speaks of one upstream.
pub struct Reporter {
    filter: &'static str,
    upstream: Box<str>,
    addresses: Vec<Box<str>>,
    shadow: bool,
}

impl Reporter {
    /// What `filter` says of this upstream, whose endpoints have these addresses.
    pub fn new(filter: &'static str, upstream: Box<str>, addresses: Vec<Box<str>>, shadow: bool) -> Self {
        Self { filter, upstream, addresses, shadow }
    }

    /// The upstream's name, and the address of one of its endpoints.
    pub fn names(&self, endpoint: usize) -> Option<(&str, &str)> {
        Some((&self.upstream, self.addresses.get(endpoint)?))
    }

    /// What an event did to an endpoint, now that so many are ejected, at this time.
    pub fn effects(
        &self,
        endpoint: usize,
        effects: &Effects,
        (ejected, now): (usize, Timestamp),
        registry: &Registry,
        host: &(impl MetricSink + SharedData),
    ) {
        if let Some(transition) = &effects.transition {
            self.transition(endpoint, transition, ejected, registry, host);
            if let Some(names) = self.names(endpoint) {
                status::tell(&Told::of(transition, names, self.shadow, now), host);
            }
        }
        if let Some((reason, spared)) = effects.spared {
            self.spared(reason, spared, registry, host);
        }
    }

    /// `ejected 10.0.0.3:80 of checkout for 30 s: 5 consecutive 5xx, 3rd time`.
    fn transition(
        &self,
        endpoint: usize,
        transition: &Transition,
        ejected: usize,
        registry: &Registry,
        host: &impl MetricSink,
    ) {
        let address = self.addresses.get(endpoint).map_or("", |address| address);
        let said = sentence(transition, address, &self.upstream, self.shadow);
        log::info!("switchyard.{}: {said}", self.filter);
        let upstream = &*self.upstream;
        if let Some(verdict) = &transition.verdict {
            if transition.from == Health::HalfOpen {
                count(&PROBES, [upstream, "failed"], registry, host);
            }
            let metric = if self.shadow { &SHADOW_EJECTIONS } else { &EJECTIONS };
            count(metric, [upstream, verdict.reason.name()], registry, host);
        } else if transition.to == Health::Healthy {
            if transition.from == Health::HalfOpen {
                count(&PROBES, [upstream, "succeeded"], registry, host);
            }
            count(&READMISSIONS, [upstream], registry, host);
        }
        self.active(ejected, registry, host);
    }

    /// How many endpoints are ejected; shadow mode ejects nobody.
    pub fn active(&self, ejected: usize, registry: &Registry, host: &impl MetricSink) {
        if !self.shadow {
            registry.set_gauge(host, &EJECTIONS_ACTIVE, [&self.upstream], ejected as u64);
        }
    }

    /// A verdict that was not carried out.
    fn spared(&self, reason: Reason, why: Spared, registry: &Registry, host: &impl MetricSink) {
        let result = match why {
            Spared::Overflow => "overflow",
            Spared::NotEnforced => "not_enforced",
        };
        count(&EJECTIONS_SPARED, [&self.upstream, reason.name(), result], registry, host);
    }

    /// A heartbeat's result.
    pub fn heartbeat(&self, healthy: bool, registry: &Registry, host: &impl MetricSink) {
        let result = if healthy { "succeeded" } else { "failed" };
        count(&HEARTBEATS, [&self.upstream, result], registry, host);
    }

    /// The table could not be written: too many workers wanted to at once, or there is no shared data.
    pub fn contended(&self, registry: &Registry, host: &impl MetricSink) {
        count(&LEDGER_CONTENDED, [&self.upstream], registry, host);
    }
}

fn count<const N: usize>(
    metric: &Metric<Counter, N>,
    values: [&str; N],
    registry: &Registry,
    host: &impl MetricSink,
) {
    registry.counter(host, metric, values).increment();
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
