//! A virtual Envoy: requests that arrive, attempts that are answered, ticks that come late, clients that leave.

use crate::budgets::Shared;
use crate::referee::{LATE, TICK};
use crate::request::Request;
use crate::shapes::Config;
use crate::simulation::agenda::Agenda;
use crate::simulation::tally::Tally;
use crate::tally::Times;
use crate::weather::{Outcome, Weather};
use crate::worker::Worker;
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::retry::GRACE;

mod arrivals;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const WORKERS: usize = 4;
/// How often counts are told while nothing waits.
const NEWS: Duration = Duration::from_millis(250);

/// How often what goes wrong goes wrong, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) late_tick: f64,
    pub(crate) not_sent: f64,
    pub(crate) lost_call: f64,
    pub(crate) leaves: f64,
    pub(crate) post: f64,
    pub(crate) body_not_kept: f64,
    pub(crate) went_elsewhere: f64,
    pub(crate) too_large: f64,
    pub(crate) refused: f64,
    pub(crate) hurried: f64,
}

/// What is to happen; to a request, or to a worker.
pub(crate) enum Event {
    Arrives,
    /// The first attempt's answer has begun.
    Answered(usize),
    /// Enough of it is there, and it says this.
    Judged(usize, Outcome),
    /// A call of ours is answered; whether it is a retry.
    CallAnswered(usize, u32, Outcome, bool),
    Leaves(usize),
    /// The held answer is longer than Envoy buffers.
    TooLarge(usize),
    /// The request's body has come whole.
    Kept(usize),
    Tick(usize),
    /// Endpoints are ejected and readmitted.
    Ejects,
    /// A configuration is made, and taken by one worker after the other.
    Configures,
    Takes(usize, Rc<Config>),
}

/// Envoy, with all that is to happen in it.
pub(crate) struct Envoy {
    pub(crate) agenda: Agenda<Event>,
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) mishaps: Mishaps,
    pub(crate) weather: Weather,
    /// What outlier says.
    rotation: Vec<bool>,
    pub(crate) shared: Shared,
    pub(crate) workers: Vec<Worker>,
    pub(crate) requests: Vec<Request>,
    /// Requests still to come, and the time between two.
    to_come: usize,
    between: Duration,
    pub(crate) open: usize,
    pub(crate) tally: Tally,
    pub(crate) times: Times,
}

impl Envoy {
    /// One that gets so many requests, one every so often.
    pub(crate) fn new(
        config: Config,
        weather: Weather,
        mishaps: Mishaps,
        (requests, between): (usize, Duration),
        mut rng: Rng,
    ) -> Self {
        let config = Rc::new(config);
        let worker = |_| Worker::new(Rc::clone(&config), weather.len(), rng.fork());
        let workers: Vec<_> = (0..WORKERS).map(worker).collect();
        let mut envoy = Self {
            agenda: Agenda::default(),
            now: START,
            mishaps,
            rotation: vec![true; weather.len()],
            shared: Shared::new(mishaps.refused),
            workers,
            requests: Vec::with_capacity(requests),
            to_come: requests,
            between,
            open: 0,
            tally: Tally::default(),
            times: Times::default(),
            weather,
            rng,
        };
        (0..WORKERS).for_each(|worker| envoy.plan_tick(worker, NEWS));
        envoy.agenda.plan(START, Event::Arrives);
        envoy
    }

    /// Lets outlier and the operator change things.
    pub(crate) fn changing(mut self) -> Self {
        self.agenda.plan(START, Event::Ejects);
        self.agenda.plan(START.plus(Duration::from_secs(1)), Event::Configures);
        self
    }

    /// Everything happens, until nothing is left to.
    pub(crate) fn run(&mut self) {
        while let Some((at, event)) = self.agenda.next() {
            self.now = at;
            self.happens(event);
        }
        let ended = self.requests.iter().all(|request| request.referee.has_ended());
        assert!(ended && self.open == 0, "every request ends");
        assert!(self.workers.iter().all(|worker| worker.purse.active == 0), "every place is given back");
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.arrives(),
            Event::Answered(id) => self.answered(id),
            Event::Judged(id, outcome) => self.judged(id, outcome),
            Event::CallAnswered(id, number, outcome, counted) => {
                self.call_answered(id, number, outcome, counted);
            }
            Event::Leaves(id) => self.leaves(id),
            Event::TooLarge(id) => self.too_large(id),
            Event::Kept(id) => self.requests[id].kept = true,
            Event::Tick(worker) => self.tick(worker),
            Event::Ejects => self.ejects(),
            Event::Configures => self.configures(),
            Event::Takes(worker, config) => self.workers[worker].config = config,
        }
    }

    pub(crate) fn chance(&mut self, of: f64) -> bool {
        self.rng.f64() < of
    }

    /// A moment within `most` from now.
    pub(crate) fn soon(&mut self, most: Duration) -> Timestamp {
        self.now.plus(most.mul_f64(self.rng.f64()))
    }

    fn plan_tick(&mut self, worker: usize, after: Duration) {
        let late = self.chance(self.mishaps.late_tick);
        let late = if late { LATE.mul_f64(self.rng.f64()) } else { Duration::ZERO };
        let at = self.now.plus(after + late);
        (self.workers[worker].ticks_at, self.workers[worker].idle) = (at, after == NEWS);
        self.agenda.plan(at, Event::Tick(worker));
    }

    /// A tick may have something to do for the request.
    pub(crate) fn waits(&mut self, id: usize) {
        let request = &mut self.requests[id];
        let worker = request.worker;
        if !core::mem::replace(&mut request.waits, true) {
            self.workers[worker].waiting.push(id);
        }
        if self.workers[worker].idle {
            self.plan_tick(worker, TICK);
        }
    }

    fn tick(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if worker.ticks_at != self.now {
            return;
        }
        worker.rotation.clone_from(&self.rotation);
        if self.now.since(worker.told) >= NEWS {
            worker.told = self.now;
            let config = Rc::clone(&worker.config);
            self.shared.tell(&config, &mut worker.purse, self.now);
        }
        for id in worker.waiting.clone() {
            self.advances(id);
            let request = &self.requests[id];
            assert!(request.is_over() || self.now < request.deadline.plus(GRACE), "{:?}", request.referee);
        }
        let (requests, worker) = (&self.requests, &mut self.workers[index]);
        worker.waiting.retain(|id| !requests[*id].is_over());
        let after = if worker.waiting.is_empty() { NEWS } else { TICK };
        if self.is_busy() {
            self.plan_tick(index, after);
        }
    }

    fn is_busy(&self) -> bool {
        self.to_come > 0 || self.open > 0
    }

    fn ejects(&mut self) {
        let count = self.rotation.len();
        match self.rng.u8(0..12) {
            0 => self.rotation.fill(false),
            1 | 2 => self.rotation.fill(true),
            _ => {
                let endpoint = self.rng.usize(0..count);
                self.rotation[endpoint] = !self.rotation[endpoint];
            }
        }
        if self.is_busy() {
            let at = self.soon(Duration::from_millis(400));
            self.agenda.plan(at, Event::Ejects);
        }
    }

    /// Budgets keep their window.
    fn configures(&mut self) {
        let window = self.workers[0].config.settings.budget.window;
        let config = Rc::new(Config::any(window, &mut self.rng));
        for worker in 0..WORKERS {
            let at = self.soon(Duration::from_millis(500));
            self.agenda.plan(at, Event::Takes(worker, Rc::clone(&config)));
        }
        if self.is_busy() {
            let at = self.soon(Duration::from_secs(6));
            self.agenda.plan(at, Event::Configures);
        }
    }
}
