//! What an operator sees of a document that lives in a store: metrics, and one log line whenever the store begins or ceases to be heard.
//!
//! Only the worker that asks tells, so that gauges have one writer. Invariant: a store that fails every second says so in metrics alone.

use crate::metrics::catalogue::{DOCUMENT_AGE, DOCUMENT_CHANGES, DOCUMENT_ERRORS, DOCUMENT_VERSION, Metric};
use crate::metrics::{Gauge, Registry};
use switchyard_core::Timestamp;
use switchyard_core::discovery::Refusal;
use switchyard_host::MetricSink;

/// Speaks of the document of one filter.
pub(super) struct Report {
    filter: &'static str,
    /// When the store was heard last.
    heard: Option<Timestamp>,
    /// Whether the log says that it is heard; `None`: it says nothing yet.
    told: Option<bool>,
}

impl Report {
    pub(super) fn new(filter: &'static str) -> Self {
        Self { filter, heard: None, told: None }
    }

    /// The store has said what the document is.
    pub(super) fn read(&mut self, now: Timestamp, registry: &Registry, host: &impl MetricSink) {
        self.heard = Some(now);
        self.gauge(&DOCUMENT_AGE, 0, registry, host);
        if self.told.replace(true) == Some(false) {
            log::info!("switchyard.{}: the store of the document is heard again", self.filter);
        }
    }

    /// The store has not; `serves`: a document is in force all the same.
    pub(super) fn refused(
        &mut self,
        why: Refusal,
        serves: bool,
        now: Timestamp,
        registry: &Registry,
        host: &impl MetricSink,
    ) {
        self.error(why.reason().label(), registry, host);
        if let Some(heard) = self.heard {
            self.gauge(&DOCUMENT_AGE, now.since(heard).as_secs(), registry, host);
        }
        if self.told.replace(false) == Some(false) {
            return;
        }
        let meanwhile = match serves {
            true => "The last one stays in force",
            false => "Until there is one requests pass as Envoy's own routes say",
        };
        log::warn!("switchyard.{}: the document could not be read: {why}. {meanwhile}", self.filter);
    }

    /// What the store has is no document.
    pub(super) fn invalid(&self, registry: &Registry, host: &impl MetricSink) {
        self.error("invalid", registry, host);
    }

    /// Another document is in force.
    pub(super) fn changed(&self, version: u64, registry: &Registry, host: &impl MetricSink) {
        self.gauge(&DOCUMENT_VERSION, version, registry, host);
        registry.counter(host, &DOCUMENT_CHANGES, [self.filter]).increment();
        log::info!("switchyard.{}: version {version} of the document is in force", self.filter);
    }

    fn error(&self, reason: &str, registry: &Registry, host: &impl MetricSink) {
        registry.counter(host, &DOCUMENT_ERRORS, [self.filter, reason]).increment();
    }

    fn gauge(&self, metric: &Metric<Gauge, 1>, value: u64, registry: &Registry, host: &impl MetricSink) {
        registry.set_gauge(host, metric, [self.filter], value);
    }
}
