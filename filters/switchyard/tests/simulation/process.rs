//! Several workers of one process, all requests on their way, and what is to happen to them.

use crate::document::{Chain, Worker, routes};
use crate::faults::Faults;
use crate::ride::Ride;
use crate::simulation::agenda::Agenda;
use crate::simulation::tally::Tally;
use fastrand::Rng;
use std::collections::BTreeMap;
use switchyard_core::Timestamp;
use switchyard_frame::Stream as _;
use switchyard_frame::fake::{Done, Roots, StreamOf};
use switchyard_host::fake::{FakeHost, Reply, SharedStore};

/// When it begins, in milliseconds.
const START: u64 = 1_700_000_000_000;
/// All that is kept for a while is over by then.
const REST: u64 = 30_000;

/// What is to happen.
pub(crate) enum Event {
    Begin,
    /// More of the request with this number.
    Piece(u64),
    /// An endpoint answers it, or nobody does.
    Answer(u64, Outcome),
    /// More of its answer.
    AnswerPiece(u64, Outcome),
    /// Its client has read all of the answer.
    End(u64),
    Leave(u64),
    /// A call of this side, this VM and this number is answered.
    Call(usize, u32, u32, Outcome),
}

/// What an upstream makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    /// An endpoint says that it fails; in the status, or in the body.
    Failed,
    Error,
    /// Envoy says so: there is no endpoint, or no answer.
    Local,
    /// It takes as long as it may.
    TimesOut,
    /// The answer breaks off.
    BreaksOff,
}

/// One worker.
pub(crate) struct Side {
    pub(crate) worker: Worker,
    /// How many VMs it had before.
    pub(crate) vm: u32,
    /// Until when its host failed at anything.
    pub(crate) faulty_until: u64,
    pub(crate) failing: Option<&'static str>,
    /// Neither ticks nor messages come before.
    pub(crate) late_until: u64,
}

/// One process.
pub(crate) struct Process {
    pub(crate) store: SharedStore,
    pub(crate) section: String,
    pub(crate) sides: Vec<Side>,
    pub(crate) rides: BTreeMap<u64, Ride>,
    pub(crate) agenda: Agenda<Event>,
    /// Time since it began, in milliseconds.
    pub(crate) now: u64,
    /// By how much the clock on the wall is ahead, and how far it was set back in all.
    pub(crate) skew: i64,
    pub(crate) set_back: u64,
    pub(crate) rng: Rng,
    pub(crate) to_come: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) faults: Faults,
    pub(crate) tally: Tally,
}

impl Side {
    pub(crate) fn new(store: &SharedStore, section: &str, vm: u32) -> Self {
        let worker = Roots::<Chain>::new(store, section);
        worker.host.keep_streams_apart();
        Self { worker, vm, faulty_until: 0, failing: None, late_until: 0 }
    }
}

impl Process {
    /// Any process, which gets so many requests.
    pub(crate) fn any(requests: u64, rng: &mut Rng) -> Self {
        let mut rng = rng.fork();
        let (store, section) = (SharedStore::default(), routes(&mut rng));
        let sides = (0..rng.usize(1..=3)).map(|_| Side::new(&store, &section, 0)).collect();
        let mut agenda = Agenda::default();
        agenda.plan(Timestamp::from_millis(0), Event::Begin);
        Self {
            store,
            section,
            sides,
            rides: BTreeMap::new(),
            agenda,
            now: 0,
            skew: 0,
            set_back: 0,
            faults: Faults::any(&mut rng),
            rng,
            to_come: requests,
            requests: 0,
            retries: 0,
            tally: Tally::default(),
        }
    }

    /// Until all requests have ended, and nothing is left of them.
    pub(crate) fn run(&mut self) {
        while self.to_come > 0 || !self.rides.is_empty() {
            self.pass(1);
            self.happen();
            if self.to_come > 0 {
                self.go_wrong();
            } else {
                self.get_well();
            }
            if self.now.is_multiple_of(100) {
                let sides = &self.sides;
                self.rides.values().for_each(|ride| {
                    ride.is_in_time(self.now, sides[ride.side].faulty_until, self.set_back);
                });
            }
        }
        self.rests();
    }

