//! Workers side by side, whose calls are answered and whose messages come when a test says so.

use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::batch::gather::{
    Arrival, CallId, Candidate, End, Event, Gatherer, Policy, Reply, Request, StreamId, World,
};
use switchyard_core::batch::{JsonArray, Protocol, Settings};
use switchyard_core::memory::Memory;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
use switchyard_core::{Address, RequestView, Timestamp};

/// What a host was asked to do to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Resumed(StreamId),
    /// With this status and body.
    Replied(StreamId, u16, String),
}

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) worker: usize,
    pub(crate) id: CallId,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) left: Duration,
}

/// What is outside the workers.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) now: Timestamp,
    /// Who acts.
    pub(crate) worker: usize,
    /// Calls that have not been answered.
    pub(crate) calls: Vec<Call>,
    pub(crate) made: u32,
    /// No call can be made.
    pub(crate) is_unreachable: bool,
    pub(crate) done: Vec<Done>,
    /// The headers of the last reply to each stream.
    pub(crate) headers: HashMap<StreamId, Vec<(String, String)>>,
    /// How much time those had that were let go.
    pub(crate) left: HashMap<StreamId, Duration>,
    /// Streams that are no more, though nobody has said so.
    pub(crate) dead: HashSet<StreamId>,
    /// Slots of shared data, if there are any.
    pub(crate) slots: Option<HashMap<u32, (Vec<u8>, u32)>>,
    pub(crate) queues: Vec<VecDeque<Vec<u8>>>,
    /// The queue with this number is gone.
    pub(crate) gone: Option<u32>,
    pub(crate) events: Vec<Event>,
    /// Nobody knows when a reply has been read.
    pub(crate) reads_unseen: bool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl World<PlainRequest> for Outside {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn call(&mut self, _: &Policy, request: &Request<'_>, left: Duration) -> Option<CallId> {
        self.made += 1;
        if self.is_unreachable {
            return None;
        }
        let headers =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (worker, id, body) = (self.worker, self.made, text(request.body));
        self.calls.push(Call { worker, id, headers, body, left });
        Some(id)
    }

    fn resume(&mut self, _: &Policy, stream: StreamId, left: Duration) -> bool {
        let lives = !self.dead.contains(&stream);
        if lives {
            self.left.insert(stream, left);
            self.done.push(Done::Resumed(stream));
        }
        lives
    }

    fn reply(&mut self, stream: StreamId, reply: &Reply<'_>, _: Option<End>) -> bool {
        if self.dead.contains(&stream) {
            return false;
        }
        let headers = reply.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
        self.headers.insert(stream, headers);
        self.done.push(Done::Replied(stream, reply.status, text(&reply.body)));
        true
    }

    fn is_read_unseen(&mut self, _: StreamId) -> bool {
        self.reads_unseen
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        let known = self.queues.get_mut(queue as usize).filter(|_| self.gone != Some(queue));
        known.map(|queue| queue.push_back(message.to_vec())).is_some()
    }

    fn read(&mut self, slot: u32) -> Option<(Vec<u8>, u32)> {
        Some(self.slots.as_ref()?.get(&slot).cloned().unwrap_or((Vec::new(), 1)))
    }

    fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool {
        let Some(slots) = &mut self.slots else { return false };
        let now = slots.get(&slot).map_or(1, |(_, cas)| *cas);
        if now == cas {
            slots.insert(slot, (value.to_vec(), cas + 1));
        }
        now == cas
    }

    fn count(&mut self, _: &Policy, event: Event) {
        self.events.push(event);
    }
}

/// Workers under one policy.
pub(crate) struct Proxy {
    pub(crate) workers: Vec<Gatherer<PlainRequest>>,
    pub(crate) policies: Vec<Rc<Policy>>,
    pub(crate) outside: Outside,
}

/// Items of an array, which may be asked for twice.
pub(crate) fn items() -> Settings {
    Settings::new(Protocol::JsonArray(JsonArray { is_repeatable: true, ..JsonArray::default() }))
}

/// The same with other limits.
pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = items();
    change(&mut settings);
    settings
}

pub(crate) fn post() -> PlainRequest {
    let request = PlainRequest::default().with(":method", "POST").with(":scheme", "https");
    request.with(":authority", "x.test").with(":path", "/items")
}

/// An answer's head.
pub(crate) fn head(status: u16) -> PlainRequest {
    PlainRequest::default().with(":status", status.to_string())
}

pub(crate) fn replied(stream: StreamId, body: &str) -> Done {
    Done::Replied(stream, 200, body.to_owned())
}

