//! Several workers of one process under one clock, with all requests on their way.

use super::ride::{Asks, Place, Ride};
use super::upstream;
use crate::worker::{Batch, Head, head};
use switchyard_batch::{Flow, Stream};
use switchyard_frame::Stream as _;
use switchyard_frame::fake::{Done, Roots};
use switchyard_host::fake::{FakeHost, Reply, SharedStore};

/// Milliseconds of a step of time.
const STEP: u64 = 5;

pub(super) struct Sky {
    store: SharedStore,
    pub(super) section: String,
    pub(super) sides: Vec<Roots<Batch>>,
    pub(super) rides: Vec<Ride>,
    /// Ids that the upstream has left out of an answer.
    missing: Vec<usize>,
    wall: u64,
    timer: u64,
    /// How far the clock was set back, in milliseconds.
    pub(super) set_back: u64,
}

impl Sky {
    pub(super) fn new(sides: usize, section: &str) -> Self {
        let store = SharedStore::default();
        let sides = (0..sides).map(|_| Roots::new(&store, section)).collect();
        let (rides, missing, section) = (Vec::new(), Vec::new(), section.to_owned());
        let wall = 1_700_000_000_000;
        let mut sky = Self { store, section, sides, rides, missing, wall, timer: 0, set_back: 0 };
        sky.set_clock(wall);
        sky
    }

    fn set_clock(&mut self, wall: u64) {
        self.wall = wall;
        self.sides.iter().for_each(|side| side.set_time(wall));
    }

    pub(super) fn step_back(&mut self, millis: u64) {
        self.set_back += millis;
        self.set_clock(self.wall - millis);
    }