    /// Nothing ticks any more; and nothing is kept when no route wants anything kept.
    fn rests(&mut self) {
        (0..self.sides.len()).for_each(|side| self.recover(side));
        self.pass_all(REST);
        for side in &self.sides {
            assert!(side.worker.rests(), "nothing is left to tick for");
        }
        self.section = String::new();
        self.reload();
        self.pass_all(REST);
        for side in &self.sides {
            assert!(side.worker.rests(), "nothing is left to tick for");
            let memory = side.worker.memory();
            assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0), "all is paid back");
        }
    }

    fn pass_all(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.pass(10);
            self.happen();
        }
    }

    /// So much time passes, with the ticks and messages that come meanwhile.
    fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.set_clocks();
        for side in 0..self.sides.len() {
            if self.now < self.sides[side].late_until {
                continue;
            }
            for done in self.sides[side].worker.tick(self.now) {
                self.take(side, done);
            }
            for _ in 0..50 {
                let Some(done) = self.sides[side].worker.deliver() else { break };
                self.take(side, done);
            }
        }
    }

    pub(crate) fn set_clocks(&self) {
        let wall = (START + self.now).saturating_add_signed(self.skew);
        self.sides.iter().for_each(|side| side.worker.set_time(wall));
    }

    fn happen(&mut self) {
        let now = Timestamp::from_millis(self.now);
        while let Some((at, event)) = self.agenda.next() {
            if at > now {
                return self.agenda.plan(at, event);
            }
            match event {
                Event::Begin => self.begin(),
                Event::Piece(id) => self.piece(id),
                Event::Answer(id, outcome) => self.answer(id, outcome),
                Event::AnswerPiece(id, outcome) => self.answer_piece(id, outcome),
                Event::End(id) => self.ends(id, "served"),
                Event::Leave(id) => self.ends(id, "left"),
                Event::Call(side, vm, number, outcome) => self.answer_call(side, vm, number, outcome),
            }
        }
    }

    /// Plans what is to happen in so many milliseconds.
    pub(crate) fn plan(&mut self, after: u64, event: Event) {
        self.agenda.plan(Timestamp::from_millis(self.now + after), event);
    }

    /// What a callback of a root did.
    pub(crate) fn take(&mut self, side: usize, (replies, called): Done) {
        called.into_iter().for_each(|call| self.take_call(side, &call));
        replies.iter().for_each(|reply| self.receives(side, reply));
    }

    /// A callback of this request's stream.
    pub(crate) fn callback<R>(
        &mut self,
        id: u64,
        act: impl FnOnce(&mut StreamOf<Chain>, &FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let worker = &mut self.sides[ride.side].worker;
        let began = (START + ride.began) * 1_000_000;
        worker.host.set_property("request.time", &began.to_le_bytes());
        worker.of_stream(ride.root, ride.context, |host| act(&mut ride.stream, host))
    }

    /// The host of this request's worker, in the name of its stream.
    pub(crate) fn host(&self, id: u64) -> &FakeHost {
        let ride = &self.rides[&id];
        let host = &self.sides[ride.side].worker.host;
        host.in_context(ride.context);
        host
    }

    /// A request ends, if it has not.
    pub(crate) fn ends(&mut self, id: u64, how: &str) {
        if !self.rides.contains_key(&id) {
            return;
        }
        self.tally.count(how);
        let attempts = self.rng.u64(1..4);
        self.host(id).set_property("upstream.request_attempt_count", &attempts.to_le_bytes());
        let ((), replies) = self.callback(id, |stream, host| stream.on_done(host));
        assert_eq!(replies, [], "it has ended");
        let ride = self.rides.remove(&id).expect("it is there");
        let side = &mut self.sides[ride.side];
        side.worker.host.end_context(ride.context);
        side.worker.host.take_marks();
        self.drop_old(ride.side);
    }

    /// Roots end with their last stream.
    pub(crate) fn drop_old(&mut self, side: usize) {
        let own = self.rides.values().filter(|ride| ride.side == side);
        let mut in_use: Vec<_> = own.map(|ride| ride.root).collect();
        in_use.dedup();
        self.sides[side].worker.drop_old(&in_use);
    }
}
