//! Counters and gauges of a filter: named once; counters are counted in the VM, written to the host on the tick. What a VM adds to a
//! gauge of all workers is told so that it is taken off again when the VM dies ([`parts`]).
//!
//! A write to the host is a crossing, and a busy worker would pay it on every request; so counts gather in
//! the VM and one tick writes those that moved. What the last tick did not write is lost if the VM traps:
//! metrics are for graphs, not for accounting.
//!
//! Names carry their labels the way Istio's own do, `switchyard.route=.=api;.;upstream=.=web;.;decisions_total`: the
//! ABI has no labels, and the shipped bootstrap's stats_tags turn these into Prometheus labels. The metric's
//! own name stands last, so that what is left when the labels are cut out has no trailing dot. Which metrics there are says the
//! [`catalogue`], and nobody else.
//!
//! Invariant: a name is defined once per VM (old and new configuration share the VM), and a VM holds at most
//! [`MAX_SERIES`] names: what comes later is counted under no name, each name once, in `switchyard.metrics_dropped_total`, however often it
//! is asked for. As many refused names are remembered as may be defined; those beyond are not counted. A series and its former name
//! (`former`) are one.

pub mod catalogue;
mod former;
pub mod parts;

use catalogue::{Kind, METRICS_DROPPED, Metric};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use former::Former;
use hashbrown::{HashMap, HashSet};
use parts::Parts;
use std::rc::Rc;
use switchyard_core::status::SnapshotWriter;
use switchyard_host::{Clock, MetricId, MetricSink, SharedData};

/// How many series one VM may define: Envoy never frees one.
pub const MAX_SERIES: usize = 4096;

/// The ends of the names under which a histogram's values are told: how many there are, and their sum.
const COUNT: &str = "_count";
const SUM: &str = "_sum";

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
    former: Option<Former>,
}

impl Series {
    /// Writes what has gathered to the host; what it does not take waits for the next time.
    fn write(&self, sink: &impl MetricSink) {
        let pending = self.pending.0.take();
        if pending > 0 && sink.increment(self.id, pending).is_err() {
            self.pending.add(pending);
        } else if let Some(former) = self.former.as_ref().filter(|_| pending > 0) {
            former.owe(pending);
        }
    }
}

/// A gauge, as the kind of a metric: it is set by [`Registry::set_gauge`] and [`Registry::adjust_gauge`].
#[derive(Clone, Copy, Debug)]
pub enum Gauge {}

/// A histogram; every value goes to the host at once, and is added up in the VM, since a filter cannot read a histogram.
#[derive(Clone, Default)]
pub struct Histogram(Option<Rc<Numbered>>);

/// A gauge or a histogram at the host.
struct Numbered {
    id: MetricId,
    former: Option<Former>,
    /// Of a histogram: how many values it has been told, and their sum.
    told: Option<Cell<(u64, u64)>>,
}

impl Numbered {
    fn gauge(id: MetricId) -> Self {
        Self { id, former: None, told: None }
    }

    fn histogram(id: MetricId) -> Self {
        Self { told: Some(Cell::default()), ..Self::gauge(id) }
    }

    /// Whether the host has taken the value.
    fn record(&self, sink: &impl MetricSink, value: u64) -> bool {
        if let Some(former) = &self.former {
            former.owe(value);
        }
        sink.record(self.id, value).is_ok()
    }
}

impl Histogram {
    /// One value more.
    pub fn record(&self, sink: &impl MetricSink, value: u64) {
        if let Some(numbered) = &self.0 {
            // A value that is lost is missed in a graph.
            let _ = numbered.record(sink, value);
            if let Some(told) = &numbered.told {
                let (count, sum) = told.get();
                told.set((count.saturating_add(1), sum.saturating_add(value)));
            }
        }
    }
}

/// A series that is asked for: its metric and the values of its labels, whatever kind it is of.
#[derive(Clone, Copy)]
struct Asked<'a> {
    name: &'a str,
    was: Option<&'a str>,
    labels: &'a [&'a str],
    values: &'a [&'a str],
}

