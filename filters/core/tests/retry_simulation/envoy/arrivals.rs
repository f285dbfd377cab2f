//! How requests begin.

use super::{Envoy, Event, WORKERS};
use crate::referee::Referee;
use crate::request::Request;
use crate::weather::Outcome;
use crate::worker::Worker;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Attempts, Failure, Hedge, Subject};

impl Envoy {
    pub(super) fn arrives(&mut self) {
        self.to_come -= 1;
        if self.to_come > 0 {
            let between = self.between.mul_f64(self.rng.f64() * 2.0);
            self.agenda.plan(self.now.plus(between), Event::Arrives);
        }
        let id = self.requests.len();
        let request = self.request();
        let hedged = request.hedged;
        if !request.kept && self.rng.bool() {
            let at = self.soon(Duration::from_millis(100));
            self.agenda.plan(at, Event::Kept(id));
        }
        if self.chance(self.mishaps.leaves) {
            let at = self.soon(request.deadline.since(self.now));
            self.agenda.plan(at, Event::Leaves(id));
        }
        self.open += 1;
        self.requests.push(request);
        self.sends_first(id, hedged);
        if hedged {
            self.waits(id);
        }
    }

    fn request(&mut self) -> Request {
        let (now, worker) = (self.now, self.rng.usize(0..WORKERS));
        let config = Rc::clone(&self.workers[worker].config);
        let (post, not_kept) = (self.chance(self.mishaps.post), self.chance(self.mishaps.body_not_kept));
        // Some say themselves how long they have.
        let share = if self.chance(self.mishaps.hurried) { self.rng.f64() } else { 1.0 };
        let deadline = now.plus(config.settings.deadline.timeout.mul_f64(share));
        let serves = &mut self.workers[worker];
        serves.purse.requests.iter_mut().for_each(|requests| *requests += 1);
        let candidates = serves.candidates();
        let delay = config.settings.hedge.map(|hedge| delay(serves, hedge, now));
        let hedge_at = delay.map(|delay| now.plus(delay));
        let thought = candidates.first().copied();
        let subject = Subject { idempotent: !post, kept: !not_kept, deadline };
        Request {
            worker,
            attempts: Attempts::new(subject, thought, hedge_at),
            referee: Referee::new(Rc::clone(&config), !post, deadline, thought),
            hedged: hedge_at.is_some(),
            config,
            candidates,
            deadline,
            started: now,
            first: (thought.unwrap_or_default(), Outcome::Good),
            kept: !not_kept,
            taken: 0,
            places: 0,
            due: None,
            gone: false,
            waits: false,
            closed: false,
        }
    }

    /// Envoy's own attempt. Its own timeout may be longer than ours where a tick watches over the request.
    fn sends_first(&mut self, id: usize, hedged: bool) {
        self.tally.count("requests");
        self.times.attempts.push(self.now);
        let elsewhere = self.chance(self.mishaps.went_elsewhere);
        let unbounded = hedged && self.rng.u8(0..5) == 0;
        let (now, request) = (self.now, &mut self.requests[id]);
        let endpoint = if elsewhere { self.rng.usize(0..self.weather.len()) } else { request.first.0 };
        let mut came = self.weather.attempt(endpoint, now, &mut self.rng);
        let timed_out = Outcome::Bad(Failure::Timeout, None);
        if let Some(limit) = request.config.settings.per_try_timeout {
            let (latency, outcome) = Request::within(limit, came, timed_out);
            came = (Some(latency), outcome);
        }
        let limit = if unbounded { Duration::from_secs(20) } else { request.deadline.since(now) };
        let (latency, outcome) = Request::within(limit, came, timed_out);
        request.first = (endpoint, outcome);
        self.agenda.plan(now.plus(latency), Event::Answered(id));
    }
}

/// When a hedge is due, as the filter has it.
fn delay(worker: &Worker, hedge: Hedge, now: Timestamp) -> Duration {
    let live = worker.latency.quantile(hedge.quantile, now);
    live.unwrap_or(hedge.initial_delay).max(hedge.min_delay)
}
