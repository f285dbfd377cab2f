//! Workers side by side, whose messages come when a test says so.

use core::time::Duration;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{
    Address, Answer, Arrival, Begun, Board, Event, Exit, Flights, Policy, Served, Settings, StreamId, World,
};
use switchyard_core::request::PlainRequest;

pub(crate) const KEY: &[u8] = b"key";

/// What a host was asked to do to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Resumed(StreamId),
    /// With this body.
    Replied(StreamId, String, Served),
}

/// What is outside the workers.
pub(crate) struct Outside {
    pub(crate) now: Timestamp,
    /// All keys share this bucket, if it can be read.
    pub(crate) bucket: Option<(Vec<u8>, u32)>,
    /// The buckets that were read.
    pub(crate) read: Vec<u32>,
    /// So many writes still come too late.
    pub(crate) outrun: u32,
    pub(crate) queues: Vec<VecDeque<Vec<u8>>>,
    /// The queue with this number is gone.
    pub(crate) gone: Option<u32>,
    /// Streams end when their reply is written, read or not.
    pub(crate) unseen: bool,
    pub(crate) done: Vec<Done>,
    pub(crate) events: HashMap<Event, u32>,
    pub(crate) exits: Vec<Exit>,
}

impl Board for Outside {
    fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)> {
        self.read.push(bucket);
        self.bucket.clone()
    }

    fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool {
        let late = self.outrun > 0 || self.bucket.as_ref().is_none_or(|(_, now)| *now != cas);
        self.outrun = self.outrun.saturating_sub(1);
        if !late {
            self.put(bucket, value);
        }
        !late
    }

    fn put(&mut self, _: u32, value: &[u8]) {
        if let Some((bytes, cas)) = &mut self.bucket {
            *bytes = value.to_vec();
            *cas += 1;
        }
    }
}

impl World for Outside {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        let known = self.queues.get_mut(queue as usize).filter(|_| self.gone != Some(queue));
        known.map(|queue| queue.push_back(message.to_vec())).is_some()
    }

    fn resume(&mut self, stream: StreamId) -> bool {
        self.done.push(Done::Resumed(stream));
        true
    }

    fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, served: Served, _: Timestamp) -> bool {
        self.done.push(Done::Replied(stream, String::from_utf8_lossy(&answer.body).into_owned(), served));
        true
    }

    fn is_read_unseen(&mut self, _: StreamId) -> bool {
        self.unseen
    }

    fn count(&mut self, _: &Policy, event: Event) {
        if let Event::Left(exit, _) = event {
            self.exits.push(exit);
        }
        *self.events.entry(event).or_default() += 1;
    }
}

/// Workers under one policy.
pub(crate) struct Proxy {
    pub(crate) workers: Vec<Flights<PlainRequest>>,
    pub(crate) policies: Vec<Rc<Policy>>,
    pub(crate) outside: Outside,
}

pub(crate) fn get() -> PlainRequest {
    PlainRequest::get("/")
}

/// An answer that is for all.
pub(crate) fn head() -> PlainRequest {
    PlainRequest::default()
}

impl Proxy {
    pub(crate) fn of(workers: u32) -> Self {
        Self::with(workers, &Settings::default())
    }

    pub(crate) fn with(workers: u32, settings: &Settings) -> Self {
        let worker = |queue| {
            let mut flights = Flights::default();
            flights.reachable_at(Address { queue, epoch: u64::from(queue) + 100 });
            flights
        };
        Self {
            workers: (0..workers).map(worker).collect(),
            policies: (0..workers).map(|_| Rc::new(Policy::new("route", settings.clone()))).collect(),
            outside: Outside {
                now: Timestamp::from_millis(1_700_000_000_000),
                bucket: Some((Vec::new(), 1)),
                read: Vec::new(),
                outrun: 0,
                queues: (0..workers).map(|_| VecDeque::new()).collect(),
                gone: None,
                unseen: false,
                done: Vec::new(),
                events: HashMap::new(),
                exits: Vec::new(),
            },
        }
    }

