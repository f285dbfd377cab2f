//! A host that records every call: what native tests of the filters run on.
//!
//! It keeps what a real host would keep (request headers change when they are set) and counts calls by their
//! ABI name, so that a test can assert both the effect and its price. The workers of filters that run on it are the frame's.

mod front;
mod ports;
mod store;
mod streams;

use crate::{HostError, Status};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
pub use store::SharedStore;
use switchyard_core::Timestamp;
use switchyard_core::local_reply::LocalReply;

/// What a request or an answer begins with.
pub type Head<'a> = &'a [(&'a str, &'a str)];

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

impl Reply {
    /// The stream that it was done to.
    pub fn context(&self) -> u32 {
        match self {
            Self::Answered { context, .. } | Self::Resumed { context } | Self::WentOn { context } => *context,
        }
    }
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
    called: RefCell<Vec<Called>>,
    numbers: Cell<u32>,
    context: Cell<u32>,
    registered: RefCell<Vec<u32>>,
    gone: RefCell<HashSet<u32>>,
    replies: RefCell<Vec<Reply>>,
    details: RefCell<Vec<LocalReply>>,
    properties: RefCell<HashMap<String, Vec<u8>>>,
    marks: RefCell<Vec<(u32, String, Vec<u8>)>>,
    configuration: RefCell<Vec<u8>>,
    now: Cell<Timestamp>,
    tick_period: Cell<Duration>,
    calls: RefCell<HashMap<&'static str, u64>>,
    failing: RefCell<HashMap<&'static str, Status>>,
    /// Each context has messages of its own; these are those of the others.
    apart: Cell<bool>,
    streams: RefCell<HashMap<u32, streams::Messages>>,
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

    /// What the answers were, in order, that streams got since it was asked last.
    pub fn take_details(&self) -> Vec<LocalReply> {
        self.details.take()
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
        self.turn_to(context);
    }

    /// In whose name calls are made now.
    pub fn context(&self) -> u32 {
        self.context.get()
    }

    /// The queue that was registered here last.
    pub fn queue(&self) -> Option<u32> {
        self.registered.borrow().last().copied()
    }

    /// The queues that were registered here, as often as they were and in order.
    pub fn registered(&self) -> Vec<u32> {
        self.registered.borrow().clone()
    }

    /// There is no such context any more.
    pub fn end_context(&self, context: u32) {
        self.gone.borrow_mut().insert(context);
        self.streams.borrow_mut().remove(&context);
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

    /// What the response's trailer `name` is now; all its copies.
    pub fn response_trailer(&self, name: &str) -> Vec<String> {
        values(&self.response_trailers, name)
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
    pub fn assume_tick_period(&self, period: Duration) {
        self.tick_period.set(period);
    }

    fn called(&self, call: &'static str) -> Result<(), HostError> {
        *self.calls.borrow_mut().entry(call).or_default() += 1;
        match self.failing.borrow().get(call) {
            Some(status) => Err(HostError { call, status: *status }),
            None => Ok(()),
        }
    }
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
