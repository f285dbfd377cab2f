//! What Envoy gives to the filter of a request, and what it makes of what the filter says.

use super::document::request;
use super::event::Asks;
use super::ride::{Answer, Ride, Way};
use super::world::{START, World};
use switchyard_frame::fake::StreamOf;
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Flow;
use switchyard_host::fake::{FakeHost, Reply};

fn texts(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl World {
    /// A request comes.
    pub(super) fn begin(&mut self, worker: usize, asks: Asks) {
        self.begun += 1;
        let (id, (headers, body)) = (self.begun, request(asks));
        let (stream, context, root) = self.workers[worker].stream();
        let ended = body.is_empty();
        let way = Way {
            to_come: body.iter().copied().collect(),
            trailers: asks.trailers && !ended,
            is_whole: ended,
            ..Way::default()
        };
        let (answers, breaks_off, began) = (Answer::None, false, self.now);
        let (request, answer, trail) = (way, Way::default(), Vec::new());
        let ride = Ride {
            worker,
            root,
            context,
            stream,
            headers,
            body,
            began,
            request,
            answer,
            answers,
            breaks_off,
            trail,
        };
        let head = ride.headers.clone();
        self.rides.insert(id, ride);
        self.host(id).receive(&texts(&head));
        let (flow, replies) =
            self.callback(id, |stream, host| stream.on_request_headers(host, &Head::default(), ended));
        self.request_settles(id, flow, Vec::new(), &replies);
    }

    /// The host of this request's worker, in the name of its stream.
    pub(super) fn host(&self, id: u64) -> &FakeHost {
        let ride = &self.rides[&id];
        let host = &self.workers[ride.worker].host;
        host.in_context(ride.context);
        host
    }

    /// A callback of this request's stream.
    pub(super) fn callback<R>(
        &mut self,
        id: u64,
        act: impl FnOnce(&mut StreamOf<super::document::Chain>, &FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let worker = &mut self.workers[ride.worker];
        let began = (START + ride.began) * 1_000_000;
        worker.host.set_property("request.time", &began.to_le_bytes());
        worker.of_stream(ride.root, ride.context, |host| act(&mut ride.stream, host))
    }

    /// What the filter says to what came of a request.
    fn request_settles(&mut self, id: u64, flow: Flow, shown: Vec<u8>, replies: &[Reply]) {
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let worker = ride.worker;
        ride.trail.push((now, if flow == Flow::Continue { "goes on" } else { "is held" }));
        ride.request.settles(flow == Flow::Continue, shown, now);
        replies.iter().for_each(|reply| self.receives(worker, reply));
    }

    /// More of a request's body, or its end.
    pub(super) fn more_comes(&mut self, id: u64, size: usize) {
        let unfinished = |ride: &&mut Ride| ride.answers != Answer::Local && !ride.request.is_whole;
        let Some(ride) = self.rides.get_mut(&id).filter(unfinished) else { return };
        if ride.request.to_come.is_empty() {
            return self.request_trailers(id);
        }
        let piece = ride.request.piece(size);
        let ended = ride.request.to_come.is_empty() && !ride.request.trailers;
        let shown = ride.request.shown(&piece);
        ride.trail.push((self.now, "more comes"));
        ride.request.is_whole |= ended;
        self.host(id).receive_body(&shown);
        let size = shown.len();
        let (flow, replies) = self.callback(id, |stream, host| stream.on_request_body(host, size, ended));
        let ride = self.rides.get_mut(&id).expect("it is there");
        let was_let_go = core::mem::take(&mut ride.request.was_let_go) && ride.answers == Answer::None;
        assert!(!was_let_go || flow == Flow::Pause, "Envoy before 1.39 loses it");
        self.request_settles(id, flow, shown, &replies);
        if let Some(ride) = self.rides.get_mut(&id) {
            ride.request.keeps_body = flow == Flow::Pause && ride.request.held.is_some();
        }
    }

    fn request_trailers(&mut self, id: u64) {
        let (flow, replies) = self.callback(id, |stream, host| stream.on_request_trailers(host));
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.request.is_whole = true;
        let shown = core::mem::take(&mut ride.request.buffer);
        self.request_settles(id, flow, shown, &replies);
    }

    /// What was done to a stream of a worker.
    pub(super) fn receives(&mut self, worker: usize, reply: &Reply) {
        let context = reply.context();
        let found = self.rides.iter().find(|(_, ride)| ride.worker == worker && ride.context == context);
        let id = *found.unwrap_or_else(|| panic!("{context} has ended: {reply:?}")).0;
        match reply {
            Reply::WentOn { .. } => self.request_is_let_go(id),
            Reply::Resumed { .. } => self.answer_is_let_go(id),
            Reply::Answered { status, headers, body, .. } => self.answer_locally(id, *status, headers, body),
        }
    }

    fn request_is_let_go(&mut self, id: u64) {
        let (now, ride) = (self.now, self.rides.get_mut(&id).expect("it is there"));
        let waits = ride.request.held.is_some() && ride.answers != Answer::Local;
        assert!(waits, "{id} went on, and was not held: {:?}", ride.trail);
        ride.trail.push((now, "is let go"));
        ride.request.was_let_go = ride.request.keeps_body && !ride.request.is_whole;
        let buffer = core::mem::take(&mut ride.request.buffer);
        ride.request.goes_on(buffer);
    }

    /// A request ends, if it has not.
    pub(super) fn ends(&mut self, id: u64) {
        if !self.rides.contains_key(&id) {
            return;
        }
        self.host(id).set_property("upstream.request_attempt_count", &1_u64.to_le_bytes());
        let ((), replies) = self.callback(id, |stream, host| stream.on_done(host));
        assert_eq!(replies, [], "it has ended");
        let ride = self.rides.remove(&id).expect("it is there");
        let worker = &mut self.workers[ride.worker];
        worker.host.end_context(ride.context);
        worker.host.take_marks();
        self.drop_old(ride.worker);
    }
}
