//! What an operator sees of the lists of endpoints: metrics, and one log line whenever a list begins or ceases to be current.
//!
//! Only the worker that asks tells, so that gauges have one writer. Invariant: names are upstreams times reasons or states, which bounds them;
//! a list that changes every second says so in metrics alone.

use switchyard_core::Timestamp;
use switchyard_core::discovery::{List, News, Refusal, Standing, State};
use switchyard_frame::metrics::Registry;
use switchyard_frame::metrics::catalogue::{
    ENDPOINT_LIST_AGE, ENDPOINT_LIST_CHANGES, ENDPOINT_LIST_ERRORS, ENDPOINT_LIST_SKIPPED, ENDPOINTS,
};
use switchyard_host::MetricSink;

/// Speaks of the list of one upstream.
#[derive(Clone)]
pub(super) struct Report {
    upstream: Box<str>,
}

impl Report {
    /// What is said of this upstream.
    pub(super) fn new(upstream: &str) -> Self {
        Self { upstream: upstream.into() }
    }

    /// Tells what an ask has brought.
    pub(super) fn news(
        &self,
        news: &News,
        list: &List,
        now: Timestamp,
        registry: &Registry,
        host: &impl MetricSink,
    ) {
        match news {
            News::Read { changed, .. } => {
                if *changed {
                    registry.counter(host, &ENDPOINT_LIST_CHANGES, [&self.upstream]).increment();
                }
                self.sizes(list, registry, host);
                registry.set_gauge(host, &ENDPOINT_LIST_AGE, [&self.upstream], 0);
            }
            News::Refused { why, .. } => {
                let labels = [&*self.upstream, why.reason().label()];
                registry.counter(host, &ENDPOINT_LIST_ERRORS, labels).increment();
                if list.roster.version > 0 {
                    let age = now.since(list.roster.read_at).as_secs();
                    registry.set_gauge(host, &ENDPOINT_LIST_AGE, [&self.upstream], age);
                }
            }
            News::State { state, why, .. } => self.log(*state, *why, list, now),
        }
    }

    fn sizes(&self, list: &List, registry: &Registry, host: &impl MetricSink) {
        let members = list.roster.members();
        let states = [
            ("healthy", Standing::Healthy),
            ("degraded", Standing::Degraded),
            ("unhealthy", Standing::Unhealthy),
            ("draining", Standing::Draining),
        ];
        for (label, standing) in states {
            let count = members.iter().filter(|member| member.standing == standing).count();
            registry.set_gauge(host, &ENDPOINTS, [&self.upstream, label], count as u64);
        }
        let skipped = u64::from(list.skipped.total());
        registry.set_gauge(host, &ENDPOINT_LIST_SKIPPED, [&self.upstream], skipped);
    }

    fn log(&self, state: State, why: Option<Refusal>, list: &List, now: Timestamp) {
        let (upstream, count) = (&self.upstream, list.roster.members().len());
        let why = why.map(|why| why.to_string()).unwrap_or_default();
        match state {
            State::Current if list.roster.truncated => log::warn!(
                "switchyard.router: the list of endpoints of {upstream} is current, but longer than {count}: the others, by priority and \
                 address, get no requests. Split the cluster"
            ),
            State::Current => log::info!(
                "switchyard.router: the list of endpoints of {upstream} is current: {count} endpoints, and {} entries that are none",
                list.skipped.total()
            ),
            State::Stale { since } => log::warn!(
                "switchyard.router: the list of endpoints of {upstream} could not be read: {why}. The last one stays, of {count} endpoints \
                 and read {} s ago",
                now.since(since).as_secs()
            ),
            State::NeverRead => log::warn!(
                "switchyard.router: there is no list of endpoints of {upstream} yet: {why}. Requests go as the fallback policy of its \
                 cluster sends them"
            ),
        }
    }
}
