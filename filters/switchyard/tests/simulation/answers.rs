//! What upstreams answer to requests.

use crate::attempts::Ends;
use crate::process::{Event, Outcome, Process};
use crate::ride::Answer;
use crate::simulation::draws::one;
use crate::stakes::Rule;
use crate::truth::{ERROR, answer};
use crate::weather::Fault;
use switchyard_frame::Stream as _;
use switchyard_host::Flow;

impl Process {
    pub(crate) fn any_outcome(&mut self, address: &str) -> Outcome {
        let is_bad = self.weather.happens(Fault::BadAnswer);
        if self.endpoints.is_sick(address) && self.rng.u8(0..10) > 0 {
            return one(&[Outcome::Failed, Outcome::Failed, Outcome::TimesOut], &mut self.rng);
        }
        match self.rng.u8(0..28) {
            _ if !is_bad => Outcome::Good,
            0..12 => Outcome::Failed,
            12..18 => Outcome::Error,
            18..22 => Outcome::Local,
            22..25 => Outcome::TimesOut,
            _ => Outcome::BreaksOff,
        }
    }

    pub(crate) fn latency(&mut self) -> u64 {
        if self.rng.u8(0..10) == 0 { self.rng.u64(0..600) } else { self.rng.u64(0..30) }
    }

    /// The answer to a request begins.
    pub(crate) fn answer(&mut self, id: u64, outcome: Outcome) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.is_upstream()) else { return };
        let is_whole = ride.request.is_whole && ride.request.held.is_none();
        if !is_whole && self.rng.u8(0..20) > 0 {
            return self.plan(20, Event::Answer(id, outcome));
        }
        ride.trail.push((self.now, "is answered by an endpoint"));
        ride.answers = Answer::Endpoint;
        let (status, body) = match outcome {
            _ if !is_whole => (413, b"early".to_vec()),
            Outcome::Good | Outcome::BreaksOff | Outcome::Truncated => {
                (200, answer(&ride.asks.headers, &ride.request.gone))
            }
            Outcome::Error => (200, ERROR.as_bytes().to_vec()),
            Outcome::Failed => (503, if self.rng.bool() { b"sorry".to_vec() } else { Vec::new() }),
            Outcome::Local => (503, b"no healthy upstream".to_vec()),
            Outcome::TimesOut => (504, b"upstream request timeout".to_vec()),
        };
        if is_whole && !ride.asks.body.is_empty() {
            let arrives = ride.request.gone == ride.asks.body;
            self.stakes.check(Rule::BodiesWhole, arrives, || ride.story());
        }
        let details: &[u8] = match outcome {
            Outcome::Local => b"no_healthy_upstream",
            Outcome::TimesOut => b"response_timeout",
            _ => b"via_upstream",
        };
        ride.answer.trailers = !body.is_empty() && self.rng.u8(0..10) == 0;
        let size = body.len().div_ceil(self.rng.usize(1..4)).max(1);
        ride.answer.to_come = body.chunks(size).map(<[u8]>::to_vec).collect();
        (ride.answer.is_whole, ride.status) = (body.is_empty(), status);
        self.attempt_sees(id, outcome);
        self.answer_begins(id, outcome, details);
    }

    /// What outlier.wasm sees of the answer's head: nothing, if it is Envoy's own.
    fn attempt_sees(&mut self, id: u64, outcome: Outcome) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let (side, status, Some(mut attempt)) = (ride.side, ride.status, ride.attempt.take()) else { return };
        self.sides[side].worker.host.set_property("upstream.address", attempt.address.as_bytes());
        match outcome {
            Outcome::Local => self.attempt_ends(side, attempt, Ends::Unconnected),
            Outcome::TimesOut => self.attempt_breaks_off(side, attempt),
            _ => {
                self.attempt_is_answered(side, &mut attempt, status);
                self.rides.get_mut(&id).expect("it is there").attempt = Some(attempt);
            }
        }
    }

    fn answer_begins(&mut self, id: u64, outcome: Outcome, details: &[u8]) {
        let (status, ended) = (self.rides[&id].status.to_string(), self.rides[&id].answer.is_whole);
        let age = [("cache-control", "max-age=1"), ("cache-control", "private"), ("x-nothing", "")]
            [usize::from(self.rng.u8(0..8).min(2))];
        let host = self.host(id);
        host.answer(&[(":status", &status), ("content-type", "application/json"), age]);
        host.answer_body(b"");
        host.end_with(&[]);
        host.set_property("response.code_details", details);
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        self.answer_settles(id, flow, &replies);
        self.answer_goes_on(id, outcome);
    }

    fn answer_goes_on(&mut self, id: u64, outcome: Outcome) {
        let comes = |ride: &&crate::ride::Ride| ride.answers == Answer::Endpoint && !ride.answer.is_whole;
        if self.rides.get(&id).filter(comes).is_some() {
            let after = if self.weather.happens(Fault::Stillness) {
                self.rng.u64(0..6_000)
            } else {
                self.rng.u64(0..10)
            };
            self.plan(after, Event::AnswerPiece(id, outcome));
        }
    }

    /// More of an answer, or its end.
    pub(crate) fn answer_piece(&mut self, id: u64, outcome: Outcome) {
        let there = self.rides.get_mut(&id).filter(|ride| ride.answers == Answer::Endpoint);
        let Some(ride) = there else { return };
        if outcome == Outcome::BreaksOff && ride.answer.to_come.len() < 2 {
            return self.ends(id, "broken off");
        }
        let Some(piece) = ride.answer.to_come.pop_front() else { return self.answer_trailers(id) };
        ride.trail.push((self.now, "more of its answer comes"));
        let shown = ride.answer.shown(&piece);
        let ended = ride.answer.to_come.is_empty() && !ride.answer.trailers;
        ride.answer.is_whole |= ended;
        self.host(id).answer_body(&shown);
        let size = shown.len();
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_body(host, size, ended));
        let ride = self.rides.get_mut(&id).expect("it is there");
        if core::mem::take(&mut ride.answer.was_let_go) {
            self.stakes.check(Rule::MidBody, flow == Flow::Pause, || ride.story());
        }
        ride.answer.keeps_body = flow == Flow::Pause;
        self.answer_settles(id, flow, &replies);
        self.answer_goes_on(id, outcome);
    }

    fn answer_trailers(&mut self, id: u64) {
        let host = self.host(id);
        host.end_with(&[("checksum", "5")]);
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.answer.is_whole = true;
        let shown = core::mem::take(&mut ride.answer.buffer);
        self.host(id).answer_body(&shown);
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_trailers(host));
        self.answer_settles(id, flow, &replies);
    }
}
