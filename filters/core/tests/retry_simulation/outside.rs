//! All there is but the workers: what is to happen, the weather, what they share, and the requests with their calls.

use crate::budgets::Shared;
use crate::messages::message;
use crate::request::Request;
use crate::shapes::Config;
use crate::simulation::agenda::Agenda;
use crate::simulation::tally::Tally;
use crate::tally::Times;
use crate::weather::{Outcome, Weather};
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::Failure;
use switchyard_core::retry::exchanges::{Answer, Call, CallId};

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
    pub(crate) grpc: f64,
}

/// What is to happen; to a request, or to a worker.
pub(crate) enum Event {
    Arrives,
    /// The first attempt's answer begins.
    Answered(usize),
    /// More of it comes.
    Piece(usize),
    /// This call of ours for this request, an attempt of this number, is answered.
    CallAnswered(usize, CallId, u32, Answer<PlainRequest>, Outcome),
    /// The client leaves, or the answer breaks off.
    Leaves(usize),
    /// The held answer is longer than Envoy buffers.
    TooLarge(usize),
    /// The request's body comes whole, or is too large.
    Body(usize, usize),
    /// The stream of a request that has ended is gone.
    Gone(usize),
    Tick(usize),
    /// Endpoints are ejected and readmitted.
    Ejects,
    /// A configuration is made, and taken by one worker after the other.
    Configures,
    Takes(usize, Rc<Config>),
}

/// All there is but the workers.
pub(crate) struct Outside {
    pub(crate) agenda: Agenda<Event>,
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) mishaps: Mishaps,
    pub(crate) weather: Weather,
    pub(crate) shared: Shared,
    pub(crate) requests: Vec<Request>,
    /// Calls that were made.
    pub(crate) called: CallId,
    pub(crate) tally: Tally,
    pub(crate) times: Times,
}

impl Outside {
    pub(crate) fn happens(&mut self, of: f64) -> bool {
        self.rng.f64() < of
    }

    /// A moment within `most` from now.
    pub(crate) fn soon(&mut self, most: Duration) -> Timestamp {
        self.now.plus(most.mul_f64(self.rng.f64()))
    }

    /// A request ends with a good answer of an endpoint.
    pub(crate) fn ends_well(&mut self) {
        self.tally.count("good");
        self.times.successes.push(self.now);
    }

    /// The client has all of its answer soon.
    pub(crate) fn ends_soon(&mut self, id: usize) {
        let at = self.soon(Duration::from_millis(20));
        self.agenda.plan(at, Event::Gone(id));
    }

    /// A call of ours is sent; it ends by its timeout, or long after if the host does not keep its word.
    pub(crate) fn calls(&mut self, id: usize, call: &Call<'_, PlainRequest>) -> Option<CallId> {
        let request = &self.requests[id];
        let (grpc, json, deadline) = (request.grpc, request.config.reads_bodies, request.deadline);
        assert!(self.now.plus(call.timeout) <= deadline, "an attempt outlives its deadline");
        let not_sent = if call.endpoint.is_some() { self.mishaps.not_sent } else { 0.1 };
        if self.happens(not_sent) {
            return None;
        }
        let came = match call.endpoint {
            Some(endpoint) => self.weather.attempt(endpoint, self.now, &mut self.rng),
            None => {
                let good = self.happens(0.7);
                let outcome = if good { Outcome::Good } else { Outcome::Bad(Failure::Status(503), None) };
                (Some(Duration::from_micros(self.rng.u64(100..50_000))), outcome)
            }
        };
        let says = self.mishaps.leaves > 0.0 && json && !grpc && self.happens(0.05);
        let came = if says && came.1 == Outcome::Good { (came.0, Outcome::Says) } else { came };
        let begins = call.begins_within().map_or(came, |limit| {
            let (latency, outcome) = Request::within(limit, came, Outcome::Bad(Failure::Timeout, None));
            (Some(latency), outcome)
        });
        let (latency, outcome) = Request::within(call.timeout, begins, Outcome::Bad(Failure::Reset, None));
        let outcome = outcome.seen_by(grpc);
        let mut answer = message(outcome, (grpc, json), &mut self.rng).answer;
        if outcome == Outcome::Bad(Failure::Reset, None) && self.rng.bool() {
            answer = Answer::default();
        }
        self.called += 1;
        let mut at = self.now.plus(latency);
        if self.happens(self.mishaps.lost_call) {
            self.requests[id].referee.lost = true;
            at = self.now.plus(Duration::from_secs(30));
        }
        self.agenda.plan(at, Event::CallAnswered(id, self.called, call.number, answer, outcome));
        Some(self.called)
    }
}