    pub(crate) fn asks(&mut self, at: usize, stream: StreamId, key: &[u8], request: PlainRequest) -> Arrival {
        let policy = &self.policies[at];
        self.workers[at].arrive(&mut self.outside, stream, key.to_vec(), request, policy)
    }

    /// A request of the key arrives.
    pub(crate) fn arrives(&mut self, at: usize, stream: StreamId) -> Arrival {
        self.asks(at, stream, KEY, get())
    }

    /// Somebody leads, and some follow, each a millisecond after the one before.
    pub(crate) fn burst(&mut self, at: usize, streams: impl IntoIterator<Item = StreamId>) {
        for (number, stream) in streams.into_iter().enumerate() {
            let arrival = self.arrives(at, stream);
            assert_eq!(arrival, if number == 0 { Arrival::Leads } else { Arrival::Waits });
            self.passes(1);
        }
    }

    /// Waits for a flight of another worker.
    pub(crate) fn follow(&mut self, at: usize, stream: StreamId) {
        assert_eq!(self.arrives(at, stream), Arrival::Waits);
        self.passes(1);
    }

    pub(crate) fn begins(&mut self, at: usize, stream: StreamId, status: u16, head: &PlainRequest) -> Begun {
        let head = || Some((status, head.clone()));
        self.workers[at].answer_begins(&mut self.outside, stream, false, head)
    }

    pub(crate) fn piece(&mut self, at: usize, stream: StreamId, piece: &str, ended: bool) -> bool {
        self.workers[at].answer_body(&mut self.outside, stream, piece.as_bytes(), ended)
    }

    /// The leader gets a whole answer, which somebody waits for.
    pub(crate) fn answer_whole(&mut self, at: usize, stream: StreamId, body: &str) {
        assert_eq!(self.begins(at, stream, 200, &head()), Begun::Captured);
        assert!(!self.piece(at, stream, body, true));
    }

    pub(crate) fn ends(&mut self, at: usize, stream: StreamId) {
        self.workers[at].ended(&mut self.outside, stream);
    }

    /// Callbacks of a root, until there is no more work; what was done in them.
    pub(crate) fn acts(&mut self, at: usize) -> Vec<Done> {
        while self.workers[at].has_work() {
            self.workers[at].act(&mut self.outside);
        }
        core::mem::take(&mut self.outside.done)
    }

    /// Time passes, in milliseconds.
    pub(crate) fn passes(&mut self, millis: u64) {
        self.outside.now = self.outside.now.plus(Duration::from_millis(millis));
    }

    /// It passes, and a tick comes; what was done in it.
    pub(crate) fn ticks(&mut self, at: usize, millis: u64) -> Vec<Done> {
        self.passes(millis);
        self.workers[at].tick(&mut self.outside);
        self.acts(at)
    }

    /// Messages are delivered until there are none.
    pub(crate) fn talk(&mut self) {
        while let Some(at) = self.outside.queues.iter().position(|queue| !queue.is_empty()) {
            self.hears(at);
        }
    }

    /// A worker gets its oldest message.
    pub(crate) fn hears(&mut self, at: usize) {
        let message = self.outside.queues[at].pop_front().expect("there is one");
        self.workers[at].message(&mut self.outside, &message);
    }

    pub(crate) fn count(&self, event: Event) -> u32 {
        self.outside.events.get(&event).copied().unwrap_or(0)
    }

    /// Nothing is left of any flight.
    pub(crate) fn is_quiet(&self) {
        for (flights, policy) in self.workers.iter().zip(&self.policies) {
            assert_eq!((flights.streams(), flights.waiting(), flights.len()), (0, 0, 0));
            assert_eq!(policy.held(), 0);
        }
    }
}

/// It was let go.
pub(crate) fn resumed(streams: impl IntoIterator<Item = StreamId>) -> Vec<Done> {
    streams.into_iter().map(Done::Resumed).collect()
}

/// They got the answer that they waited for.
pub(crate) fn collapsed(streams: impl IntoIterator<Item = StreamId>, body: &str) -> Vec<Done> {
    let reply = |stream| Done::Replied(stream, body.to_owned(), Served::Collapsed);
    streams.into_iter().map(reply).collect()
}
