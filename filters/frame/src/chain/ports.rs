//! The ports as a stage's host serves them.

use super::filters::Filters;
use super::host::StageHost;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::chain::Direction;
use switchyard_core::decisions::Note;
use switchyard_core::local_reply::LocalReply;
use switchyard_host::{
    Bodies, Call, CallAnswers, Clock, Contexts, Decisions, HeaderMap, Host, HostError, HttpCalls, MetricId,
    MetricSink, PluginConfiguration, Properties, Queues, Replies, RequestHeaders, ResponseHeaders, Shared,
    SharedData, Ticks,
};

impl<H: Host, T: Filters<N>, const N: usize> RequestHeaders for StageHost<'_, H, T, N> {
    fn request_headers(&self) -> Result<HeaderMap, HostError> {
        let shared = self.with_journey(|journey| journey.edits.headers(self.host));
        shared.unwrap_or_else(|| self.host.request_headers())
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        let gathered = self.with_journey(|journey| journey.edits.set(name, value));
        gathered.map_or_else(|| self.host.set_request_header(name, value), Ok)
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        let gathered = self.with_journey(|journey| journey.edits.remove(name));
        gathered.map_or_else(|| self.host.remove_request_header(name), Ok)
    }

    fn set_request_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        let gathered = self.with_journey(|journey| journey.edits.replace(headers));
        gathered.map_or_else(|| self.host.set_request_headers(headers), Ok)
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Bodies for StageHost<'_, H, T, N> {
    fn request_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        let (begins, size) = self.window(Direction::Request, start.saturating_add(length));
        self.host.request_body_at(begins.saturating_add(start), size.saturating_sub(start))
    }

    fn response_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        let (begins, size) = self.window(Direction::Response, start.saturating_add(length));
        self.host.response_body_at(begins.saturating_add(start), size.saturating_sub(start))
    }

    fn set_response_body(&self, body: &[u8]) -> Result<(), HostError> {
        self.replace(body)
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Replies for StageHost<'_, H, T, N> {
    fn send_written(
        &self,
        what: LocalReply,
        status: u16,
        headers: &[u8],
        body: &[u8],
    ) -> Result<(), HostError> {
        self.reply(|| self.host.send_written(what, status, headers, body))
    }

    fn resume_response(&self) -> Result<(), HostError> {
        self.resume(Direction::Response)
    }

    fn resume_request(&self) -> Result<(), HostError> {
        self.resume(Direction::Request)
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Contexts for StageHost<'_, H, T, N> {
    fn enter(&self, context: u32) -> Result<(), HostError> {
        self.host.enter(context)?;
        self.set_entered(context);
        Ok(())
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Decisions for StageHost<'_, H, T, N> {
    fn note<'a>(&self, context: u32, note: impl FnOnce() -> Note<'a>) {
        self.write_down(context, note);
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Clock for StageHost<'_, H, T, N> {
    fn now(&self) -> Result<Timestamp, HostError> {
        let now =
            if self.desk.ticks.several() { self.journeys().now(self.host)? } else { self.host.now()? };
        self.desk.ticks.set_now(now);
        Ok(now)
    }
}

impl<H: Host, T: Filters<N>, const N: usize> Ticks for StageHost<'_, H, T, N> {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        self.desk.ticks.set(self.stage, period, &self.desk.timer(self.host))
    }
}

impl<H: Host, T: Filters<N>, const N: usize> HttpCalls for StageHost<'_, H, T, N> {
    fn call(&self, request: &Call<'_>) -> Result<u32, HostError> {
        let call = self.host.call(request)?;
        self.desk.calls(call, self.stage);
        Ok(call)
    }
}

/// What passes by the chain.
macro_rules! passes {
    ($($port:ident { $(fn $name:ident($($arg:ident: $of:ty),*) -> $result:ty;)+ })+) => {$(
        impl<H: Host, T: Filters<N>, const N: usize> $port for StageHost<'_, H, T, N> {
            $(fn $name(&self, $($arg: $of),*) -> Result<$result, HostError> {
                self.host.$name($($arg),*)
            })+
        }
    )+};
}

passes! {
    ResponseHeaders {
        fn response_headers() -> HeaderMap;
        fn response_trailers() -> HeaderMap;
        fn add_response_header(name: &str, value: &[u8]) -> ();
        fn set_response_header(name: &str, value: &[u8]) -> ();
        fn remove_response_header(name: &str) -> ();
        fn remove_response_trailer(name: &str) -> ();
        fn set_response_headers(headers: &[(&[u8], &[u8])]) -> ();
        fn set_response_trailers(trailers: &[(&[u8], &[u8])]) -> ();
    }
    Queues {
        fn register_queue(name: &str) -> u32;
        fn enqueue(queue: u32, message: &[u8]) -> ();
        fn dequeue(queue: u32) -> Option<Vec<u8>>;
    }
    Properties {
        fn property(path: &[&str]) -> Option<Vec<u8>>;
        fn set_property(path: &[&str], value: &[u8]) -> ();
    }
    MetricSink {
        fn define_counter(name: &str) -> MetricId;
        fn define_gauge(name: &str) -> MetricId;
        fn increment(id: MetricId, by: u64) -> ();
        fn define_histogram(name: &str) -> MetricId;
        fn record(id: MetricId, value: u64) -> ();
        fn metric_value(id: MetricId) -> u64;
    }
    PluginConfiguration {
        fn plugin_configuration() -> Vec<u8>;
    }
    SharedData {
        fn shared_data(key: &str) -> Option<Shared>;
        fn set_shared_data(key: &str, value: &[u8]) -> ();
        fn swap_shared_data(key: &str, value: &[u8], cas: u32) -> bool;
    }
    CallAnswers {
        fn call_headers() -> HeaderMap;
        fn call_body(length: usize) -> Vec<u8>;
        fn call_trailers() -> HeaderMap;
    }
}
