//! What workers share: the clock, slots, the queues between them, and the services.

use crate::agenda::Agenda;
use crate::service::{Answer, Service};
use crate::shapes::{Mishaps, Shape};
use crate::tally::Tally;
use core::time::Duration;
use fastrand::Rng;
use hashbrown::HashMap;
use std::collections::VecDeque;
use switchyard_core::Timestamp;
use switchyard_core::batch::Scope;
use switchyard_core::batch::gather::CallId;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Ticks are at most so late.
pub(crate) const LATE: Duration = Duration::from_millis(200);
/// Messages take at most so long: longer than a worker may be silent.
const LONGEST_WAY: Duration = Duration::from_millis(1_500);
/// Where a message says what it says: after version, receiver, sender and stream.
const SAYS: usize = 25;

/// What is to happen: to a worker, or to a stream.
pub(crate) enum Event {
    Arrives,
    /// Something is in this queue.
    Queue(u32),
    /// Unless another tick was planned since.
    Tick(usize, u64),
    /// A call is answered.
    Called(CallId),
    /// The answer to a request that went by itself is there; whether it is one.
    Returns(usize, bool),
    Leaves(usize),
    Dies,
    Jumps,
    Configures,
}

/// A queue between workers.
#[derive(Default)]
pub(crate) struct Queue {
    /// Who listens; nobody after the end of a VM.
    pub(crate) worker: Option<usize>,
    pub(crate) messages: VecDeque<Vec<u8>>,
    pub(crate) gone: bool,
    /// When the last message comes: none overtakes another.
    last: Timestamp,
}

/// A call that is under way.
pub(crate) struct Call {
    pub(crate) worker: usize,
    pub(crate) route: usize,
    pub(crate) answer: Answer,
}

/// The world outside the workers.
pub(crate) struct Outside {
    pub(crate) agenda: Agenda<Event>,
    pub(crate) now: Timestamp,
    /// By how much the wall clock is ahead of the time that passes; it may be less than none.
    pub(crate) skew: i64,
    /// How often it has stepped back.
    pub(crate) steps: u32,
    pub(crate) rng: Rng,
    pub(crate) shape: Shape,
    pub(crate) mishaps: Mishaps,
    pub(crate) is_calm: bool,
    slots: Option<HashMap<u32, (Vec<u8>, u32)>>,
    written: u32,
    pub(crate) queues: Vec<Queue>,
    /// One for each route.
    pub(crate) services: Vec<Service>,
    pub(crate) calls: HashMap<CallId, Call>,
    pub(crate) called: CallId,
    /// Batches and lone requests that services have, by route.
    pub(crate) under_way: [usize; 2],
    /// Ticks that were planned, and one more.
    pub(crate) ticks: u64,
    pub(crate) tally: Tally,
}

impl Outside {
    pub(crate) fn new(shape: &Shape, rng: Rng) -> Self {
        Self {
            agenda: Agenda::default(),
            now: START,
            skew: 0,
            steps: 0,
            rng,
            mishaps: shape.mishaps,
            is_calm: shape.is_calm,
            slots: shape.has_slots.then(HashMap::new),
            written: 1,
            queues: Vec::new(),
            services: (0..2).map(|_| Service::new(shape.at_a_time, shape.cost)).collect(),
            calls: HashMap::new(),
            called: 0,
            under_way: [0; 2],
            ticks: 1,
            tally: Tally::default(),
            shape: shape.clone(),
        }
    }

    /// What the wall clock says.
    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(self.now.as_nanos().saturating_add_signed(self.skew))
    }

    /// Whether the clock has never jumped.
    pub(crate) fn is_smooth(&self) -> bool {
        self.tally.jumps == 0
    }

    pub(crate) fn chance(&mut self, of: f64) -> bool {
        of > 0.0 && self.rng.f64() < of
    }

    /// A service has one more. Where nothing goes wrong nobody is given more than one by each who gathers.
    pub(crate) fn sets_out(&mut self, route: usize) {
        self.under_way[route] += 1;
        let settings = &self.shape.routes[route];
        let gatherers = if settings.scope == Scope::Proxy { 1 } else { self.shape.workers };
        let most = gatherers * settings.max_in_flight as usize;
        assert!(!self.is_calm || self.under_way[route] <= most, "{:?} of {most}", self.under_way);
    }

    /// Plans that for some time after now.
    pub(crate) fn plan(&mut self, after: Duration, event: Event) {
        self.agenda.plan(self.now.plus(after), event);
    }

    /// The wall clock jumps.
    pub(crate) fn jump(&mut self) {
        let by = self.rng.i64(-5_000_000_000..5_000_000_000) / [1, 1_000][self.rng.usize(0..2)];
        self.skew += by;
        self.steps += u32::from(by < 0);
        self.tally.jumps += 1;
    }

    pub(crate) fn read(&mut self, slot: u32) -> Option<(Vec<u8>, u32)> {
        if self.chance(self.mishaps.unread) {
            return None;
        }
        Some(self.slots.as_ref()?.get(&slot).cloned().unwrap_or((Vec::new(), 1)))
    }

    pub(crate) fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool {
        // Another worker's write came in between, and left what was there.
        let outrun = self.chance(self.mishaps.outrun);
        let Some(slots) = &mut self.slots else { return false };
        if outrun || slots.get(&slot).map_or(1, |(_, cas)| *cas) != cas {
            return false;
        }
        self.written += 1;
        slots.insert(slot, (value.to_vec(), self.written));
        true
    }

    pub(crate) fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        let refused = self.chance(self.mishaps.not_sent);
        let index = usize::try_from(queue).expect("queues are few");
        if refused || self.queues[index].gone {
            self.tally.refused += 1;
            return false;
        }
        if let Some(says) = message.get(SAYS) {
            self.tally.said[usize::from(*says)] += 1;
        }
        let late = self.chance(self.mishaps.late_message);
        let way = if late { LONGEST_WAY } else { Duration::from_micros(400) };
        let at = self.now.plus(way.mul_f64(self.rng.f64()));
        let queue_of = &mut self.queues[index];
        queue_of.messages.push_back(message.to_vec());
        queue_of.last = queue_of.last.max(at);
        self.agenda.plan(queue_of.last, Event::Queue(queue));
        true
    }
}
