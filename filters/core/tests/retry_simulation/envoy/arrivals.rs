//! How requests begin.

use super::{Envoy, WORKERS};
use crate::around::CANDIDATES;
use crate::messages::{MOST_BODY, Message, message};
use crate::outside::Event;
use crate::referee::{Cause, Referee};
use crate::request::Request;
use crate::shapes::DEADLINE_HEADER;
use crate::weather::Outcome;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::Failure;
use switchyard_core::retry::exchanges::Candidate;

impl Envoy {
    pub(super) fn arrives(&mut self) {
        self.to_come -= 1;
        let outside = &mut self.outside;
        if self.to_come > 0 {
            let between = self.between.mul_f64(outside.rng.f64() * 2.0);
            outside.agenda.plan(outside.now.plus(between), Event::Arrives);
        }
        let id = outside.requests.len();
        let (request, candidate) = self.request(id);
        let (worker, deadline) = (request.worker, request.deadline);
        self.open += 1;
        self.workers[worker].open.insert(id);
        self.outside.requests.push(request);
        self.sends_body(id, candidate.ended);
        candidate.policy.request(&candidate.upstream);
        self.tells(id, (Cause::Nothing, None), |retries, world| retries.begin(world, candidate));
        if self.outside.happens(self.outside.mishaps.leaves) {
            let at = self.outside.soon(deadline.since(self.outside.now));
            self.outside.agenda.plan(at, Event::Leaves(id));
        }
        self.sends_first(id);
    }

    fn request(&mut self, id: usize) -> (Request, Candidate<PlainRequest>) {
        let outside = &mut self.outside;
        let (now, worker) = (outside.now, outside.rng.usize(0..WORKERS));
        let serves = &mut self.workers[worker];
        let root = serves.roots.len() - 1;
        let config = Rc::clone(&serves.roots[root].config);
        let (post, grpc) = (outside.happens(outside.mishaps.post), outside.happens(outside.mishaps.grpc));
        let has_body = post || outside.happens(outside.mishaps.body_not_kept);
        // Some say themselves how long they have.
        let share = if outside.happens(outside.mishaps.hurried) { outside.rng.f64() } else { 1.0 };
        let allowance = config.settings.deadline.timeout.mul_f64(share).as_millis().max(1) as u64;
        let deadline = now.plus(Duration::from_millis(allowance));
        let candidates = serves.candidates();
        let thought = candidates.first().copied();
        let names: Vec<_> = candidates.iter().map(usize::to_string).collect();
        let mut head = PlainRequest::default()
            .with(":method", if post { "POST" } else { "PUT" })
            .with(CANDIDATES, names.join(","))
            .with(DEADLINE_HEADER, allowance.to_string());
        if grpc {
            head = head.with("content-type", "application/grpc");
        }
        let candidate = Candidate {
            stream: id as u32,
            policy: Rc::clone(&serves.roots[root].policy),
            upstream: Rc::clone(&serves.roots[root].upstream),
            head,
            ended: !has_body,
            waits: false,
            stale_key: config.settings.fallback.stale.is_some().then(|| vec![(id % 50) as u8]),
        };
        let request = Request {
            worker,
            root,
            referee: Referee::new(Rc::clone(&config), (!post, grpc), deadline, thought),
            grpc,
            unbounded: false,
            config,
            deadline,
            started: now,
            first: (thought.unwrap_or_default(), Outcome::Good),
            message: Message::default(),
            came: 0,
            passed: 0,
            held: false,
            kept: !has_body,
            replaced: None,
            gone: false,
        };
        (request, candidate)
    }

    /// Its body comes at once, later, never as a whole, or is too large to be kept.
    fn sends_body(&mut self, id: usize, ended: bool) {
        if ended {
            return;
        }
        let outside = &mut self.outside;
        let troubled = outside.happens(outside.mishaps.body_not_kept * 2.0);
        let kind = if troubled { outside.rng.u8(0..3) } else { 3 };
        let (at, size) = match kind {
            0 => return,
            1 => (outside.now, MOST_BODY as usize + 1),
            2 => (outside.soon(Duration::from_millis(100)), 10),
            _ => (outside.now, 10),
        };
        outside.agenda.plan(at, Event::Body(id, size));
    }

    /// Envoy's own attempt. Its own timeout may be longer than ours where a tick watches over the request.
    fn sends_first(&mut self, id: usize) {
        let outside = &mut self.outside;
        outside.tally.count("requests");
        outside.times.attempts.push(outside.now);
        let elsewhere = outside.happens(outside.mishaps.went_elsewhere);
        let request = &mut outside.requests[id];
        let hedged = request.hedges();
        request.unbounded = hedged && outside.rng.u8(0..5) == 0;
        let endpoint = if elsewhere { outside.rng.usize(0..outside.weather.len()) } else { request.first.0 };
        let mut came = outside.weather.attempt(endpoint, outside.now, &mut outside.rng);
        let timed_out = Outcome::Bad(Failure::Timeout, None);
        if let Some(limit) = request.config.settings.per_try_timeout {
            let (latency, outcome) = Request::within(limit, came, timed_out);
            came = (Some(latency), outcome);
        }
        let left = request.deadline.since(outside.now);
        let limit = if request.unbounded { Duration::from_secs(20) } else { left };
        let (latency, outcome) = Request::within(limit, came, timed_out);
        let json = request.config.reads_bodies && outside.rng.bool();
        let says = json && !request.grpc && outside.rng.u8(0..4) == 0;
        let outcome = if says && outcome == Outcome::Good { Outcome::Says } else { outcome };
        let outcome = outcome.seen_by(request.grpc);
        request.message = message(outcome, (request.grpc, json), &mut outside.rng);
        request.first = (endpoint, outcome);
        outside.agenda.plan(outside.now.plus(latency), Event::Answered(id));
    }
}