pub(crate) fn resumed(streams: impl IntoIterator<Item = StreamId>) -> Vec<Done> {
    streams.into_iter().map(Done::Resumed).collect()
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Proxy {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self::with(1, settings)
    }

    pub(crate) fn with(workers: u32, settings: &Settings) -> Self {
        let worker = |queue| {
            let mut gatherer = Gatherer::default();
            gatherer.reachable_at(Address { queue, epoch: u64::from(queue) + 100 });
            gatherer
        };
        let policy = |_| Rc::new(Policy::new("route", 7, settings.clone()));
        Self {
            workers: (0..workers).map(worker).collect(),
            policies: (0..workers).map(policy).collect(),
            outside: Outside {
                now: Timestamp::from_millis(1_700_000_000_000),
                slots: Some(HashMap::new()),
                queues: (0..workers).map(|_| VecDeque::new()).collect(),
                ..Outside::default()
            },
        }
    }

    /// One worker, in a VM with these accounts.
    pub(crate) fn within(settings: &Settings, memory: &Memory) -> Self {
        let policy = Rc::new(Policy::new("route", 7, settings.clone()).within(memory));
        Self { policies: vec![policy], ..Self::of(settings) }
    }

    /// What the first worker's request with this body does.
    pub(crate) fn asks(&mut self, stream: StreamId, body: &str) -> Arrival {
        self.arrives(0, stream, post(), body)
    }

    pub(crate) fn arrives(&mut self, at: usize, stream: StreamId, head: PlainRequest, body: &str) -> Arrival {
        let policy = Rc::clone(&self.policies[at]);
        let key = policy.key(&head).expect("a request that may be batched");
        let protocol = &policy.settings().protocol;
        let part = protocol.read(head.method(), head.path_and_query(), body.as_bytes()).expect("a part");
        let key = policy.settings().complete(key, &part, Known::nothing).expect("a key");
        let allowance = policy.allowance(&head);
        let request = Candidate { stream, head, body: body.as_bytes().to_vec(), part, key, allowance };
        self.outside.worker = at;
        self.workers[at].arrive(&mut self.outside, request, &policy)
    }

    /// One request of the first worker is under way, and these wait.
    pub(crate) fn busy(settings: &Settings, waiting: impl IntoIterator<Item = StreamId>) -> Self {
        let mut proxy = Self::of(settings);
        assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
        for stream in waiting {
            assert_eq!(proxy.asks(stream, &stream.to_string()), Arrival::Waits);
        }
        proxy
    }

    /// What was done to streams since this was asked last.
    pub(crate) fn done(&mut self) -> Vec<Done> {
        core::mem::take(&mut self.outside.done)
    }

    /// Who waits here goes on or is answered.
    pub(crate) fn acts(&mut self, at: usize) -> Vec<Done> {
        self.outside.worker = at;
        self.workers[at].act(&mut self.outside);
        self.done()
    }

    /// The answer to a lone request is there; its root has its turn.
    pub(crate) fn returns(&mut self, stream: StreamId) -> Vec<Done> {
        self.workers[0].returned(&mut self.outside, stream, true);
        self.workers[0].gone(&mut self.outside, stream);
        self.acts(0)
    }

    pub(crate) fn leaves(&mut self, at: usize, stream: StreamId) {
        self.outside.worker = at;
        self.workers[at].gone(&mut self.outside, stream);
    }

    /// Calls that have not been answered.
    pub(crate) fn calls(&self) -> Vec<&str> {
        self.outside.calls.iter().map(|call| &*call.body).collect()
    }

    /// The call that was made first and has no answer gets this one; `None`: it fails.
    pub(crate) fn answer_call(&mut self, answer: Option<(PlainRequest, &str)>) -> Vec<Done> {
        let call = self.outside.calls.remove(0);
        self.outside.worker = call.worker;
        let answer = answer.as_ref().map(|(head, body)| (head, body.as_bytes().to_vec()));
        self.workers[call.worker].answered(&mut self.outside, call.id, answer);
        self.done()
    }

    /// The same: every item is answered by itself.
    pub(crate) fn answer_items(&mut self) -> Vec<Done> {
        let body = self.outside.calls[0].body.clone();
        self.answer_call(Some((head(200), &body)))
    }

    /// Time passes, and every worker's tick comes.
    pub(crate) fn passes(&mut self, time: Duration) -> Vec<Done> {
        self.outside.now = self.outside.now.plus(time);
        for at in 0..self.workers.len() {
            self.outside.worker = at;
            self.workers[at].tick(&mut self.outside);
        }
        self.done()
    }

    /// A worker hears what was said to it.
    pub(crate) fn hears(&mut self, at: usize) -> bool {
        let Some(message) = self.outside.queues[at].pop_front() else { return false };
        self.outside.worker = at;
        self.workers[at].message(&mut self.outside, &message, core::iter::once(&self.policies[at]));
        true
    }

    /// Everybody hears everything.
    pub(crate) fn talk(&mut self) -> Vec<Done> {
        while (0..self.workers.len()).any(|at| self.hears(at)) {}
        self.done()
    }

    /// The same while time passes.
    pub(crate) fn lives_for(&mut self, time: Duration) -> Vec<Done> {
        let mut done = Vec::new();
        for _ in 0..time.as_millis() / 50 {
            done.extend(self.passes(ms(50)));
            done.extend(self.talk());
        }
        done
    }

    pub(crate) fn count(&self, event: Event) -> usize {
        self.outside.events.iter().filter(|other| **other == event).count()
    }

    pub(crate) fn header(&self, stream: StreamId, name: &str) -> Option<&str> {
        let headers = self.outside.headers.get(&stream)?;
        headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// Nothing is held any more.
    pub(crate) fn is_quiet(&self) {
        for (worker, policy) in self.workers.iter().zip(&self.policies) {
            assert_eq!((worker.len(), worker.keys(), worker.has_work()), (0, 0, false));
            assert_eq!((policy.held(), policy.requests()), (0, 0));
        }
    }
}
