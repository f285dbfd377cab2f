//! Several workers of one process under one clock, with all requests on their way.

use super::ride::{Complete, Place, Ride};
use crate::worker::{Coalesce, Head};
use switchyard_coalesce::{Flow, Stream};
use switchyard_frame::Stream as _;
use switchyard_frame::fake::{Done, Roots};
use switchyard_host::fake::{FakeHost, Reply, SharedStore};

pub(super) struct Sky {
    store: SharedStore,
    pub(super) section: &'static str,
    pub(super) sides: Vec<Roots<Coalesce>>,
    pub(super) rides: Vec<Ride>,
    complete: Complete,
    wall: u64,
    timer: u64,
}

impl Sky {
    pub(super) fn new(sides: usize, section: &'static str) -> Self {
        let store = SharedStore::default();
        let sides = (0..sides).map(|_| Roots::new(&store, section)).collect();
        let (rides, complete) = (Vec::new(), Complete::new());
        let mut sky = Self { store, section, sides, rides, complete, wall: 1_700_000_000_000, timer: 0 };
        sky.step_clock(0);
        sky
    }

    pub(super) fn step_clock(&mut self, millis: i64) {
        self.wall = self.wall.saturating_add_signed(millis);
        self.sides.iter().for_each(|side| side.set_time(self.wall));
    }

