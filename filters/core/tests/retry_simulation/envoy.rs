//! A virtual Envoy: requests that arrive, attempts that are answered, ticks that come late, clients that leave.

use crate::around::Around;
use crate::budgets::Shared;
use crate::outside::{Event, Mishaps, Outside};
use crate::referee::{Cause, Facts, LATE, TICK};
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
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::exchanges::{Answer, Retries};

mod arrivals;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const WORKERS: usize = 4;
/// How often counts are told while nothing waits.
const NEWS: Duration = Duration::from_millis(250);

/// Envoy, with all that is to happen in it.
pub(crate) struct Envoy {
    pub(crate) outside: Outside,
    /// What outlier says.
    rotation: Vec<bool>,
    pub(crate) workers: Vec<Worker>,
    /// Requests still to come, and the time between two.
    to_come: usize,
    between: Duration,
    open: usize,
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
        let worker = |_| Worker::new(Rc::clone(&config), weather.len(), rng.fork(), START);
        let workers: Vec<_> = (0..WORKERS).map(worker).collect();
        let outside = Outside {
            agenda: Agenda::default(),
            now: START,
            mishaps,
            shared: Shared::default(),
            requests: Vec::with_capacity(requests),
            called: 0,
            tally: Tally::default(),
            times: Times::default(),
            weather,
            rng,
        };
        let rotation = vec![true; outside.weather.len()];
        let mut envoy = Self { outside, rotation, workers, to_come: requests, between, open: 0 };
        (0..WORKERS).for_each(|worker| envoy.plan_tick(worker, NEWS));
        envoy.outside.agenda.plan(START, Event::Arrives);
        envoy
    }

    /// Lets outlier and the operator change things.
    pub(crate) fn changing(mut self) -> Self {
        self.outside.agenda.plan(START, Event::Ejects);
        self.outside.agenda.plan(START.plus(Duration::from_secs(1)), Event::Configures);
        self
    }

    /// Everything happens, until nothing is left to.
    pub(crate) fn run(&mut self) {
        while let Some((at, event)) = self.outside.agenda.next() {
            self.outside.now = at;
            self.happens(event);
        }
        let ended = self.outside.requests.iter().all(|request| request.referee.has_ended());
        assert!(ended && self.open == 0, "every request ends");
        let mut roots = self.workers.iter().flat_map(|worker| &worker.roots);
        assert!(roots.all(crate::worker::Root::is_clean), "nothing is left behind");
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.arrives(),
            Event::Answered(id) => self.answered(id),
            Event::Piece(id) => self.piece(id),
            Event::CallAnswered(id, call, number, answer, outcome) => {
                self.call_answered(id, (call, number), (answer, outcome));
            }
            Event::Leaves(id) => self.leaves(id),
            Event::TooLarge(id) => self.too_large(id),
            Event::Body(id, size) => self.body(id, size),
            Event::Gone(id) => self.gone(id),
            Event::Tick(worker) => self.tick(worker),
            Event::Ejects => self.ejects(),
            Event::Configures => self.configures(),
            Event::Takes(worker, config) => self.workers[worker].takes(config, self.outside.now),
        }
    }

    /// Tells the machine of a request something, under the eyes of its referee.
    pub(crate) fn tells<R>(
        &mut self,
        id: usize,
        (cause, came): (Cause, Option<(Answer<PlainRequest>, Outcome)>),
        act: impl FnOnce(&mut Retries<PlainRequest>, &mut Around<'_>) -> R,
    ) -> R {
        let request = &mut self.outside.requests[id];
        let (index, root) = (request.worker, request.root);
        request.referee.hears(cause);
        let result = self.enters((index, root, id), (cause, Cause::Nothing, came), act);
        let worker = &self.workers[index];
        let (rotation, request) = (&worker.rotation, &self.outside.requests[id]);
        let (now, kept, least) = (self.outside.now, request.kept, Duration::ZERO);
        request.referee.has_heard(Facts { now, cause, rotation, kept, least });
        if worker.waits() && worker.idle {
            self.plan_tick(index, TICK);
        }
        result
    }

    fn enters<R>(
        &mut self,
        (worker, root, id): (usize, usize, usize),
        (cause, usual, came): (Cause, Cause, Option<(Answer<PlainRequest>, Outcome)>),
        act: impl FnOnce(&mut Retries<PlainRequest>, &mut Around<'_>) -> R,
    ) -> R {
        let (outside, worker) = (&mut self.outside, &mut self.workers[worker]);
        let root = &mut worker.roots[root];
        outside.shared.begins();
        let mut around = Around {
            outside,
            rotation: &worker.rotation,
            rng: &mut worker.rng,
            config: &root.config,
            upstream: &root.upstream,
            id,
            cause,
            usual,
            came,
        };
        let result = act(&mut root.retries, &mut around);
        self.outside.shared.begins();
        result
    }

    fn plan_tick(&mut self, worker: usize, after: Duration) {
        let late = self.outside.happens(self.outside.mishaps.late_tick);
        let late = if late { LATE.mul_f64(self.outside.rng.f64()) } else { Duration::ZERO };
        let at = self.outside.now.plus(after + late);
        (self.workers[worker].ticks_at, self.workers[worker].idle) = (at, after == NEWS);
        self.outside.agenda.plan(at, Event::Tick(worker));
    }

    fn tick(&mut self, index: usize) {
        let (now, worker) = (self.outside.now, &mut self.workers[index]);
        if worker.ticks_at != now {
            return;
        }
        worker.rotation.clone_from(&self.rotation);
        if now.since(worker.told) >= NEWS {
            worker.told = now;
            self.outside.shared.begins();
            worker.roots.iter().for_each(|root| root.tell(&mut self.outside.shared, now));
        }
        for root in 0..worker.roots.len() {
            for id in &self.workers[index].open {
                self.outside.requests[*id].referee.hears(Cause::Tick);
            }
            let tick = (Cause::Tick, Cause::Tick, None);
            self.enters((index, root, usize::MAX), tick, |retries, world| retries.tick(world));
        }
        let worker = &mut self.workers[index];
        let requests = &self.outside.requests;
        worker.open.iter().for_each(|id| requests[*id].referee.was_looked_after(now));
        worker.open.retain(|id| !requests[*id].referee.has_ended());
        let after = if worker.waits() { TICK } else { NEWS };
        if self.is_busy() {
            self.plan_tick(index, after);
        }
    }

    /// One request less.
    pub(crate) fn closes(&mut self) {
        self.open -= 1;
    }

    fn is_busy(&self) -> bool {
        self.to_come > 0 || self.open > 0
    }

    fn ejects(&mut self) {
        let count = self.rotation.len();
        match self.outside.rng.u8(0..12) {
            0 => self.rotation.fill(false),
            1 | 2 => self.rotation.fill(true),
            _ => {
                let endpoint = self.outside.rng.usize(0..count);
                self.rotation[endpoint] = !self.rotation[endpoint];
            }
        }
        if self.is_busy() {
            let at = self.outside.soon(Duration::from_millis(400));
            self.outside.agenda.plan(at, Event::Ejects);
        }
    }

    /// Budgets keep their window.
    fn configures(&mut self) {
        let window = self.workers[0].roots[0].config.settings.budget.window;
        let config = Rc::new(Config::any(window, &mut self.outside.rng));
        for worker in 0..WORKERS {
            let at = self.outside.soon(Duration::from_millis(500));
            self.outside.agenda.plan(at, Event::Takes(worker, Rc::clone(&config)));
        }
        if self.is_busy() {
            let at = self.outside.soon(Duration::from_secs(6));
            self.outside.agenda.plan(at, Event::Configures);
        }
    }
}