impl<'a> Asked<'a> {
    fn of<K, const N: usize>(metric: &'a Metric<K, N>, values: &'a [&'a str; N]) -> Self {
        Self { name: metric.name, was: metric.was, labels: &metric.labels, values }
    }

    fn under(&self, metric: &str) -> String {
        encoded(metric, self.labels.iter().copied().zip(self.values.iter().copied()))
    }

    fn former(&self, kind: Kind) -> Option<Former> {
        self.was.map(|was| Former::new(self.under(was), kind))
    }
}

/// All counters and gauges of one VM.
#[derive(Default)]
pub struct Registry {
    series: RefCell<HashMap<String, Series>>,
    gauges: RefCell<HashMap<String, Rc<Numbered>>>,
    parts: Parts,
    refused: RefCell<HashSet<Box<str>>>,
    dropped: Counter,
}

impl Registry {
    /// The counter of this metric with these values of its labels; defined at the host the first time. A host that refuses, or a full table,
    /// yields a counter that nobody sees: a metric never stops traffic.
    pub fn counter<const N: usize>(
        &self,
        sink: &impl MetricSink,
        metric: &Metric<Counter, N>,
        values: [&str; N],
    ) -> Counter {
        self.counted(sink, Asked::of(metric, &values))
    }

    fn counted(&self, sink: &impl MetricSink, asked: Asked<'_>) -> Counter {
        let name = asked.under(asked.name);
        let mut series = self.series.borrow_mut();
        if let Some(known) = series.get(&name) {
            return known.pending.clone();
        }
        let full =
            series.len() + self.gauges.borrow().len() >= MAX_SERIES && asked.name != METRICS_DROPPED.name;
        let pending = Counter::default();
        match if full { None } else { sink.define_counter(&name).ok() } {
            Some(id) => {
                let former = asked.former(Kind::Counter);
                series.insert(name, Series { id, pending: pending.clone(), former });
            }
            None => self.refuse(&name),
        }
        pending
    }

    /// Sets this gauge, at once: all workers share it, and a value that waited for a tick could overwrite a newer one of another worker.
    pub fn set_gauge<const N: usize>(
        &self,
        sink: &impl MetricSink,
        metric: &Metric<Gauge, N>,
        values: [&str; N],
        value: u64,
    ) {
        let asked = Asked::of(metric, &values);
        let define = |name: &str| Some(Numbered::gauge(sink.define_gauge(name).ok()?));
        let Some(gauge) = self.numbered(&asked.under(asked.name), || asked.former(Kind::Gauge), define)
        else {
            return;
        };
        // A gauge that could not be written is right again with its next value.
        let _ = gauge.record(sink, value);
        gauge.former.iter().for_each(|former| former.pay(sink));
    }

    /// This VM adds so much more to this gauge, which is a sum over all workers; below zero it takes off. It is told with
    /// [`Registry::tell_gauges`]. Such a gauge has no former name.
    pub fn adjust_gauge<const N: usize>(&self, metric: &Metric<Gauge, N>, values: [&str; N], by: i64) {
        self.parts.adjust(&Asked::of(metric, &values).under(metric.name), by);
    }

    /// Tells what this VM adds to gauges, and sets those to which a VM of the filter has added that is no more; called on ticks.
    pub fn tell_gauges(&self, filter: &str, host: &(impl MetricSink + SharedData + Clock)) {
        let Ok(now) = host.now() else { return };
        self.parts.tell(filter, host, now, |name, value| {
            let define = |name: &str| Some(Numbered::gauge(host.define_gauge(name).ok()?));
            let gauge = self.numbered(name, || None, define);
            // Without room for its series there is nothing to be told.
            gauge.is_none_or(|gauge| gauge.record(host, value))
        });
    }

