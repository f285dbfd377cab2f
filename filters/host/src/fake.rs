//! A host that records every call: what native tests of the filters run on.
//!
//! It keeps what a real host would keep (request headers change when they are set) and counts calls by their
//! ABI name, so that a test can assert both the effect and its price.

use crate::{
    Bodies, Call, CallAnswers, Clock, Contexts, HeaderMap, HostError, HttpCalls, MetricId, MetricSink,
    PluginConfiguration, Properties, Queues, Replies, RequestHeaders, ResponseHeaders, Shared, SharedData,
    Status, Ticks,
};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::Timestamp;

/// The shared data and the metrics of a process: hosts made with the same store are its workers.
#[derive(Clone, Debug, Default)]
pub struct SharedStore {
    data: Rc<RefCell<(u32, HashMap<String, Shared>)>>,
    metrics: Rc<RefCell<Vec<(String, u64)>>>,
    queues: Rc<RefCell<Vec<Queue>>>,
}

/// A queue's name and what is in it.
type Queue = (String, VecDeque<Vec<u8>>);

impl SharedStore {
    /// The store of another process for the same VM: no data of this one, but its metrics, which the VM has numbered.
    pub fn beside(&self) -> Self {
        Self { metrics: Rc::clone(&self.metrics), ..Self::default() }
    }

    /// The keys of its shared data that begin so.
    pub fn keys(&self, beginning: &str) -> Vec<String> {
        let data = self.data.borrow();
        data.1.keys().filter(|key| key.starts_with(beginning)).cloned().collect()
    }

    /// Every counter and gauge is 0 again.
    pub fn reset_metrics(&self) {
        self.metrics.borrow_mut().iter_mut().for_each(|(_, value)| *value = 0);
    }
}

/// A request that a filter sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// To which cluster.
    pub cluster: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A request that a filter sent and whose answer it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The call's number.
    pub number: u32,
    /// In whose name it was made.
    pub context: u32,
    /// The request.
    pub request: Dispatched,
    /// Its body, if it had one.
    pub body: Option<Vec<u8>>,
}

/// What a filter did to a stream that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was answered.
    Answered {
        /// Which stream.
        context: u32,
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Its response went on.
    Resumed {
        /// Which stream.
        context: u32,
    },
    /// Its request went on.
    WentOn {
        /// Which stream.
        context: u32,
    },
}

/// The state behind the fake; shared by reference, as the real host is by its functions.
#[derive(Debug, Default)]
pub struct FakeHost {
    request_headers: RefCell<Vec<(String, Vec<u8>)>>,
    response_headers: RefCell<Vec<(String, Vec<u8>)>>,
    response_trailers: RefCell<Vec<(String, Vec<u8>)>>,
    request_body: RefCell<Vec<u8>>,
    response_body: RefCell<Vec<u8>>,
    call_answer: RefCell<CallAnswer>,
    shared: SharedStore,
    dispatched: RefCell<Vec<Dispatched>>,
    called: RefCell<Vec<Called>>,
    numbers: Cell<u32>,
    context: Cell<u32>,
    registered: Cell<Option<u32>>,
    gone: RefCell<Vec<u32>>,
    replies: RefCell<Vec<Reply>>,
    properties: RefCell<HashMap<String, Vec<u8>>>,
    marks: RefCell<Vec<(u32, String, Vec<u8>)>>,
    configuration: RefCell<Vec<u8>>,
    now: Cell<Timestamp>,
    tick_period: Cell<Duration>,
    calls: RefCell<HashMap<&'static str, u64>>,
    failing: RefCell<HashMap<&'static str, Status>>,
}

#[derive(Debug, Default)]
struct CallAnswer {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
}

impl FakeHost {
    /// One more worker of the process that `store` belongs to.
    pub fn with_shared(store: &SharedStore) -> Self {
        Self { shared: store.clone(), ..Self::default() }
    }

    /// What it shares with the other workers of its process.
    pub fn store(&self) -> SharedStore {
        self.shared.clone()
    }

    /// Replaces the request's headers: the next request.
    pub fn receive(&self, headers: &[(&str, &str)]) {
        self.request_headers.replace(owned(headers));
        self.response_headers.borrow_mut().clear();
        self.response_trailers.borrow_mut().clear();
    }

    /// The response's headers: an answer to the request.
    pub fn answer(&self, headers: &[(&str, &str)]) {
        self.response_headers.replace(owned(headers));
    }

    /// The response's trailers.
    pub fn end_with(&self, trailers: &[(&str, &str)]) {
        self.response_trailers.replace(owned(trailers));
    }

