//! Several workers of one process, all requests on their way, and what is to happen to them.

use crate::budget::Budgets;
use crate::document::{Chain, Document};
use crate::endpoints::Endpoints;
use crate::ride::{Moment, Ride};
use crate::scenario::Scenario;
use crate::side::Side;
use crate::simulation::agenda::Agenda;
use crate::simulation::tally::Tally;
use crate::stakes::{Rule, Stakes};
use crate::weather::Weather;
use fastrand::Rng;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use switchyard_core::Timestamp;
use switchyard_frame::fake::{Done, StreamOf};
use switchyard_host::fake::{FakeHost, Reply, SharedStore};

/// When it begins, in milliseconds.
const START: u64 = 1_700_000_000_000;

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
    /// A message that is late comes into this queue.
    Message(u32, Vec<u8>),
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
    /// An answer to a call ends in the middle, and nobody says so.
    Truncated,
}

/// One process.
pub(crate) struct Process {
    pub(crate) store: SharedStore,
    /// A host of nobody's, to look into shared data.
    pub(crate) onlooker: FakeHost,
    pub(crate) document: Document,
    /// When it came into force.
    pub(crate) reloaded: u64,
    pub(crate) sides: Vec<Side>,
    pub(crate) rides: BTreeMap<u64, Ride>,
    /// Requests by their side and context.
    pub(crate) by_context: HashMap<(usize, u32), u64>,
    pub(crate) agenda: Agenda<Event>,
    /// Time since it began, in milliseconds.
    pub(crate) now: u64,
    /// By how much the clock on the wall is ahead, how far it was set back in all, and when it stepped last.
    pub(crate) skew: i64,
    pub(crate) set_back: u64,
    pub(crate) stepped: Option<u64>,
    pub(crate) rng: Rng,
    pub(crate) to_come: u64,
    pub(crate) requests: u64,
    pub(crate) weather: Weather,
    pub(crate) endpoints: Endpoints,
    pub(crate) budgets: Budgets,
    /// How often what may do harm was sent and may have been done, by request.
    pub(crate) harm: BTreeMap<u64, u64>,
    /// Gauges that have said something.
    pub(crate) gauges: BTreeSet<&'static str>,
    pub(crate) stakes: Stakes,
    pub(crate) tally: Tally,
}

impl Process {
    /// The process of a scenario.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut rng = Rng::with_seed(scenario.seed);
        let weather = Weather::new(rng.fork(), &scenario.without);
        let (store, document) = (SharedStore::default(), Document::any(&mut rng));
        let is_small = rng.u8(0..4) == 0;
        let side = |_| Side::new(START, &store, (&document.section, is_small));
        let sides = (0..rng.u64(1..=3)).map(side).collect();
        let mut agenda = Agenda::default();
        agenda.plan(Timestamp::from_millis(0), Event::Begin);
        Self {
            onlooker: FakeHost::with_shared(&store),
            store,
            document,
            reloaded: 0,
            sides,
            rides: BTreeMap::new(),
            by_context: HashMap::new(),
            agenda,
            now: 0,
            skew: 0,
            set_back: 0,
            stepped: None,
            rng,
            to_come: scenario.requests,
            requests: 0,
            weather,
            endpoints: Endpoints::new(),
            budgets: Budgets::default(),
            harm: BTreeMap::new(),
            gauges: BTreeSet::new(),
            stakes: Stakes::default(),
            tally: Tally::default(),
        }
    }

    /// Until all requests have ended, and nothing is left of them.
    pub(crate) fn run(&mut self) {
        self.set_clocks();
        while self.to_come > 0 || !self.rides.is_empty() {
            self.pass(1);
            self.happen();
            if self.to_come > 0 {
                self.go_wrong();
            } else {
                self.get_well();
            }
            self.looks();
        }
        self.comes_to_rest();
    }

    /// So much time passes, with the ticks and messages that come meanwhile.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.set_clocks();
        for side in 0..self.sides.len() {
            self.sides[side].judge.tick(self.now);
            if self.now < self.sides[side].late_until {
                self.sides[side].lateness += millis;
                self.sides[side].last_late = self.now;
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

    /// What the clock on the wall says.
    pub(crate) fn wall(&self) -> u64 {
        (START + self.now).saturating_add_signed(self.skew)
    }

    pub(crate) fn set_clocks(&self) {
        let wall = self.wall();
        self.sides.iter().for_each(|side| side.set_clocks(wall));
    }

    /// Now, for what is held by this side.
    pub(crate) fn moment(&self, side: usize) -> Moment {
        Moment { at: self.now, grace: self.set_back + self.sides[side].lateness }
    }

    pub(crate) fn happen(&mut self) {
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
                Event::Message(queue, message) => self.store.put(queue, message),
            }
        }
    }

    /// Plans what is to happen in so many milliseconds.
    pub(crate) fn plan(&mut self, after: u64, event: Event) {
        self.agenda.plan(Timestamp::from_millis(self.now + after), event);
    }

    /// What a callback of a root did. That its calls are its own, the workers of tests look at.
    pub(crate) fn take(&mut self, side: usize, (replies, called): Done) {
        if !called.is_empty() || !replies.is_empty() {
            self.stakes.check(Rule::OwnName, true, String::new);
        }
        called.into_iter().for_each(|call| self.take_call(side, &call));
        replies.iter().for_each(|reply| self.receives(side, reply));
    }

    /// A callback of this request's stream. That it touches no other, the workers of tests look at.
    pub(crate) fn callback<R>(
        &mut self,
        id: u64,
        act: impl FnOnce(&mut StreamOf<Chain>, &FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        if self.rides.len() > 1 {
            self.stakes.check(Rule::OwnStream, true, String::new);
        }
        let ride = self.rides.get_mut(&id).expect("it is there");
        let worker = &mut self.sides[ride.side].worker;
        worker.host.set_property("request.time", &(ride.began_by_wall * 1_000_000).to_le_bytes());
        worker.of_stream(ride.root, ride.context, |host| act(&mut ride.stream, host))
    }

    /// The host of this request's worker, in the name of its stream.
    pub(crate) fn host(&self, id: u64) -> &FakeHost {
        let ride = &self.rides[&id];
        let host = &self.sides[ride.side].worker.host;
        host.in_context(ride.context);
        host
    }
}
