//! What Envoy gives to the filter of a request and its answer, and what it makes of what the filter says.

use crate::endpoints::chosen;
use crate::process::{Event, Outcome, Process};
use crate::ride::{Answer, Ride, Way};
use crate::stakes::Rule;
use crate::truth::{Asks, STEERED, value};
use crate::weather::Fault;
use fastrand::Rng;
use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Flow;
use switchyard_host::fake::Reply;

/// A client whose body stands still has left by then.
const STANDS_STILL: u64 = 4_000;

/// A body in up to three pieces.
fn pieces(body: &[u8], rng: &mut Rng) -> impl Iterator<Item = Vec<u8>> {
    let size = body.len().div_ceil(rng.usize(1..4)).max(1);
    body.chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter()
}

pub(crate) fn texts(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl Process {
    /// A request begins, and after it the next.
    pub(crate) fn begin(&mut self) {
        self.to_come -= 1;
        self.requests += 1;
        self.tally.count("requests");
        if self.to_come > 0 {
            let gap = self.weather.gap();
            let after = if self.rng.u8(0..4) == 0 { self.rng.u64(0..gap) } else { 0 };
            self.plan(after, Event::Begin);
        }
        let (id, ride) = (self.requests, self.ride());
        let ended = ride.request.is_whole;
        let head = ride.asks.headers.clone();
        self.by_context.insert((ride.side, ride.context), id);
        self.rides.insert(id, ride);
        self.host(id).receive(&texts(&head));
        let (flow, replies) =
            self.callback(id, |stream, host| stream.on_request_headers(host, &Head::default(), ended));
        self.request_settles(id, flow, Vec::new(), &replies);
        if !ended {
            self.tally.count("with a body");
            let after = self.rng.u64(0..20);
            self.plan(after, Event::Piece(id));
        }
        if self.weather.happens(Fault::Leaving) {
            let after = self.rng.u64(0..800);
            self.plan(after, Event::Leave(id));
        }
    }

    /// Any request, of any worker.
    fn ride(&mut self) -> Ride {
        let side = self.rng.usize(0..self.sides.len());
        let asks = Asks::any(self.requests, &mut self.rng);
        let trailers = !asks.body.is_empty() && self.rng.u8(0..10) == 0;
        let to_come = pieces(&asks.body, &mut self.rng).collect();
        let (stream, context, root) = self.sides[side].worker.stream();
        let request = Way { to_come, trailers, is_whole: asks.body.is_empty(), ..Way::default() };
        Ride {
            side,
            root,
            context,
            stream,
            asks,
            began: self.now,
            began_by_wall: self.wall(),
            request,
            answer: Way::default(),
            answers: Answer::None,
            status: 0,
            attempt: None,
            most_attempts: self.document.most_attempts,
            attempts: 1,
            trail: vec![],
        }
    }

    /// What becomes of a part of a request.
    fn request_settles(&mut self, id: u64, flow: Flow, shown: Vec<u8>, replies: &[Reply]) {
        let side = self.rides[&id].side;
        let now = self.moment(side);
        let ride = self.rides.get_mut(&id).expect("it is there");
        let first = !ride.request.has_gone;
        ride.trail.push((now.at, if flow == Flow::Continue { "goes on" } else { "is held" }));
        ride.request.settles(flow == Flow::Continue, shown, now);
        if flow == Flow::Continue && first {
            self.goes_up(id);
        }
        self.is_asked_if_whole(id);
        replies.iter().for_each(|reply| self.receives(side, reply));
    }

    /// The endpoint has the whole request, if it has.
    pub(crate) fn is_asked_if_whole(&mut self, id: u64) {
        let whole =
            |ride: &&mut Ride| ride.request.is_whole && ride.request.has_gone && ride.request.held.is_none();
        let Some(ride) = self.rides.get_mut(&id).filter(whole) else { return };
        let (side, Some(mut attempt)) = (ride.side, ride.attempt.take()) else { return };
        self.attempt_is_asked(side, &mut attempt);
        self.rides.get_mut(&id).expect("it is there").attempt = Some(attempt);
    }

    /// More of a request comes, or its trailers.
    pub(crate) fn piece(&mut self, id: u64) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.answers != Answer::Local) else { return };
        let Some(piece) = ride.request.to_come.pop_front() else { return self.request_trailers(id) };
        ride.trail.push((self.now, "more comes"));
        let is_last = ride.request.to_come.is_empty();
        let (shown, ended) = (ride.request.shown(&piece), is_last && !ride.request.trailers);
        ride.request.is_whole |= ended;
        self.host(id).receive_body(&shown);
        let size = shown.len();
        let (flow, replies) = self.callback(id, |stream, host| stream.on_request_body(host, size, ended));
        let ride = self.rides.get_mut(&id).expect("it is there");
        if core::mem::take(&mut ride.request.was_let_go) && ride.answers == Answer::None {
            self.stakes.check(Rule::MidBody, flow == Flow::Pause, || ride.story());
        }
        self.request_settles(id, flow, shown, &replies);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        ride.request.keeps_body = flow == Flow::Pause && ride.request.held.is_some();
        if !ended {
            self.more_comes(id);
        }
    }

    fn more_comes(&mut self, id: u64) {
        if self.weather.happens(Fault::Stillness) {
            self.tally.count("stands still in mid-body");
            // It may go on, or not.
            let after = self.rng.u64(1_000..STANDS_STILL);
            let event = if self.rng.bool() { Event::Piece(id) } else { Event::Leave(id) };
            return self.plan(after, event);
        }
        let after = self.rng.u64(0..40);
        self.plan(after, Event::Piece(id));
    }

    fn request_trailers(&mut self, id: u64) {
        self.tally.count("ended with trailers");
        let (flow, replies) = self.callback(id, |stream, host| stream.on_request_trailers(host));
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.request.is_whole = true;
        let shown = core::mem::take(&mut ride.request.buffer);
        self.request_settles(id, flow, shown, &replies);
    }

    /// A request goes on: with what the router says, and with nothing that its client has said in the router's place.
    pub(crate) fn goes_up(&mut self, id: u64) {
        let ride = &self.rides[&id];
        let (side, head) = (ride.side, ride.asks.headers.clone());
        let candidates = self.host(id).request_header(CANDIDATES_HEADER).join(",");
        if ride.began > self.sides[side].faulty_until {
            let told = || format!("{candidates:?} of {}", ride.story());
            self.stakes.check(Rule::NoSteering, !candidates.contains(STEERED), told);
            self.look_at_candidates(side, ride.began, &candidates);
        }
        self.budgets.is_sent(value(&head, ":path"), self.now);
        let mut attempt = self.attempt_begins(side, &chosen(&candidates), &head, true);
        let outcome = self.any_outcome(&attempt.address);
        let ride = self.rides.get_mut(&id).expect("it is there");
        if ride.request.is_whole {
            self.attempt_is_asked(side, &mut attempt);
        }
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.attempt = Some(attempt);
        if ride.asks.may_harm {
            self.may_harm(id, outcome);
        }
        let after = if outcome == Outcome::TimesOut { 2_500 } else { self.latency() };
        self.plan(after, Event::Answer(id, outcome));
    }

    /// More of an answer is there: `shown` of its body, and with it the end.
    pub(crate) fn answer_settles(&mut self, id: u64, flow: Flow, replies: &[Reply]) {
        let shown = self.host(id).current_response_body();
        let side = self.rides[&id].side;
        let now = self.moment(side);
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.trail
            .push((now.at, if flow == Flow::Continue { "its answer goes on" } else { "its answer is held" }));
        ride.answer.settles(flow == Flow::Continue, shown, now);
        self.attempt_ends_if_whole(id);
        replies.iter().for_each(|reply| self.receives(side, reply));
        self.serve_if_whole(id);
    }
}