    /// Time passes, with ticks and messages.
    pub(super) fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.timer += 10;
            self.step_clock(10);
            for side in 0..self.sides.len() {
                for done in self.sides[side].tick(self.timer) {
                    self.take(side, done);
                }
                // A root may answer a message with another one to itself.
                for _ in 0..50 {
                    self.deliver(side);
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, side: usize) {
        if let Some(done) = self.sides[side].deliver() {
            self.take(side, done);
        }
    }

    fn take(&mut self, side: usize, (replies, _): Done) {
        for reply in replies {
            let context = reply.context();
            let ride = self.rides.iter_mut().find(|ride| ride.side == side && ride.context == context);
            ride.expect("a stream that is there").receives(&reply, &self.complete);
        }
    }

    /// A callback of a stream, which touches no other.
    fn call<R>(&mut self, at: usize, act: impl FnOnce(&mut Stream, &FakeHost) -> R) -> (R, Vec<Reply>) {
        let ride = &mut self.rides[at];
        let stream = ride.stream.as_mut().expect("it is there");
        self.sides[ride.side].of_stream(ride.root, ride.context, |host| act(stream, host))
    }

    /// A request begins; `body`: it has one, which comes later.
    pub(super) fn begin(&mut self, side: usize, head: Head<'_>, language: &'static str, body: bool) {
        self.sides[side].host.receive(head);
        let (stream, context, root) = self.sides[side].stream();
        let key = format!("{} {}", head[0].1, head[3].1);
        let (stream, body) = (Some(stream), body.then(Vec::new));
        let (place, in_mid_body, answer) = (Place::Upstream, false, None);
        self.rides.push(Ride {
            side,
            root,
            context,
            stream,
            place,
            in_mid_body,
            key,
            language,
            body,
            answer,
        });
        let (at, ended) = (self.rides.len() - 1, self.rides[self.rides.len() - 1].body.is_none());
        let called =
            self.call(at, |stream, host| stream.on_request_headers(host, &Default::default(), ended));
        let held = if ended { Place::Waits } else { Place::AwaitsBody };
        self.goes(at, called, held);
    }

    /// What became of a request in its own callback.
    fn goes(&mut self, at: usize, (flow, replies): (Flow, Vec<Reply>), held: Place) {
        self.rides[at].place = if flow == Flow::Pause { held } else { Place::Upstream };
        assert!(replies.len() <= usize::from(flow == Flow::Pause), "{replies:?}");
        replies.iter().for_each(|reply| self.rides[at].receives(reply, &self.complete));
    }

    /// A piece of its body.
    pub(super) fn upload(&mut self, at: usize, ended: bool) {
        let ride = &mut self.rides[at];
        let Some(body) = &mut ride.body else { return };
        body.push(b'q');
        let (body, awaited) = (body.clone(), ride.place == Place::AwaitsBody);
        if ended {
            ride.key = format!("{} {}", ride.key, body.len());
            ride.body = None;
        }
        let piece = if awaited { &body[..] } else { b"q" };
        self.sides[ride.side].host.receive_body(piece);
        let called = self.call(at, |stream, host| stream.on_request_body(host, piece.len(), ended));
        match awaited {
            true => self.goes(at, called, if ended { Place::Waits } else { Place::AwaitsBody }),
            false => {
                assert_eq!(called.1, Vec::new(), "its head is upstream");
                self.rides[at].relay(called.0);
            }
        }
    }

    /// Its body ends with trailers, with which Envoy lets all of it go on.
    pub(super) fn end_body(&mut self, at: usize) {
        let called = self.call(at, |stream, host| stream.on_request_trailers(host));
        assert_eq!(called.1, Vec::new());
        let ride = &mut self.rides[at];
        ride.body = None;
        if ride.place == Place::Relayed {
            ride.place = Place::Upstream;
        }
        if ride.place == Place::AwaitsBody {
            ride.place = Place::Upstream;
        }
    }

    /// Its answer begins.
    pub(super) fn answer(&mut self, at: usize, more: Head<'_>, ended: bool) {
        let ride = &mut self.rides[at];
        let ended = ended || ride.key.starts_with("HEAD");
        let name = format!("{}#{at}", ride.key);
        let own = [("x-name", name.as_str()), ("content-language", ride.language)];
        self.sides[ride.side].host.answer(&[more, &own].concat());
        ride.answer = Some((name.clone(), Vec::new()));
        if ended {
            self.complete.insert(name, Vec::new());
        }
        let (flow, replies) = self.call(at, |stream, host| stream.on_response_headers(host, ended));
        let ride = &mut self.rides[at];
        assert_eq!(replies.len(), usize::from(flow == Flow::Pause), "{replies:?}");
        if let Some(reply) = replies.first() {
            // An older answer takes the place of its own.
            ride.place = Place::Waits;
            ride.receives(reply, &self.complete);
        }
    }

    /// A piece of its answer's body.
    pub(super) fn body(&mut self, at: usize, ended: bool) {
        let ride = &mut self.rides[at];
        let Some((name, body)) = &mut ride.answer else { return };
        if self.complete.contains_key(name) {
            return;
        }
        body.extend(b"soup");
        if ended {
            self.complete.insert(name.clone(), body.clone());
        }
        self.sides[ride.side].host.answer_body(b"soup");
        let called = self.call(at, |stream, host| stream.on_response_body(host, 4, ended));
        assert_eq!(called.1, Vec::new());
    }

    pub(super) fn trailers(&mut self, at: usize) {
        let open = self.rides[at].answer.as_ref().is_some_and(|(name, _)| !self.complete.contains_key(name));
        if open {
            assert_eq!(self.call(at, |stream, host| stream.on_response_trailers(host)).1, Vec::new());
        }
    }

    /// It ends. What the filter answered passes by before.
    pub(super) fn end(&mut self, at: usize) {
        if let Place::Answered(status, body) = self.rides[at].place.clone() {
            let host = &self.sides[self.rides[at].side].host;
            host.answer(&[(":status", &status.to_string())]);
            host.answer_body(&body);
            let ended = body.is_empty();
            let (flow, replies) = self.call(at, |stream, host| stream.on_response_headers(host, ended));
            assert_eq!((flow, replies), (Flow::Continue, Vec::new()));
            if !ended {
                self.call(at, |stream, host| stream.on_response_body(host, body.len(), true));
            }
        }
        assert_eq!(self.call(at, |stream, host| stream.on_done(host)).1, Vec::new());
        let ride = &mut self.rides[at];
        (ride.place, ride.stream) = (Place::Ended, None);
        self.sides[ride.side].host.end_context(ride.context);
        let side = ride.side;
        let alive = self.rides.iter().filter(|ride| ride.side == side && ride.stream.is_some());
        let in_use: Vec<_> = alive.map(|ride| ride.root).collect();
        self.sides[side].drop_old(&in_use);
    }

    /// A worker's VM dies, and with it its streams; a new one begins. Context ids begin anew.
    pub(super) fn die(&mut self, side: usize) {
        for ride in self.rides.iter_mut().filter(|ride| ride.side == side) {
            (ride.place, ride.stream, ride.context) = (Place::Ended, None, 0);
        }
        self.sides[side] = Roots::new(&self.store, self.section);
        self.step_clock(0);
    }
}
