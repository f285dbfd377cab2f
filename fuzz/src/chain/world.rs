//! Workers of one process, their streams, and time.

use super::document::{Chain, answer, at_rest, document, is_attempt};
use super::event::{Event, Outcome};
use super::ride::{Answer, Ride};
use arbitrary::Unstructured;
use std::collections::BTreeMap;
use switchyard_frame::fake::{Done, Roots, Subject as _};
use switchyard_host::fake::{Called, SharedStore};
use switchyard_host::{Queues as _, SharedData as _, Status};

/// When a process begins, in milliseconds.
pub(super) const START: u64 = 1_700_000_000_000;
/// How long anything may take when all is well, with all limits and the ticks that see to them; and until nothing ticks any more.
const LIMITS: u64 = 20_000;
const REST: u64 = 30_000;
/// The keys of shared data that there may be: buckets of the board, and for each filter the slots of its gauges and workers.
const MOST_KEYS: usize = 4_000;

/// What a host may fail at. That it refuses a stream's name, its going on or an answer means that the stream has ended.
const CALLS: [&str; 12] = [
    "proxy_get_header_map_pairs",
    "proxy_set_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_http_call",
    "proxy_replace_header_map_value",
    "proxy_get_property",
    "proxy_get_current_time_nanoseconds",
];

/// One process.
pub(super) struct World {
    store: SharedStore,
    document: String,
    pub(super) workers: Vec<Roots<Chain>>,
    /// Of each worker: whether its host fails at something.
    failing: Vec<bool>,
    pub(super) rides: BTreeMap<u64, Ride>,
    pub(super) begun: u64,
    /// Time since it began, in milliseconds.
    pub(super) now: u64,
    /// By how much the clock on the wall is ahead, and how far it was set back in all.
    skew: i64,
    set_back: u64,
}

impl World {
    /// A process with one worker or two.
    pub(super) fn new(events: &mut Unstructured<'_>) -> Self {
        let store = SharedStore::default();
        let document = document(events.arbitrary().unwrap_or_default());
        let workers = 1 + usize::from(events.arbitrary::<bool>().unwrap_or_default());
        let workers: Vec<_> = (0..workers).map(|_| worker(&store, &document)).collect();
        let failing = vec![false; workers.len()];
        let rides = BTreeMap::new();
        let mut world =
            Self { store, document, workers, failing, rides, begun: 0, now: 0, skew: 0, set_back: 0 };
        world.set_clocks();
        world
    }

    fn worker(&self, number: u8) -> usize {
        usize::from(number) % self.workers.len()
    }

    /// One of the streams that are under way.
    fn stream(&self, number: u8) -> Option<u64> {
        self.rides.keys().nth(usize::from(number) % self.rides.len().max(1)).copied()
    }

    /// Something happens.
    pub(super) fn happens(&mut self, event: Event) {
        match event {
            Event::Begins { worker, asks } if self.rides.len() < 24 => self.begin(self.worker(worker), asks),
            Event::Begins { .. } => {}
            Event::MoreComes { stream, piece } => {
                self.stream(stream).into_iter().for_each(|id| self.more_comes(id, piece.into()));
            }
            Event::Answers { stream, with } => {
                self.stream(stream).into_iter().for_each(|id| self.answer(id, with));
            }
            Event::MoreOfAnswer { stream, piece } => {
                self.stream(stream).into_iter().for_each(|id| self.more_of_answer(id, piece.into()));
            }
            Event::CallReturns { worker, call, with } => self.call_returns(self.worker(worker), call, with),
            Event::CallReturnsAnything { worker, call, status, body } => {
                let status = (u16::from(status) + 180).to_string();
                self.call_is_answered(self.worker(worker), call, &[(":status", &status)], &body);
            }
            Event::Passes { millis, times } => {
                (0..=times % 8).for_each(|_| self.passes(u64::from(millis) + 1));
            }
            Event::Leaves { stream } => self.stream(stream).into_iter().for_each(|id| self.ends(id)),
            other => self.goes_wrong(other),
        }
    }

    /// What should not happen, and does.
    fn goes_wrong(&mut self, event: Event) {
        match event {
            Event::ClockIsSet { by } => {
                self.skew += i64::from(by);
                self.set_back += i64::from(by).min(0).unsigned_abs();
                self.set_clocks();
            }
            Event::Message { worker, becomes } => {
                let host = &self.workers[self.worker(worker)].host;
                let Some(queue) = host.queue() else { return };
                let message = host.dequeue(queue).ok().flatten();
                for changed in message.iter().flat_map(|message| becomes.of(message)) {
                    let _ = host.enqueue(queue, &changed);
                }
            }
            Event::Forged { worker, message } => self.workers[self.worker(worker)].enqueue(&message),
            Event::Overwritten { key, change } => {
                let mut keys = self.store.keys("");
                keys.sort_unstable();
                let Some(key) = keys.get(usize::from(key) % keys.len().max(1)) else { return };
                let host = &self.workers[0].host;
                let value = host.shared_data(key).ok().flatten().map(|shared| shared.value);
                for changed in change.of(&value.unwrap_or_default()) {
                    let _ = host.set_shared_data(key, &changed);
                }
            }
            Event::Reloads { document: number } => self.reload(document(number)),
            Event::Fails { worker, at } => {
                let worker = self.worker(worker);
                self.failing[worker] = at.is_some();
                let host = &self.workers[worker].host;
                CALLS.iter().for_each(|call| host.recover(call));
                if let Some(at) = at {
                    host.fail(CALLS[usize::from(at) % CALLS.len()], Status::InternalFailure);
                }
            }
            Event::Dies { worker } => self.die(self.worker(worker)),
            _ => {}
        }
    }

