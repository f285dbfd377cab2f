//! What workers share: the clock, the board, the queues between them, and the upstreams.

use crate::agenda::Agenda;
use crate::shapes::Mishaps;
use crate::stream::Asked;
use crate::tally::Tally;
use core::time::Duration;
use fastrand::Rng;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::Settings;
use switchyard_core::request::PlainRequest;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Ticks are at most so late.
pub(crate) const LATE: Duration = Duration::from_millis(200);
/// Messages take at most so long: longer than a worker may be silent.
pub(crate) const LONGEST_WAY: Duration = Duration::from_millis(1_500);
/// The names of the routes.
pub(crate) const ROUTES: [&str; 2] = ["a", "b"];
/// Where a message says what it says: after version, receiver, sender and flight.
const SAYS: usize = 37;

/// What is to happen: to a worker, or to a stream.
pub(crate) enum Event {
    Arrives,
    Requests(usize),
    /// This request, to this worker, of the first route.
    Comes(usize, PlainRequest),
    /// Something is in this queue.
    Queue(u32),
    /// Unless another tick was planned since.
    Tick(usize, u64),
    /// The upstream says something.
    Says(usize),
    /// The client has read its answer.
    Read(usize),
    Leaves(usize),
    Dies,
    Jumps,
    Configures,
    Takes(usize, Rc<[Settings]>),
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

/// The world outside the workers.
pub(crate) struct Outside {
    pub(crate) agenda: Agenda<Event>,
    pub(crate) now: Timestamp,
    /// By how much the wall clock is ahead of the time that passes; seconds may be less than none.
    pub(crate) skew: i64,
    /// How often it has stepped back.
    pub(crate) steps: u32,
    pub(crate) rng: Rng,
    pub(crate) mishaps: Mishaps,
    board: Option<HashMap<u32, (Vec<u8>, u32)>>,
    buckets: u32,
    written: u32,
    pub(crate) queues: Vec<Queue>,
    pub(crate) asked: Vec<Asked>,
    /// Ticks that were planned, and one more.
    pub(crate) ticks: u64,
    pub(crate) tally: Tally,
    /// How many of a key may be let go and under way in one worker, by route: a worker heeds what another one says,
    /// whose configuration may be the next.
    pub(crate) may_release: [(&'static str, u32); 2],
}

impl Outside {
    pub(crate) fn new(buckets: u32, has_board: bool, mishaps: Mishaps, rng: Rng) -> Self {
        Self {
            agenda: Agenda::default(),
            now: START,
            skew: 0,
            steps: 0,
            rng,
            mishaps,
            board: has_board.then(HashMap::new),
            buckets,
            written: 1,
            queues: Vec::new(),
            asked: Vec::new(),
            ticks: 1,
            tally: Tally::default(),
            may_release: ROUTES.map(|name| (name, 0)),
        }
    }

    /// A configuration comes into force somewhere.
    pub(crate) fn configure(&mut self, routes: &[Settings]) {
        for ((_, most), settings) in self.may_release.iter_mut().zip(routes) {
            *most = settings.release_concurrency.max(*most);
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

    pub(crate) fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)> {
        if self.chance(self.mishaps.unread) {
            return None;
        }
        let board = self.board.as_ref()?;
        Some(board.get(&(bucket % self.buckets)).cloned().unwrap_or((Vec::new(), 1)))
    }

    pub(crate) fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool {
        // Another worker's write came in between, and left what was there.
        let outrun = self.chance(self.mishaps.outrun);
        let bucket = bucket % self.buckets;
        let Some(board) = &self.board else { return false };
        if outrun || board.get(&bucket).map_or(1, |(_, cas)| *cas) != cas {
            return false;
        }
        self.put(bucket, value);
        true
    }

    pub(crate) fn put(&mut self, bucket: u32, value: &[u8]) {
        self.written += 1;
        if let Some(board) = &mut self.board {
            board.insert(bucket % self.buckets, (value.to_vec(), self.written));
        }
    }

    /// The largest bucket, in bytes.
    pub(crate) fn largest_bucket(&self) -> usize {
        self.board.iter().flat_map(HashMap::values).map(|(bytes, _)| bytes.len()).max().unwrap_or(0)
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
