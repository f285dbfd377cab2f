//! Counters and gauges of a filter: named once; counters are counted in the VM, written to the host on the tick. What a VM adds to a
//! gauge of all workers is told so that it is taken off again when the VM dies ([`parts`]).
//!
//! A write to the host is a crossing, and a busy worker would pay it on every request; so counts gather in
//! the VM and one tick writes those that moved. What the last tick did not write is lost if the VM traps:
//! metrics are for graphs, not for accounting.
//!
//! Names carry their labels the way Istio's own do, `switchyard.route=.=api;.;upstream=.=web;.;decisions`: the
//! ABI has no labels, and the shipped bootstrap's stats_tags turn these into Prometheus labels. The metric's
//! own name stands last, so that what is left when the labels are cut out has no trailing dot.
//!
//! Invariant: a name is defined once per VM (old and new configuration share the VM), and a VM holds at most
//! [`MAX_SERIES`] names: what comes later is counted under no name, each name once, in `switchyard.metrics_dropped`, however often it is
//! asked for. As many refused names are remembered as may be defined; those beyond are not counted.

pub mod parts;

use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use parts::Parts;
use std::rc::Rc;
use switchyard_host::{Clock, MetricId, MetricSink, SharedData};

/// How many series one VM may define: Envoy never frees one.
pub const MAX_SERIES: usize = 4096;

/// A counter that gathers in the VM.
#[derive(Clone, Debug, Default)]
pub struct Counter(Rc<Cell<u64>>);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `by` more.
    pub fn add(&self, by: u64) {
        self.0.set(self.0.get().saturating_add(by));
    }

    /// What has gathered since the last write.
    pub fn pending(&self) -> u64 {
        self.0.get()
    }
}

struct Series {
    id: MetricId,
    pending: Counter,
}

/// A histogram; every value goes to the host at once.
#[derive(Clone, Copy, Debug)]
pub struct Histogram(Option<MetricId>);

impl Histogram {
    /// One value more.
    pub fn record(self, sink: &impl MetricSink, value: u64) {
        if let Some(id) = self.0 {
            // A value that is lost is missed in a graph.
            let _ = sink.record(id, value);
        }
    }
}

/// All counters and gauges of one VM.
#[derive(Default)]
pub struct Registry {
    series: RefCell<HashMap<String, Series>>,
    gauges: RefCell<HashMap<String, MetricId>>,
    parts: Parts,
    refused: RefCell<HashSet<Box<str>>>,
    dropped: Counter,
}

impl Registry {
    /// The counter of this name; defined at the host the first time. A host that refuses, or a full table,
    /// yields a counter that nobody sees: a metric never stops traffic.
    pub fn counter(&self, sink: &impl MetricSink, name: &str) -> Counter {
        let mut series = self.series.borrow_mut();
        if let Some(known) = series.get(name) {
            return known.pending.clone();
        }
        let full = series.len() + self.gauges.borrow().len() >= MAX_SERIES && name != DROPPED;
        let pending = Counter::default();
        match if full { None } else { sink.define_counter(name).ok() } {
            Some(id) => drop(series.insert(name.to_owned(), Series { id, pending: pending.clone() })),
            None => self.refuse(name),
        }
        pending
    }

    /// Sets the gauge of this name, at once: all workers share it, and a value that waited for a tick could
    /// overwrite a newer one of another worker.
    pub fn set_gauge(&self, sink: &impl MetricSink, name: &str, value: u64) {
        let Some(id) = self.numbered(name, |name| sink.define_gauge(name).ok()) else { return };
        // A gauge that could not be written is right again with its next value.
        let _ = sink.record(id, value);
    }

    /// This VM adds so much more to the gauge of this name, which is a sum over all workers; below zero it takes off. It is told with
    /// [`Registry::tell_gauges`].
    pub fn adjust_gauge(&self, name: &str, by: i64) {
        self.parts.adjust(name, by);
    }

    /// Tells what this VM adds to gauges, and sets those to which a VM of the filter has added that is no more; called on ticks.
    pub fn tell_gauges(&self, filter: &str, host: &(impl MetricSink + SharedData + Clock)) {
        let Ok(now) = host.now() else { return };
        self.parts.tell(filter, host, now, |name, value| {
            let id = self.numbered(name, |name| host.define_gauge(name).ok());
            // Without room for its series there is nothing to be told.
            id.is_none_or(|id| host.record(id, value).is_ok())
        });
    }

    /// How soon [`Registry::tell_gauges`] is to be called again, though nothing may have changed; `None`: it need not be.
    pub fn next_look_at_gauges(&self) -> Option<Duration> {
        self.parts.next_look()
    }

