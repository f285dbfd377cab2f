//! What Envoy gives to the filter of an answer, whoever makes it, and what it makes of what the filter says.

use super::document::answer;
use super::event::Outcome;
use super::ride::{Answer, Ride};
use super::world::World;
use switchyard_frame::Stream as _;
use switchyard_host::Flow;
use switchyard_host::fake::Reply;

fn texts(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl Outcome {
    /// The status and body of such an answer, of which `good` is what was asked for, and what Envoy says of it.
    fn says(self, good: Vec<u8>) -> (&'static str, Vec<u8>, &'static [u8]) {
        match self {
            Self::Good | Self::BrokenOff | Self::Trailers => ("200", good, b"via_upstream"),
            Self::Error => ("200", br#"{"error":"busy"}"#.to_vec(), b"via_upstream"),
            Self::Failed => ("503", Vec::new(), b"via_upstream"),
            Self::Local => ("503", b"no healthy upstream".to_vec(), b"no_healthy_upstream"),
            Self::TimesOut => ("504", b"upstream request timeout".to_vec(), b"response_timeout"),
        }
    }
}

impl World {
    /// An endpoint's answer begins.
    pub(super) fn answer(&mut self, id: u64, with: Outcome) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.is_upstream()) else { return };
        let is_whole = ride.request.is_whole && ride.request.held.is_none();
        assert!(!is_whole || ride.request.gone == ride.body, "a body arrives whole: {:?}", ride.trail);
        let (status, body, details) = match is_whole {
            true => with.says(answer(&ride.headers, &ride.body)),
            false => ("413", b"early".to_vec(), &b"via_upstream"[..]),
        };
        ride.trail.push((self.now, "is answered by an endpoint"));
        (ride.answers, ride.breaks_off) = (Answer::Endpoint, with == Outcome::BrokenOff);
        ride.answer.trailers = with == Outcome::Trailers && !body.is_empty();
        ride.answer.is_whole = body.is_empty();
        ride.answer.to_come = body.into();
        let ended = ride.answer.is_whole;
        let host = self.host(id);
        host.answer(&[
            (":status", status),
            ("content-type", "application/json"),
            ("cache-control", "max-age=1"),
        ]);
        host.answer_body(b"");
        host.end_with(&[]);
        host.set_property("upstream.address", b"10.0.0.1:80");
        host.set_property("response.code_details", details);
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        self.answer_settles(id, flow, &replies);
    }

    /// More of an answer, or its end.
    pub(super) fn more_of_answer(&mut self, id: u64, size: usize) {
        let unfinished = |ride: &&mut Ride| ride.answers == Answer::Endpoint && !ride.answer.is_whole;
        let Some(ride) = self.rides.get_mut(&id).filter(unfinished) else { return };
        if ride.answer.to_come.is_empty() {
            return self.answer_trailers(id);
        }
        let piece = ride.answer.piece(size);
        if ride.breaks_off && ride.answer.to_come.is_empty() {
            return self.ends(id);
        }
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
    }

    fn answer_trailers(&mut self, id: u64) {
        self.host(id).end_with(&[("checksum", "5")]);
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.answer.is_whole = true;
        let shown = core::mem::take(&mut ride.answer.buffer);
        self.host(id).answer_body(&shown);
        let (flow, replies) = self.callback(id, |stream, host| stream.on_response_trailers(host));
        self.answer_settles(id, flow, &replies);
    }

    fn answer_settles(&mut self, id: u64, flow: Flow, replies: &[Reply]) {
        let shown = self.host(id).current_response_body();
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let worker = ride.worker;
        ride.trail
            .push((now, if flow == Flow::Continue { "its answer goes on" } else { "its answer is held" }));
        ride.answer.settles(flow == Flow::Continue, shown, now);
        replies.iter().for_each(|reply| self.receives(worker, reply));
        self.serve_if_whole(id);
    }

    fn serve_if_whole(&mut self, id: u64) {
        let is_whole = |ride: &Ride| ride.answer.is_whole && ride.answer.held.is_none();
        if self.rides.get(&id).is_some_and(|ride| is_whole(ride) && ride.answers == Answer::Endpoint) {
            self.ends(id);
        }
    }

    pub(super) fn answer_is_let_go(&mut self, id: u64) {
        let body = self.host(id).current_response_body();
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let waits = ride.answer.held.is_some() && ride.answers == Answer::Endpoint;
        assert!(waits, "{id}'s answer went on, and was not held: {:?}", ride.trail);
        ride.trail.push((now, "its answer is let go"));
        ride.answer.was_let_go = ride.answer.keeps_body && !ride.answer.is_whole;
        ride.answer.goes_on(body);
        self.serve_if_whole(id);
    }

    pub(super) fn answer_locally(&mut self, id: u64, status: u16, headers: &[(String, String)], body: &[u8]) {
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let before = core::mem::replace(&mut ride.answers, Answer::Local);
        let is_first = before != Answer::Local && !ride.answer.has_gone;
        assert!(is_first, "{id} is answered twice: {:?}, {status} {headers:?}", ride.trail);
        assert!((100..600).contains(&status), "{status}");
        ride.trail.push((now, "is answered"));
        (ride.request.held, ride.answer.held) = (None, None);
        if before == Answer::None {
            self.reply_passes(id, status, headers, body);
        }
    }

    /// A reply goes by the stages before the one that made it, which may have a better one.
    fn reply_passes(&mut self, id: u64, status: u16, headers: &[(String, String)], body: &[u8]) {
        let (status, ended) = (status.to_string(), body.is_empty());
        let head = [vec![(":status", &*status)], texts(headers)].concat();
        self.host(id).answer(&head);
        self.host(id).set_property("response.code_details", b"switchyard");
        let (flow, better) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        assert_eq!(better.len(), usize::from(flow == Flow::Pause), "a reply is held: {better:?}");
        let is_answer = |reply: &Reply| matches!(reply, Reply::Answered { .. });
        assert!(better.iter().all(is_answer), "a reply is held: {better:?}");
        if !ended && better.is_empty() {
            self.host(id).answer_body(body);
            let passes = self.callback(id, |stream, host| stream.on_response_body(host, body.len(), true));
            assert_eq!(passes, (Flow::Continue, Vec::new()), "a reply is held");
        }
    }
}