    /// The piece of the request's body that is passing.
    pub fn receive_body(&self, body: &[u8]) {
        self.request_body.replace(body.to_vec());
    }

    /// What is there of the response's body.
    pub fn answer_body(&self, body: &[u8]) {
        self.response_body.replace(body.to_vec());
    }

    /// The response's body as it is now.
    pub fn current_response_body(&self) -> Vec<u8> {
        self.response_body.borrow().clone()
    }

    /// The answer to the call whose callback comes next; no headers: it failed.
    pub fn answer_call(&self, headers: &[(&str, &str)], body: &[u8], trailers: &[(&str, &str)]) {
        let (headers, trailers) = (owned(headers), owned(trailers));
        self.call_answer.replace(CallAnswer { headers, body: body.to_vec(), trailers });
    }

    /// The calls that were made since it was asked last.
    pub fn take_called(&self) -> Vec<Called> {
        self.called.take()
    }

    /// The streams that were answered or went on since it was asked last.
    pub fn take_replies(&self) -> Vec<Reply> {
        self.replies.take()
    }

    /// The properties that the filter set since it was asked last, each with the stream that it was set on.
    pub fn take_marks(&self) -> Vec<(u32, String, Vec<u8>)> {
        self.marks.take()
    }

    /// How many messages wait in a queue.
    pub fn queued(&self, queue: u32) -> usize {
        let queues = self.shared.queues.borrow();
        let queue = usize::try_from(queue).ok().and_then(|queue| queues.get(queue.checked_sub(1)?));
        queue.map_or(0, |(_, messages)| messages.len())
    }

    /// In whose name calls are made from now on: the context of the callback that comes next.
    pub fn in_context(&self, context: u32) {
        self.context.set(context);
    }

    /// In whose name calls are made now.
    pub fn context(&self) -> u32 {
        self.context.get()
    }

    /// The queue that was registered here last.
    pub fn queue(&self) -> Option<u32> {
        self.registered.get()
    }

    /// There is no such context any more.
    pub fn end_context(&self, context: u32) {
        self.gone.borrow_mut().push(context);
    }

    /// What the filter has sent since it was asked last.
    pub fn take_dispatched(&self) -> Vec<Dispatched> {
        self.dispatched.take()
    }

    /// The stream has no property of this name any more.
    pub fn remove_property(&self, path: &str) {
        self.properties.borrow_mut().remove(path);
    }

    /// What the request's header `name` is now; all its copies.
    pub fn request_header(&self, name: &str) -> Vec<String> {
        values(&self.request_headers, name)
    }

    /// What the response's header `name` is now; all its copies.
    pub fn response_header(&self, name: &str) -> Vec<String> {
        values(&self.response_headers, name)
    }

    /// Gives the stream a property, named with dots: `source.address`.
    pub fn set_property(&self, path: &str, value: &[u8]) {
        self.properties.borrow_mut().insert(path.to_owned(), value.to_vec());
    }

    /// Gives the plugin this configuration.
    pub fn set_configuration(&self, bytes: &[u8]) {
        self.configuration.replace(bytes.to_vec());
    }

    /// Moves the clock to `now`.
    pub fn set_now(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// From now on the ABI function `call` answers `status`.
    pub fn fail(&self, call: &'static str, status: Status) {
        self.failing.borrow_mut().insert(call, status);
    }

    /// From now on the ABI function `call` works again.
    pub fn recover(&self, call: &str) {
        self.failing.borrow_mut().remove(call);
    }

    /// How often the ABI function `call` was called.
    pub fn calls(&self, call: &str) -> u64 {
        self.calls.borrow().get(call).copied().unwrap_or_default()
    }

    /// How many calls there were altogether since the last [`FakeHost::forget_calls`].
    pub fn all_calls(&self) -> u64 {
        self.calls.borrow().values().sum()
    }

    /// Starts counting calls anew.
    pub fn forget_calls(&self) {
        self.calls.borrow_mut().clear();
    }

    /// The value of a counter or gauge; 0 if it was never written.
    pub fn counter(&self, name: &str) -> u64 {
        self.shared
            .metrics
            .borrow()
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
            .unwrap_or_default()
    }

    /// The period of the ticks that the filter asked for.
    pub fn tick_period(&self) -> Duration {
        self.tick_period.get()
    }

    /// Roots have timers of their own: the period that the root has whose callback, or whose stream's, comes next.
    pub fn has_tick_period(&self, period: Duration) {
        self.tick_period.set(period);
    }

    fn called(&self, call: &'static str) -> Result<(), HostError> {
        *self.calls.borrow_mut().entry(call).or_default() += 1;
        match self.failing.borrow().get(call) {
            Some(status) => Err(HostError { call, status: *status }),
            None => Ok(()),
        }
    }

    fn define(&self, name: &str) -> Result<MetricId, HostError> {
        self.called("proxy_define_metric")?;
        let mut metrics = self.shared.metrics.borrow_mut();
        let position = metrics.iter().position(|(key, _)| key == name).unwrap_or(metrics.len());
        if position == metrics.len() {
            metrics.push((name.to_owned(), 0));
        }
        Ok(MetricId(u32::try_from(position).unwrap_or(u32::MAX)))
    }

    fn write(&self, id: MetricId, update: impl FnOnce(&mut u64)) {
        if let Some((_, value)) =
            self.shared.metrics.borrow_mut().get_mut(usize::try_from(id.0).unwrap_or_default())
        {
            update(value);
        }
    }
}

fn texts(headers: &[(&[u8], &[u8])]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec())).collect()
}