    /// How soon [`Registry::tell_gauges`] is to be called again, though nothing may have changed; `None`: it need not be.
    pub fn next_look_at_gauges(&self) -> Option<Duration> {
        self.parts.next_look()
    }

    /// This histogram; defined at the host the first time.
    pub fn histogram<const N: usize>(
        &self,
        sink: &impl MetricSink,
        metric: &Metric<Histogram, N>,
        values: [&str; N],
    ) -> Histogram {
        let asked = Asked::of(metric, &values);
        let define = |name: &str| Some(Numbered::histogram(sink.define_histogram(name).ok()?));
        Histogram(self.numbered(&asked.under(asked.name), || asked.former(Kind::Histogram), define))
    }

    /// How much room [`Registry::say`] needs.
    pub fn room(&self) -> usize {
        let of = |name: &String| SnapshotWriter::room_of(name.len());
        let gauges = self.gauges.borrow();
        let numbered = gauges.iter().map(|(name, numbered)| match numbered.told {
            Some(_) => of(name).saturating_add(COUNT.len().max(SUM.len())).saturating_mul(2),
            None => of(name),
        });
        self.series.borrow().keys().map(of).chain(numbered).fold(0, usize::saturating_add)
    }

    /// Says what every counter and gauge stands at, over all workers, and what this VM has told histograms, as far as there is room: with two host calls for
    /// each counter, and one for each gauge. What has gathered of a counter is written first, so whoever looks next finds no less.
    pub fn say(&self, host: &impl MetricSink, into: &mut SnapshotWriter) {
        if !into.says_all() {
            return;
        }
        for (name, series) in self.series.borrow().iter() {
            into.counter(name, || {
                series.write(host);
                let value = host.metric_value(series.id).ok()?;
                // What the host has not taken is this VM's all the same.
                Some(value.saturating_add(series.pending.pending()))
            });
        }
        for (name, numbered) in self.gauges.borrow().iter() {
            if let Some(told) = &numbered.told {
                let (count, sum) = told.get();
                into.amount_of_vm(name, COUNT, count);
                into.amount_of_vm(name, SUM, sum);
            } else {
                into.counter(name, || host.metric_value(numbered.id).ok());
            }
        }
    }

    /// A gauge or a histogram, if there is room for one.
    fn numbered(
        &self,
        name: &str,
        former: impl FnOnce() -> Option<Former>,
        define: impl FnOnce(&str) -> Option<Numbered>,
    ) -> Option<Rc<Numbered>> {
        let mut gauges = self.gauges.borrow_mut();
        if let Some(known) = gauges.get(name) {
            return Some(Rc::clone(known));
        }
        let full = gauges.len() + self.series.borrow().len() >= MAX_SERIES;
        let Some(numbered) = (if full { None } else { define(name) }) else {
            self.refuse(name);
            return None;
        };
        let numbered = Rc::new(Numbered { former: former(), ..numbered });
        gauges.insert(name.to_owned(), Rc::clone(&numbered));
        Some(numbered)
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
            let dropped = self.counter(sink, &METRICS_DROPPED, []);
            dropped.add(self.dropped.0.take());
        }
        for series in self.series.borrow().values() {
            series.write(sink);
            series.former.iter().for_each(|former| former.pay(sink));
        }
        for gauge in self.gauges.borrow().values() {
            gauge.former.iter().for_each(|former| former.pay(sink));
        }
    }
}

/// `switchyard.<labels><metric>`, the labels encoded as Istio does; one without a value is left out.
pub fn series_name(metric: &str, labels: &[(&str, &str)]) -> String {
    encoded(metric, labels.iter().copied())
}

fn encoded<'a>(metric: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut name = String::from("switchyard.");
    for (label, value) in labels.filter(|(_, value)| !value.is_empty()) {
        name.push_str(label);
        name.push_str("=.=");
        name.push_str(value);
        name.push_str(";.;");
    }
    name.push_str(metric);
    name
}

#[cfg(test)]
mod tests;