    /// Time passes, with ticks and messages.
    pub(super) fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(STEP) {
            self.timer += STEP;
            self.set_clock(self.wall + STEP);
            for side in 0..self.sides.len() {
                for done in self.sides[side].tick(self.timer) {
                    self.take(side, done);
                }
                self.deliver_all(side);
            }
        }
    }

    fn deliver_all(&mut self, side: usize) {
        for _ in 0..50 {
            if !self.deliver(side) {
                return;
            }
        }
    }

    /// Whether there was a message.
    pub(super) fn deliver(&mut self, side: usize) -> bool {
        let done = self.sides[side].deliver();
        let was_one = done.is_some();
        done.into_iter().for_each(|done| self.take(side, done));
        was_one
    }

    /// A call is answered so, if there is one.
    pub(super) fn answer_call(&mut self, side: usize, pick: usize, kind: usize) {
        let called = &self.sides[side].called;
        let Some(call) = pick.checked_rem(called.len()).and_then(|at| called.get(at)).cloned() else {
            return;
        };
        let (head, body, missing) = upstream::answer(&call, kind);
        self.missing.extend(missing);
        let done = self.sides[side].answer(&call, head, &body);
        self.take(side, done);
    }

    fn take(&mut self, side: usize, (replies, called): Done) {
        for reply in replies {
            let context = reply.context();
            let ride = self.rides.iter_mut().find(|ride| ride.side == side && ride.context == context);
            ride.expect("a stream that is there").receives(&reply, &self.missing);
        }
        for call in called {
            let once = self.rides.iter_mut().filter(|ride| ride.is_once());
            once.filter(|ride| upstream::holds(&call, &ride.asks, ride.who)).for_each(Ride::is_made);
        }
    }

    /// A callback of a stream, which touches no other.
    fn call<R>(&mut self, at: usize, act: impl FnOnce(&mut Stream, &FakeHost) -> R) -> (R, Vec<Reply>) {
        let ride = &mut self.rides[at];
        let stream = ride.stream.as_mut().expect("it is there");
        self.sides[ride.side].of_stream(ride.root, ride.context, |host| act(stream, host))
    }

    /// A request begins; `more` are further headers.
    pub(super) fn begin(&mut self, side: usize, asks: Asks, who: &'static str, more: Head<'_>) {
        let (stream, context, root) = self.sides[side].stream();
        let body = matches!(asks, Asks::Call(_)).then_some(0);
        let (place, stream) = (Place::Upstream, Some(stream));
        let (in_mid_body, is_answered) = (false, false);
        let ride =
            Ride { side, root, context, stream, place, in_mid_body, asks, who, body, is_answered, made: 0 };
        let (method, path) = (if body.is_some() { "POST" } else { "GET" }, ride.path());
        let head = [head(method, &path), vec![("authorization", who)], more.to_vec()].concat();
        self.sides[side].host.receive(&head);
        self.rides.push(ride);
        let (at, ended) = (self.rides.len() - 1, body.is_none());
        let called =
            self.call(at, |stream, host| stream.on_request_headers(host, &Default::default(), ended));
        self.goes(at, called, if ended { Place::Waits } else { Place::AwaitsBody });
    }

    /// What became of a request in its own callback.
    fn goes(&mut self, at: usize, (flow, replies): (Flow, Vec<Reply>), held: Place) {
        let ride = &mut self.rides[at];
        ride.place = held;
        assert!(replies.len() <= usize::from(flow == Flow::Pause), "{replies:?}");
        if flow == Flow::Continue {
            ride.place = Place::Upstream;
            ride.is_made();
        }
        replies.iter().for_each(|reply| ride.receives(reply, &self.missing));
    }

    /// A piece of its body.
    pub(super) fn upload(&mut self, at: usize, ended: bool) {
        let ride = &mut self.rides[at];
        let (whole, Some(sent)) = (ride.whole_body(), ride.body) else { return };
        let there = if ended { whole.len() } else { (sent + 9).min(whole.len()) };
        ride.body = (!ended).then_some(there);
        let is_held = ride.place == Place::AwaitsBody;
        let piece = whole.as_bytes()[if is_held { 0 } else { sent }..there].to_vec();
        self.sides[ride.side].host.receive_body(&piece);
        let called = self.call(at, |stream, host| stream.on_request_body(host, piece.len(), ended));
        match is_held {
            true => self.goes(at, called, if ended { Place::Waits } else { Place::AwaitsBody }),
            false => {
                assert_eq!(called.1, Vec::new(), "its head is upstream");
                self.rides[at].relay(called.0);
            }
        }
    }

    /// Its body ends with trailers, with which Envoy lets all of it go on.
    pub(super) fn end_body(&mut self, at: usize) {
        assert_eq!(self.call(at, |stream, host| stream.on_request_trailers(host)).1, Vec::new());
        let ride = &mut self.rides[at];
        ride.body = None;
        if ride.place == Place::Relayed {
            ride.place = Place::Upstream;
        }
        if ride.place == Place::AwaitsBody {
            ride.place = Place::Upstream;
            ride.is_made();
        }
    }

    /// Its answer begins: the endpoint's, or if it is held somebody else's.
    pub(super) fn answer(&mut self, at: usize, status: &str, ended: bool) {
        let ride = &mut self.rides[at];
        self.sides[ride.side].host.answer(&[(":status", status)]);
        (ride.is_answered, ride.body) = (true, None);
        if ride.is_held() {
            ride.place = Place::Ended;
        }
        assert_eq!(self.call(at, |stream, host| stream.on_response_headers(host, ended)).1, Vec::new());
    }

    /// A piece of its answer's body, or its trailers.
    pub(super) fn body(&mut self, at: usize, ended: bool, trailers: bool) {
        let act = |stream: &mut Stream, host: &FakeHost| match trailers {
            true => stream.on_response_trailers(host),
            false => stream.on_response_body(host, 4, ended),
        };
        assert_eq!(self.call(at, act).1, Vec::new());
    }

    /// It ends. What the filter answered passes by before.
    pub(super) fn end(&mut self, at: usize) {
        if let Place::Answered(status, _) = self.rides[at].place {
            self.answer(at, &status.to_string(), false);
            self.body(at, true, false);
        }
        assert_eq!(self.call(at, |stream, host| stream.on_done(host)).1, Vec::new());
        let ride = &mut self.rides[at];
        (ride.place, ride.stream) = (Place::Ended, None);
        self.sides[ride.side].host.end_context(ride.context);
        let side = ride.side;
        self.drop_old(side);
    }

    /// Roots without streams end.
    fn drop_old(&mut self, side: usize) {
        let alive = self.rides.iter().filter(|ride| ride.side == side && ride.stream.is_some());
        let in_use: Vec<_> = alive.map(|ride| ride.root).collect();
        self.sides[side].drop_old(&in_use);
    }

    pub(super) fn reload(&mut self, side: usize) {
        let section = self.section.clone();
        self.sides[side].reload(&section);
        self.drop_old(side);
    }

    /// A worker's VM dies, and with it its streams; a new one begins. Context ids begin anew.
    pub(super) fn die(&mut self, side: usize) {
        for ride in self.rides.iter_mut().filter(|ride| ride.side == side) {
            (ride.place, ride.stream, ride.context) = (Place::Ended, None, 0);
        }
        self.sides[side] = Roots::new(&self.store, &self.section);
        self.sides[side].set_time(self.wall);
    }
}