/// `length` bytes of `body` at most.
fn beginning(body: &[u8], length: usize) -> Vec<u8> {
    body.get(..length).unwrap_or(body).to_vec()
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn values(headers: &RefCell<Vec<(String, Vec<u8>)>>, name: &str) -> Vec<String> {
    let headers = headers.borrow();
    headers
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

fn replace(headers: &RefCell<Vec<(String, Vec<u8>)>>, name: &str, value: &[u8]) {
    let mut headers = headers.borrow_mut();
    headers.retain(|(key, _)| key != name);
    headers.push((name.to_owned(), value.to_vec()));
}

impl RequestHeaders for FakeHost {
    fn request_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.request_headers.borrow().iter().cloned()))
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.request_headers, name, value);
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        self.called("proxy_remove_header_map_value")?;
        self.request_headers.borrow_mut().retain(|(key, _)| key != name);
        Ok(())
    }

    fn set_request_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.request_headers.replace(texts(headers));
        Ok(())
    }
}

impl ResponseHeaders for FakeHost {
    fn response_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.response_headers.borrow().iter().cloned()))
    }

    fn response_trailers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.response_trailers.borrow().iter().cloned()))
    }

    fn add_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_add_header_map_value")?;
        self.response_headers.borrow_mut().push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.response_headers, name, value);
        Ok(())
    }

    fn set_response_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.response_headers.replace(texts(headers));
        Ok(())
    }

    fn set_response_trailers(&self, trailers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.response_trailers.replace(texts(trailers));
        Ok(())
    }
}

impl Bodies for FakeHost {
    fn request_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(beginning(&self.request_body.borrow(), length))
    }

    fn response_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(beginning(&self.response_body.borrow(), length))
    }

    fn set_response_body(&self, body: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_buffer_bytes")?;
        self.response_body.replace(body.to_vec());
        Ok(())
    }
}

impl Replies for FakeHost {
    fn send_written(&self, status: u16, headers: &[u8], body: &[u8]) -> Result<(), HostError> {
        self.called("proxy_send_local_response")?;
        let headers = HeaderMap::decode(headers.to_vec()).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = headers.iter().map(|(name, value)| (text(name), text(value))).collect();
        let (context, body) = (self.context.get(), body.to_vec());
        self.replies.borrow_mut().push(Reply::Answered { context, status, headers, body });
        Ok(())
    }

    fn resume_response(&self) -> Result<(), HostError> {
        self.called("proxy_continue_stream")?;
        self.replies.borrow_mut().push(Reply::Resumed { context: self.context.get() });
        Ok(())
    }

    fn resume_request(&self) -> Result<(), HostError> {
        self.called("proxy_continue_stream")?;
        self.replies.borrow_mut().push(Reply::WentOn { context: self.context.get() });
        Ok(())
    }
}

impl Queues for FakeHost {
    fn register_queue(&self, name: &str) -> Result<u32, HostError> {
        self.called("proxy_register_shared_queue")?;
        let mut queues = self.shared.queues.borrow_mut();
        let known = queues.iter().position(|(known, _)| known == name);
        let position = known.unwrap_or(queues.len());
        if known.is_none() {
            queues.push((name.to_owned(), VecDeque::new()));
        }
        // As the host's, ids begin at 1.
        let queue = u32::try_from(position + 1).unwrap_or(u32::MAX);
        self.registered.set(Some(queue));
        Ok(queue)
    }

