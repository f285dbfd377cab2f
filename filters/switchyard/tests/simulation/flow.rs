//! What Envoy gives to the filter of a request and its answer, and what it makes of what the filter says.

use crate::process::{Event, Outcome, Process};
use crate::ride::{Answer, Ride, Way};
use crate::truth::Asks;
use fastrand::Rng;
use switchyard_core::contract::{CANDIDATES_HEADER, FALLBACK_HEADER};
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

fn texts(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl Process {
    /// A request begins, and after it the next.
    pub(crate) fn begin(&mut self) {
        self.to_come -= 1;
        self.requests += 1;
        self.tally.count("requests");
        if self.to_come > 0 {
            let after = if self.rng.u8(0..4) == 0 { self.rng.u64(0..8) } else { 0 };
            self.plan(after, Event::Begin);
        }
        let (id, side) = (self.requests, self.rng.usize(0..self.sides.len()));
        let asks = Asks::any(&mut self.rng);
        let trailers = !asks.body.is_empty() && self.rng.u8(0..10) == 0;
        let to_come = pieces(&asks.body, &mut self.rng).collect();
        let (stream, context, root) = self.sides[side].worker.stream();
        let request = Way { to_come, trailers, is_whole: asks.body.is_empty(), ..Way::default() };
        let (answer, answers, began) = (Way::default(), Answer::None, self.now);
        let ride = Ride {
            side,
            root,
            context,
            stream,
            asks,
            began,
            request,
            answer,
            answers,
            status: 0,
            trail: vec![],
        };
        let ended = ride.request.is_whole;
        let head = ride.asks.headers.clone();
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
        if self.rng.u8(0..16) == 0 {
            let after = self.rng.u64(0..800);
            self.plan(after, Event::Leave(id));
        }
    }

    /// What becomes of a part of a request.
    fn request_settles(&mut self, id: u64, flow: Flow, shown: Vec<u8>, replies: &[Reply]) {
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let (first, side) = (!ride.request.has_gone, ride.side);
        ride.trail.push((now, if flow == Flow::Continue { "goes on" } else { "is held" }));
        ride.request.settles(flow == Flow::Continue, shown, now);
        if flow == Flow::Continue && first {
            self.goes_up(id);
        }
        replies.iter().for_each(|reply| self.receives(side, reply));
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
        let was_let_go = core::mem::take(&mut ride.request.was_let_go) && ride.answers == Answer::None;
        assert!(!was_let_go || flow == Flow::Pause, "Envoy before 1.39 loses it");
        self.request_settles(id, flow, shown, &replies);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        ride.request.keeps_body = flow == Flow::Pause && ride.request.held.is_some();
        if !ended {
            self.more_comes(id);
        }
    }

    fn more_comes(&mut self, id: u64) {
        if self.rng.u8(0..12) == 0 {
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
    fn goes_up(&mut self, id: u64) {
        let ride = &self.rides[&id];
        if ride.began > self.sides[ride.side].faulty_until {
            let candidates = self.host(id).request_header(CANDIDATES_HEADER);
            let steered = candidates.len() == 1 && candidates[0].starts_with("10.0.");
            assert!(steered, "{candidates:?} of {:?}", ride.asks.headers);
        }
        self.awaits_answer(id);
    }

    /// More of an answer is there: `shown` of its body, and with it the end.
    pub(crate) fn answer_settles(&mut self, id: u64, flow: Flow, replies: &[Reply]) {
        let shown = self.host(id).current_response_body();
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let side = ride.side;
        ride.trail
            .push((now, if flow == Flow::Continue { "its answer goes on" } else { "its answer is held" }));
        ride.answer.settles(flow == Flow::Continue, shown, now);
        replies.iter().for_each(|reply| self.receives(side, reply));
        self.serve_if_whole(id);
    }

    fn serve_if_whole(&mut self, id: u64) {
        let whole = |ride: &&Ride| ride.answer.is_whole && ride.answer.held.is_none();
        let Some(ride) = self.rides.get(&id).filter(whole).filter(|ride| ride.answers == Answer::Endpoint)
        else {
            return;
        };
        ride.is_served();
        self.tally.count("whole, of an endpoint");
        self.ends(id, "served");
    }

    /// The filter does something to a stream.
    pub(crate) fn receives(&mut self, side: usize, reply: &Reply) {
        let context = reply.context();
        let found = self.rides.iter().find(|(_, ride)| ride.side == side && ride.context == context);
        let id = *found.unwrap_or_else(|| panic!("{context} has ended: {reply:?}")).0;
        match reply {
            Reply::WentOn { .. } => self.request_is_let_go(id),
            Reply::Resumed { .. } => self.answer_is_let_go(id),
            Reply::Answered { status, headers, body, .. } => {
                let is_old = headers.iter().any(|(name, value)| name == FALLBACK_HEADER && value == "stale");
                (0..usize::from(is_old)).for_each(|_| self.tally.count("old answers"));
                self.answer_locally(id, *status, headers, body);
            }
        }
    }

    fn request_is_let_go(&mut self, id: u64) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let waits = ride.request.held.is_some() && ride.answers != Answer::Local;
        assert!(waits, "{id} went on, and was not held: {:?}", ride.asks.headers);
        let (first, in_mid_body) =
            (!ride.request.has_gone, ride.request.keeps_body && !ride.request.is_whole);
        ride.trail.push((self.now, "is let go"));
        ride.request.was_let_go = in_mid_body;
        let buffer = core::mem::take(&mut ride.request.buffer);
        ride.request.goes_on(buffer);
        self.tally.count(if in_mid_body { "request let go in mid-body" } else { "request let go" });
        if first {
            self.goes_up(id);
        }
    }

    fn answer_is_let_go(&mut self, id: u64) {
        let body = self.host(id).current_response_body();
        let status = self.host(id).response_header(":status").concat().parse();
        let ride = self.rides.get_mut(&id).expect("it is there");
        let waits = ride.answer.held.is_some() && ride.answers == Answer::Endpoint;
        assert!(waits, "{id}'s answer went on, and was not held: {:?}", ride.asks.headers);
        let in_mid_body = ride.answer.keeps_body && !ride.answer.is_whole;
        ride.trail.push((self.now, "its answer is let go"));
        ride.answer.was_let_go = in_mid_body;
        ride.status = status.expect("a status");
        ride.answer.goes_on(body);
        let what = if in_mid_body { "answer let go in mid-body" } else { "answer replaced, or let go" };
        self.tally.count(what);
        self.serve_if_whole(id);
    }

    /// A local reply, which those that have seen the request see, unless an answer has come; then its client alone does.
    pub(crate) fn answer_locally(&mut self, id: u64, status: u16, headers: &[(String, String)], body: &[u8]) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let before = core::mem::replace(&mut ride.answers, Answer::Local);
        let is_first = before != Answer::Local && !ride.answer.has_gone;
        let failing = self.sides[ride.side].failing;
        assert!(is_first, "{id} is answered twice: {:?}, {failing:?}, {status} {headers:?}", ride.trail);
        ride.trail.push((self.now, "is answered"));
        let overtaken = before == Answer::None && ride.request.has_gone;
        (ride.request.held, ride.answer.held) = (None, None);
        self.tally.count(if overtaken { "an attempt overtook its request" } else { "answered by a filter" });
        if before == Answer::None
            && let Some(better) = self.reply_passes(id, status, headers, body)
        {
            let Reply::Answered { status, body, .. } = better else { panic!("a reply is held: {better:?}") };
            self.tally.count("a reply took the place of another");
            return self.serve_by_filter(id, status, body);
        }
        self.serve_by_filter(id, status, body.to_vec());
    }

    /// Those that have seen the request see a local reply, and may have a better one, which its client alone sees.
    fn reply_passes(
        &mut self,
        id: u64,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Option<Reply> {
        let (status, ended) = (status.to_string(), body.is_empty());
        let head = [vec![(":status", &*status)], texts(headers)].concat();
        self.host(id).answer(&head);
        self.host(id).set_property("response.code_details", b"switchyard");
        let (flow, mut better) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        assert_eq!(better.len(), usize::from(flow == Flow::Pause), "a reply is held: {better:?}");
        if !ended && better.is_empty() {
            self.host(id).answer_body(body);
            let passes = self.callback(id, |stream, host| stream.on_response_body(host, body.len(), true));
            assert_eq!(passes, (Flow::Continue, Vec::new()), "a reply is held");
        }
        better.pop()
    }

    fn serve_by_filter(&mut self, id: u64, status: u16, body: Vec<u8>) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.status = status;
        (ride.answer.gone, ride.answer.has_gone) = (body, true);
        ride.is_served();
        self.tally.count("whole, of a filter");
        let after = self.rng.u64(0..60);
        self.plan(after, Event::End(id));
    }

    /// When and how a request that has gone on is answered.
    fn awaits_answer(&mut self, id: u64) {
        let outcome = self.any_outcome();
        let after = if outcome == Outcome::TimesOut { 2_500 } else { self.latency() };
        self.plan(after, Event::Answer(id, outcome));
    }
}
