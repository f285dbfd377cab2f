//! What upstreams answer, to requests and to calls.

use crate::document::{PER_SECOND, RATIO, WINDOW};
use crate::process::{Event, Outcome, Process};
use crate::ride::Answer;
use crate::truth::{ERROR, answer, is_attempt, value};
use switchyard_frame::Stream as _;
use switchyard_host::Flow;
use switchyard_host::fake::Called;

impl Process {
    pub(crate) fn any_outcome(&mut self) -> Outcome {
        match self.rng.u8(0..100) {
            0..72 => Outcome::Good,
            72..84 => Outcome::Failed,
            84..90 => Outcome::Error,
            90..94 => Outcome::Local,
            94..97 => Outcome::TimesOut,
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
            Outcome::Good | Outcome::BreaksOff => (200, answer(&ride.asks.headers, &ride.request.gone)),
            Outcome::Error => (200, ERROR.as_bytes().to_vec()),
            Outcome::Failed => (503, if self.rng.bool() { b"sorry".to_vec() } else { Vec::new() }),
            Outcome::Local => (503, b"no healthy upstream".to_vec()),
            Outcome::TimesOut => (504, b"upstream request timeout".to_vec()),
        };
        if is_whole {
            assert_eq!(ride.request.gone, ride.asks.body, "a body arrives whole");
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
        self.answer_begins(id, outcome, details);
    }

    fn answer_begins(&mut self, id: u64, outcome: Outcome, details: &[u8]) {
        let (status, ended) = (self.rides[&id].status.to_string(), self.rides[&id].answer.is_whole);
        let age = [("cache-control", "max-age=1"), ("cache-control", "private"), ("x-nothing", "")]
            [usize::from(self.rng.u8(0..8).min(2))];
        let host = self.host(id);
        host.answer(&[(":status", &status), ("content-type", "application/json"), age]);
        host.answer_body(b"");
        host.end_with(&[]);
        host.set_property("upstream.address", b"10.0.0.1:80");
        host.set_property("response.code_details", details);
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        self.answer_settles(id, flow, &replies);
        self.answer_goes_on(id, outcome);
    }

    fn answer_goes_on(&mut self, id: u64, outcome: Outcome) {
        let comes = |ride: &&crate::ride::Ride| ride.answers == Answer::Endpoint && !ride.answer.is_whole;
        if self.rides.get(&id).filter(comes).is_some() {
            let after = if self.rng.u8(0..30) == 0 { self.rng.u64(0..6_000) } else { self.rng.u64(0..10) };
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
        let was_let_go = core::mem::take(&mut ride.answer.was_let_go);
        assert!(!was_let_go || flow == Flow::Pause, "Envoy before 1.39 loses it");
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

    /// A root makes a call: one more attempt, which the budget must have, or a batch.
    pub(crate) fn take_call(&mut self, side: usize, call: &Called) {
        if is_attempt(&call.request.headers) {
            self.retries += 1;
            self.tally.count("retries");
            if self.faults_of_clock() == 0 {
                self.has_budget();
            }
        } else {
            self.tally.count("batches");
        }
        let outcome = self.any_outcome();
        let timeout = u64::try_from(call.request.timeout.as_millis()).expect("short");
        let after = if outcome == Outcome::TimesOut { timeout } else { self.latency().min(timeout) };
        let vm = self.sides[side].vm;
        self.plan(after, Event::Call(side, vm, call.number, outcome));
    }

    fn faults_of_clock(&self) -> u64 {
        self.tally.of("clock stepped")
    }

    /// Two routes have a budget of their own. Buckets forget up to a tenth of a window too early.
    fn has_budget(&self) {
        let seconds = self.now as f64 / 1_000.0 + WINDOW;
        let allowed = RATIO * self.requests as f64 + 2.0 * PER_SECOND * seconds;
        assert!(self.retries as f64 <= allowed * 1.12, "{} of {allowed}", self.retries);
    }

    /// A call is answered, if anybody hears it.
    pub(crate) fn answer_call(&mut self, side: usize, vm: u32, number: u32, outcome: Outcome) {
        let this = &mut self.sides[side];
        let waits = |call: &&Called| call.number == number && this.vm == vm;
        let Some(call) = this.worker.called.iter().find(waits).cloned() else { return };
        let body = call.body.clone().unwrap_or_default();
        let (what, status, body) = match outcome {
            Outcome::Good => ("call good", "200", answer(&call.request.headers, &body)),
            Outcome::Error => ("call failed", "200", ERROR.as_bytes().to_vec()),
            Outcome::Failed => ("call failed", "503", b"sorry".to_vec()),
            Outcome::TimesOut => ("call timed out", "", Vec::new()),
            Outcome::Local | Outcome::BreaksOff => ("call not answered", "", Vec::new()),
        };
        assert!(!value(&call.request.headers, ":path").is_empty());
        let head = [(":status", status), ("content-type", "application/json")];
        let head = if status.is_empty() { &[][..] } else { &head[..] };
        let done = this.worker.answer(&call, head, &body);
        self.tally.count(what);
        self.take(side, done);
    }
}
