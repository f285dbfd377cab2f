//! Names of the release before: what a metric shows under its name it shows under its former name, too, for this one release, so that
//! nobody's dashboards go blank with an update.
//!
//! Invariant: it costs nothing on the way of a request: what is owed to a former name gathers in the VM, and the name is defined and written
//! when the registry tells, on the tick. Trade-off: Envoy keeps twice the series for a release.
//! To be deleted in the next one: this file, what calls it in `metrics/mod.rs`, and `was` in the catalogue.

use super::catalogue::Kind;
use core::cell::{Cell, RefCell};
use switchyard_host::{HostError, MetricId, MetricSink};

/// The most values of a histogram that wait for the tick; what comes beyond is missed in a graph.
const MOST_OWED: usize = 1024;

/// A series under its former name.
pub(super) struct Former {
    name: String,
    kind: Kind,
    id: Cell<Option<MetricId>>,
    owed: RefCell<Vec<u64>>,
}

impl Former {
    pub(super) fn new(name: String, kind: Kind) -> Self {
        Self { name, kind, id: Cell::default(), owed: RefCell::default() }
    }

    /// This is to be written: so much more of a counter, where a gauge stands now, another value of a histogram.
    pub(super) fn owe(&self, value: u64) {
        let mut owed = self.owed.borrow_mut();
        let is_full = owed.len() >= MOST_OWED;
        match (self.kind, owed.first_mut()) {
            (Kind::Counter, Some(sum)) => *sum = sum.saturating_add(value),
            (Kind::Gauge, Some(last)) => *last = value,
            _ if !is_full => owed.push(value),
            _ => {}
        }
    }

    /// Writes what is owed; what the host does not take is owed on.
    pub(super) fn pay(&self, sink: &impl MetricSink) {
        if self.owed.borrow().is_empty() {
            return;
        }
        let Some(id) = self.id.get().or_else(|| self.define(sink).ok()) else { return };
        self.id.set(Some(id));
        self.owed.borrow_mut().retain(|value| {
            let written = match self.kind {
                Kind::Counter => sink.increment(id, *value),
                Kind::Gauge | Kind::Histogram => sink.record(id, *value),
            };
            written.is_err()
        });
    }

    fn define(&self, sink: &impl MetricSink) -> Result<MetricId, HostError> {
        match self.kind {
            Kind::Counter => sink.define_counter(&self.name),
            Kind::Gauge => sink.define_gauge(&self.name),
            Kind::Histogram => sink.define_histogram(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::Status;
    use switchyard_host::fake::FakeHost;

    #[test]
    fn what_is_owed_is_written_once_and_what_was_not_taken_with_the_next() {
        let (former, host) = (Former::new("a".to_owned(), Kind::Counter), FakeHost::default());
        former.pay(&host);
        assert_eq!(host.calls("proxy_define_metric"), 0, "nothing is owed");
        former.owe(2);
        former.owe(3);
        host.fail("proxy_increment_metric", Status::InternalFailure);
        former.pay(&host);
        assert_eq!(host.counter("a"), 0);
        host.recover("proxy_increment_metric");
        former.owe(1);
        for _ in 0..2 {
            former.pay(&host);
        }
        assert_eq!((host.counter("a"), host.calls("proxy_define_metric")), (6, 1));
    }

    #[test]
    fn a_gauge_is_where_it_stands_and_a_histogram_has_every_value_within_the_bound() {
        let host = FakeHost::default();
        let (gauge, values) =
            (Former::new("g".to_owned(), Kind::Gauge), Former::new("h".to_owned(), Kind::Histogram));
        [7, 4].iter().for_each(|value| gauge.owe(*value));
        gauge.pay(&host);
        assert_eq!(host.counter("g"), 4);
        (0..2 * MOST_OWED as u64).for_each(|value| values.owe(value));
        let before = host.calls("proxy_record_metric");
        values.pay(&host);
        assert_eq!(host.calls("proxy_record_metric") - before, MOST_OWED as u64);
    }
}