    /// The histogram of this name; defined at the host the first time.
    pub fn histogram(&self, sink: &impl MetricSink, name: &str) -> Histogram {
        Histogram(self.numbered(name, |name| sink.define_histogram(name).ok()))
    }

    /// The id of a gauge or a histogram, if there is room for one.
    fn numbered(&self, name: &str, define: impl FnOnce(&str) -> Option<MetricId>) -> Option<MetricId> {
        let mut gauges = self.gauges.borrow_mut();
        let full = gauges.len() + self.series.borrow().len() >= MAX_SERIES;
        let known = gauges.get(name).copied();
        let id = known.or_else(|| if full { None } else { define(name) });
        match id {
            Some(id) if known.is_none() => drop(gauges.insert(name.to_owned(), id)),
            Some(_) => {}
            None => self.refuse(name),
        }
        id
    }

    /// There is no series of this name, which is counted once.
    fn refuse(&self, name: &str) {
        let mut refused = self.refused.borrow_mut();
        if refused.len() < MAX_SERIES && !refused.contains(name) {
            refused.insert(name.into());
            self.dropped.increment();
        }
    }

    /// Writes what has gathered to the host; called on ticks.
    pub fn flush(&self, sink: &impl MetricSink) {
        if self.dropped.pending() > 0 {
            let dropped = self.counter(sink, DROPPED);
            dropped.add(self.dropped.0.take());
        }
        for series in self.series.borrow().values() {
            let pending = series.pending.0.take();
            if pending > 0 && sink.increment(series.id, pending).is_err() {
                series.pending.add(pending);
            }
        }
    }
}

const DROPPED: &str = "switchyard.metrics_dropped";

/// `switchyard.<labels><metric>`, the labels encoded as Istio does.
pub fn series_name(metric: &str, labels: &[(&str, &str)]) -> String {
    let mut name = String::from("switchyard.");
    for (label, value) in labels {
        name.push_str(label);
        name.push_str("=.=");
        name.push_str(value);
        name.push_str(";.;");
    }
    name.push_str(metric);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_core::Timestamp;
    use switchyard_host::fake::FakeHost;

    #[test]
    fn labels_are_encoded_as_the_shipped_stats_tags_expect() {
        assert_eq!(
            series_name("ejections", &[("upstream", "checkout"), ("reason", "consecutive_5xx")]),
            "switchyard.upstream=.=checkout;.;reason=.=consecutive_5xx;.;ejections"
        );
        assert_eq!(series_name("panics", &[]), "switchyard.panics");
    }

    #[test]
    fn a_name_is_defined_once_and_written_only_when_it_moved() {
        let (registry, host) = (Registry::default(), FakeHost::default());
        let first = registry.counter(&host, "switchyard.a");
        let again = registry.counter(&host, "switchyard.a");
        first.increment();
        again.add(2);
        registry.flush(&host);
        registry.flush(&host);
        assert_eq!(host.counter("switchyard.a"), 3);
        assert_eq!(host.calls("proxy_define_metric"), 1);
        assert_eq!(host.calls("proxy_increment_metric"), 1);
    }

    #[test]
    fn beyond_the_bound_series_are_dropped_and_the_drop_is_counted() {
        let (registry, host) = (Registry::default(), FakeHost::default());
        for series in 0..MAX_SERIES + 5 {
            registry.counter(&host, &format!("switchyard.{series}")).increment();
        }
        registry.flush(&host);
        assert_eq!(host.counter("switchyard.metrics_dropped"), 5);
        assert_eq!(host.counter(&format!("switchyard.{}", MAX_SERIES)), 0);
    }

    #[test]
    fn a_name_that_there_is_no_room_for_is_counted_once_however_often_it_is_told() {
        let (registry, host) = (Registry::default(), FakeHost::default());
        parts::prepare("filter", &host).expect("shared data");
        for series in 0..MAX_SERIES {
            registry.counter(&host, &format!("switchyard.{series}"));
        }
        for tick in 0..10 {
            registry.adjust_gauge("switchyard.held", if tick % 2 == 0 { 1 } else { -1 });
            registry.tell_gauges("filter", &host);
            registry.set_gauge(&host, "switchyard.now", tick);
            registry.histogram(&host, "switchyard.waits").record(&host, tick);
            registry.counter(&host, "switchyard.late").increment();
            host.set_now(Timestamp::from_millis(1_000 * (tick + 1)));
            registry.flush(&host);
        }
        assert_eq!(host.counter("switchyard.metrics_dropped"), 4);
        for series in 0..2 * MAX_SERIES {
            registry.set_gauge(&host, &format!("switchyard.more{series}"), 1);
        }
        registry.flush(&host);
        assert_eq!(
            host.counter("switchyard.metrics_dropped"),
            MAX_SERIES as u64,
            "what is remembered is bounded"
        );
    }
}
