//! What a filter may ask of its host: one narrow trait per need, so that a signature says what code touches.

use crate::{HeaderMap, HostError};
use core::time::Duration;
use switchyard_core::Timestamp;

/// The request's headers; only while the request is on its way in.
pub trait RequestHeaders {
    /// The whole map in one host call: cheaper than two single reads.
    fn request_headers(&self) -> Result<HeaderMap, HostError>;

    /// Replaces every copy of the header, or adds it.
    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes every copy of the header.
    fn remove_request_header(&self, name: &str) -> Result<(), HostError>;
}

/// The response's headers; only while the response is on its way out.
pub trait ResponseHeaders {
    /// The whole map in one host call.
    fn response_headers(&self) -> Result<HeaderMap, HostError>;

    /// The response's trailers; only in their own callback.
    fn response_trailers(&self) -> Result<HeaderMap, HostError>;

    /// Adds a header beside those of the same name (`set-cookie` may stand more than once).
    fn add_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Replaces every copy of the header, or adds it.
    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;
}

/// Attributes of the stream, such as `["source", "address"]`.
pub trait Properties {
    /// The property's bytes; `None` if the host has no such property now.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
}

/// The host's clock.
pub trait Clock {
    /// Wall time in nanoseconds; may step back.
    fn now(&self) -> Result<Timestamp, HostError>;
}

/// The number that a host gives a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetricId(pub u32);

/// Counters and gauges of the host.
pub trait MetricSink {
    /// The id of the counter `name`; defined anew on every call, so ask once per VM.
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError>;

    /// The id of the gauge `name`.
    fn define_gauge(&self, name: &str) -> Result<MetricId, HostError>;

    /// Adds `by` (more than 0) to a counter.
    fn increment(&self, id: MetricId, by: u64) -> Result<(), HostError>;

    /// Sets a gauge. Gauges are shared by all workers: only for values that all of them agree on.
    fn record(&self, id: MetricId, value: u64) -> Result<(), HostError>;
}

/// The configuration that the operator gave this plugin.
pub trait PluginConfiguration {
    /// Its bytes; empty if there is none.
    fn plugin_configuration(&self) -> Result<Vec<u8>, HostError>;
}

/// A value of shared data and the number that tells whether somebody else has written since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The value.
    pub value: Vec<u8>,
    /// Its compare-and-swap number; never 0.
    pub cas: u32,
}

/// Values that all VMs with the same vm_id share, in all workers. There is no way to remove a key.
pub trait SharedData {
    /// The value of `key`; `None` if nobody has written it.
    fn shared_data(&self, key: &str) -> Result<Option<Shared>, HostError>;

    /// Writes the value of `key` whatever it is. Two writers that both found nothing overwrite each other.
    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), HostError>;

    /// Writes the value of `key` if it is still the one read with this `cas`; `false` if it is not.
    /// On a key that nobody has written the host checks nothing.
    fn swap_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, HostError>;
}

/// HTTP requests of the filter's own.
pub trait HttpCalls {
    /// Sends a request without a body to a cluster; the answer is not waited for. An unknown cluster is
    /// `BadArgument`, one without endpoints `InternalFailure`.
    fn dispatch(&self, cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<(), HostError>;
}

/// The root context's timer.
pub trait Ticks {
    /// Asks for a tick every `period` (whole milliseconds); zero stops them.
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError>;
}
