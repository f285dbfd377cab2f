//! What a filter may ask of its host: one narrow trait per need, so that a signature says what code touches.

use crate::{HeaderMap, HostError};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::decisions::Note;
use switchyard_core::local_reply::LocalReply;

/// The request's headers; only while the request is on its way in.
pub trait RequestHeaders {
    /// The whole map in one host call: cheaper than two single reads.
    fn request_headers(&self) -> Result<HeaderMap, HostError>;

    /// Replaces every copy of the header, or adds it.
    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes every copy of the header.
    fn remove_request_header(&self, name: &str) -> Result<(), HostError>;

    /// Replaces the whole map in one host call: cheaper than three single writes.
    fn set_request_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError>;
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

    /// Removes every copy of the header.
    fn remove_response_header(&self, name: &str) -> Result<(), HostError>;

    /// Removes every copy of the trailer; only in the trailers' own callback.
    fn remove_response_trailer(&self, name: &str) -> Result<(), HostError>;

    /// Replaces the whole map, `:status` included, of a response that passes or is held back.
    fn set_response_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError>;

    /// Replaces all trailers, of a response that has some.
    fn set_response_trailers(&self, trailers: &[(&[u8], &[u8])]) -> Result<(), HostError>;
}

/// Bodies: the piece that is passing, in its own callback, or what was held back of it.
pub trait Bodies {
    /// What is there of the request's body from `start` on, in bytes, `length` of them at most.
    fn request_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError>;

    /// What is there of the response's body from `start` on, in bytes, `length` of them at most.
    fn response_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError>;

    /// Replaces what is there of the response's body.
    fn set_response_body(&self, body: &[u8]) -> Result<(), HostError>;

    /// What is there of the request's body, `length` bytes at most.
    fn request_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.request_body_at(0, length)
    }

    /// What is there of the response's body, `length` bytes at most.
    fn response_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.response_body_at(0, length)
    }
}

/// Answers in the endpoint's place, and the going on of messages that were held back.
pub trait Replies {
    /// Ends the stream with this answer, after the present callback. On a gRPC stream the body becomes `grpc-message`. `what` it is
    /// becomes Envoy's response code details.
    fn send_response(
        &self,
        what: LocalReply,
        status: u16,
        headers: &[(&[u8], &[u8])],
        body: &[u8],
    ) -> Result<(), HostError> {
        self.send_written(what, status, &HeaderMap::encode(headers), body)
    }

    /// The same with headers that [`HeaderMap::encode`] has written: many streams may get the same.
    fn send_written(
        &self,
        what: LocalReply,
        status: u16,
        headers: &[u8],
        body: &[u8],
    ) -> Result<(), HostError>;

    /// Lets a response go on that was held back.
    fn resume_response(&self) -> Result<(), HostError>;

    /// Lets a request go on that was held back.
    fn resume_request(&self) -> Result<(), HostError>;
}

/// Queues that all VMs with the same vm_id can write to; each wakes the root that registered it last.
pub trait Queues {
    /// The id of the queue of this name, whose messages come to this root from now on. The same name has the same id.
    fn register_queue(&self, name: &str) -> Result<u32, HostError>;

    /// Puts a message into a queue, in order; `NotFound` if there is none.
    fn enqueue(&self, queue: u32, message: &[u8]) -> Result<(), HostError>;

    /// Takes the oldest message; `None` if there is none.
    fn dequeue(&self, queue: u32) -> Result<Option<Vec<u8>>, HostError>;
}

/// Other streams of this VM, from a callback of the root.
pub trait Contexts {
    /// All calls until the end of this callback, or the next of these, are made in the name of `context`. `BadArgument` if
    /// there is none any more.
    fn enter(&self, context: u32) -> Result<(), HostError>;
}

/// Attributes of the stream, such as `["source", "address"]`.
pub trait Properties {
    /// The property's bytes; `None` if the host has no such property now.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;

    /// Gives the stream a property of its own, which filters in other VMs can read.
    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), HostError>;
}

/// Who is told what was decided for a request, if the configuration asks for that.
pub trait Decisions {
    /// Something about the request of this context, which may be another than that in whose name calls are made. It is made only if
    /// somebody is to hear it.
    fn note<'a>(&self, _context: u32, _note: impl FnOnce() -> Note<'a>) {}
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

    /// The id of the histogram `name`.
    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError>;

    /// Adds a value to a histogram, or sets a gauge. Gauges are shared by all workers: only for values that all of them agree on.
    fn record(&self, id: MetricId, value: u64) -> Result<(), HostError>;

    /// What a counter or gauge stands at, over all workers; a histogram has no such number.
    fn metric_value(&self, id: MetricId) -> Result<u64, HostError>;
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
    /// Sends a request; the call's number, with which the answer comes. A call is answered once, unless the context that made it ends first;
    /// when it is refused here, it is never answered. An unknown cluster is `BadArgument`, one without endpoints `InternalFailure`.
    fn call(&self, request: &Call<'_>) -> Result<u32, HostError>;
}

/// A request of the filter's own.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// To which cluster.
    pub cluster: &'a str,
    /// Its headers, pseudo-headers first.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body, if it has one.
    pub body: Option<&'a [u8]>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// The answer to a call; only in its own callback.
pub trait CallAnswers {
    /// Its headers; empty if there was no answer.
    fn call_headers(&self) -> Result<HeaderMap, HostError>;

    /// Its body, `length` bytes at most.
    fn call_body(&self, length: usize) -> Result<Vec<u8>, HostError>;

    /// Its trailers.
    fn call_trailers(&self) -> Result<HeaderMap, HostError>;
}

/// The root context's timer.
pub trait Ticks {
    /// Asks for a tick every `period` (whole milliseconds); zero stops them.
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError>;
}

/// All of them at once: what a filter is handed in every callback. What is inside it takes narrower ones.
pub trait Host:
    RequestHeaders
    + ResponseHeaders
    + Bodies
    + Replies
    + Queues
    + Contexts
    + Properties
    + Decisions
    + Clock
    + MetricSink
    + PluginConfiguration
    + SharedData
    + HttpCalls
    + CallAnswers
    + Ticks
{
}

impl<
    T: RequestHeaders
        + ResponseHeaders
        + Bodies
        + Replies
        + Queues
        + Contexts
        + Properties
        + Decisions
        + Clock
        + MetricSink
        + PluginConfiguration
        + SharedData
        + HttpCalls
        + CallAnswers
        + Ticks,
> Host for T
{
}