    fn enqueue(&self, queue: u32, message: &[u8]) -> Result<(), HostError> {
        let call = "proxy_enqueue_shared_queue";
        self.called(call)?;
        let mut queues = self.shared.queues.borrow_mut();
        let queue = usize::try_from(queue).ok().and_then(|queue| queues.get_mut(queue.checked_sub(1)?));
        let (_, messages) = queue.ok_or(HostError { call, status: Status::NotFound })?;
        messages.push_back(message.to_vec());
        Ok(())
    }

    fn dequeue(&self, queue: u32) -> Result<Option<Vec<u8>>, HostError> {
        let call = "proxy_dequeue_shared_queue";
        self.called(call)?;
        let mut queues = self.shared.queues.borrow_mut();
        let queue = usize::try_from(queue).ok().and_then(|queue| queues.get_mut(queue.checked_sub(1)?));
        let (_, messages) = queue.ok_or(HostError { call, status: Status::NotFound })?;
        Ok(messages.pop_front())
    }
}

impl Contexts for FakeHost {
    fn enter(&self, context: u32) -> Result<(), HostError> {
        self.called("proxy_set_effective_context")?;
        if self.gone.borrow().contains(&context) {
            return Err(HostError { call: "proxy_set_effective_context", status: Status::BadArgument });
        }
        self.context.set(context);
        Ok(())
    }
}

impl Properties for FakeHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.called("proxy_get_property")?;
        Ok(self.properties.borrow().get(&path.join(".")).cloned())
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_property")?;
        FakeHost::set_property(self, &path.join("."), value);
        self.marks.borrow_mut().push((self.context.get(), path.join("."), value.to_vec()));
        Ok(())
    }
}

impl Clock for FakeHost {
    fn now(&self) -> Result<Timestamp, HostError> {
        self.called("proxy_get_current_time_nanoseconds").map(|()| self.now.get())
    }
}

impl MetricSink for FakeHost {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn define_gauge(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn adjust(&self, id: MetricId, by: i64) -> Result<(), HostError> {
        self.called("proxy_increment_metric")?;
        self.write(id, |value| *value = value.saturating_add_signed(by));
        Ok(())
    }

    fn increment(&self, id: MetricId, by: u64) -> Result<(), HostError> {
        self.called("proxy_increment_metric")?;
        self.write(id, |value| *value += by);
        Ok(())
    }

    fn record(&self, id: MetricId, value: u64) -> Result<(), HostError> {
        self.called("proxy_record_metric")?;
        self.write(id, |current| *current = value);
        Ok(())
    }
}

impl PluginConfiguration for FakeHost {
    fn plugin_configuration(&self) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes").map(|()| self.configuration.borrow().clone())
    }
}

impl Ticks for FakeHost {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        self.called("proxy_set_tick_period_milliseconds")?;
        self.tick_period.set(period);
        Ok(())
    }
}

impl SharedData for FakeHost {
    fn shared_data(&self, key: &str) -> Result<Option<Shared>, HostError> {
        self.called("proxy_get_shared_data")?;
        Ok(self.shared.data.borrow().1.get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_shared_data")?;
        let (last, values) = &mut *self.shared.data.borrow_mut();
        *last += 1;
        values.insert(key.to_owned(), Shared { value: value.to_vec(), cas: *last });
        Ok(())
    }

    fn swap_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, HostError> {
        let current = self.shared.data.borrow().1.get(key).map(|shared| shared.cas);
        if current.is_some_and(|current| current != cas) {
            return self.called("proxy_set_shared_data").map(|()| false);
        }
        self.set_shared_data(key, value).map(|()| true)
    }
}

impl HttpCalls for FakeHost {
    fn dispatch(&self, cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<(), HostError> {
        self.called("proxy_http_call")?;
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.dispatched.borrow_mut().push(Dispatched { cluster: cluster.to_owned(), headers, timeout });
        Ok(())
    }

    fn call(&self, request: &Call<'_>) -> Result<u32, HostError> {
        self.called("proxy_http_call")?;
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = request.headers.iter().map(text).collect();
        let dispatched =
            Dispatched { cluster: request.cluster.to_owned(), headers, timeout: request.timeout };
        let body = request.body.map(<[u8]>::to_vec);
        self.called.borrow_mut().push(Called {
            number,
            context: self.context.get(),
            request: dispatched,
            body,
        });
        Ok(number)
    }
}

impl CallAnswers for FakeHost {
    fn call_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.call_answer.borrow().headers.iter().cloned()))
    }

    fn call_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(beginning(&self.call_answer.borrow().body, length))
    }

    fn call_trailers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.call_answer.borrow().trailers.iter().cloned()))
    }
}