    /// Each worker is given this document. One whose host fails may refuse it, and serves under the one before; no other does.
    fn reload(&mut self, document: String) {
        for worker in 0..self.workers.len() {
            let taken = self.workers[worker].configure(&Chain::document(&document));
            assert!(taken || self.failing[worker], "refused: {document}");
            self.drop_old(worker);
        }
        self.document = document;
    }

    /// Roots end with their last stream.
    pub(super) fn drop_old(&mut self, worker: usize) {
        let own = self.rides.values().filter(|ride| ride.worker == worker);
        let in_use: Vec<_> = own.map(|ride| ride.root).collect();
        self.workers[worker].drop_old(&in_use);
    }

    fn die(&mut self, worker: usize) {
        self.rides.retain(|_, ride| ride.worker != worker);
        self.workers[worker] = self::worker(&self.store, &self.document);
        self.failing[worker] = false;
        self.set_clocks();
    }

    fn set_clocks(&mut self) {
        let wall = (START + self.now).saturating_add_signed(self.skew);
        self.workers.iter().for_each(|worker| worker.set_time(wall));
    }

    /// Time passes, with the ticks and messages that come meanwhile.
    pub(super) fn passes(&mut self, millis: u64) {
        self.now += millis;
        self.set_clocks();
        for worker in 0..self.workers.len() {
            for done in self.workers[worker].tick(self.now) {
                self.take(worker, done);
            }
            for _ in 0..50 {
                let Some(done) = self.workers[worker].deliver() else { break };
                self.take(worker, done);
            }
        }
    }

    /// What a callback of a root did.
    fn take(&mut self, worker: usize, (replies, _): Done) {
        replies.iter().for_each(|reply| self.receives(worker, reply));
    }

    fn call_returns(&mut self, worker: usize, call: u8, with: Outcome) {
        let Some(called) = self.call(worker, call) else { return };
        let body = called.body.clone().unwrap_or_default();
        let good = answer(&called.request.headers, &body);
        let (status, body) = match with {
            Outcome::Good | Outcome::Trailers => ("200", good),
            Outcome::BrokenOff => ("200", good[..good.len() / 2].to_vec()),
            Outcome::Error => ("200", br#"{"error":"busy"}"#.to_vec()),
            Outcome::Failed => ("503", b"sorry".to_vec()),
            Outcome::Local | Outcome::TimesOut => return self.call_is_answered(worker, call, &[], b""),
        };
        let kind = if is_attempt(&called.request.headers) { "application/json" } else { "text/json" };
        self.call_is_answered(worker, call, &[(":status", status), ("content-type", kind)], &body);
    }

    fn call(&self, worker: usize, call: u8) -> Option<Called> {
        let called = &self.workers[worker].called;
        called.get(usize::from(call) % called.len().max(1)).cloned()
    }

    fn call_is_answered(&mut self, worker: usize, call: u8, head: &[(&str, &str)], body: &[u8]) {
        let Some(called) = self.call(worker, call) else { return };
        let done = self.workers[worker].answer(&called, head, body);
        self.take(worker, done);
    }

    /// From now on all is well: everything ends in time, and nothing is left.
    pub(super) fn ends_well(&mut self) {
        let hosts = self.workers.iter().map(|worker| &worker.host);
        hosts.for_each(|host| CALLS.iter().for_each(|call| host.recover(call)));
        self.failing.fill(false);
        let until = self.now + LIMITS + self.set_back;
        while !self.rides.is_empty() && self.now < until {
            for id in self.rides.keys().copied().collect::<Vec<_>>() {
                self.goes_well(id);
            }
            (0..self.workers.len()).for_each(|worker| self.call_returns(worker, 0, Outcome::Good));
            self.passes(20);
        }
        let held = self.rides.values().next().map(|ride| (&ride.headers, &ride.trail));
        assert!(held.is_none(), "held for ever: {held:?}");
        (0..self.workers.len()).for_each(|worker| {
            while self.call(worker, 0).is_some() {
                self.call_returns(worker, 0, Outcome::TimesOut);
            }
        });
        self.rests();
        self.reload(at_rest());
        self.rests();
        for worker in &self.workers {
            let memory = worker.memory();
            assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0), "all is paid back");
        }
        assert!(self.store.keys("").len() < MOST_KEYS, "{:?}", self.store.keys(""));
    }

    /// A stream goes on to its end, as far as it is Envoy's to let it.
    fn goes_well(&mut self, id: u64) {
        let Some(ride) = self.rides.get(&id) else { return };
        match ride.answers {
            Answer::Local => self.ends(id),
            _ if !ride.request.is_whole => self.more_comes(id, usize::MAX),
            Answer::None if ride.is_upstream() => self.answer(id, Outcome::Good),
            Answer::Endpoint if !ride.answer.is_whole => self.more_of_answer(id, usize::MAX),
            _ => {}
        }
    }

    /// Nothing ticks any more.
    fn rests(&mut self) {
        let until = self.now + REST + self.set_back;
        while self.now < until && !self.workers.iter().all(Roots::rests) {
            self.passes(50);
        }
        self.passes(50);
        assert!(self.workers.iter().all(Roots::rests), "nothing is left to tick for");
    }
}

fn worker(store: &SharedStore, document: &str) -> Roots<Chain> {
    let worker = Roots::new(store, document);
    worker.host.keep_streams_apart();
    worker
}
