//! Clients: they come in crowds, ask for the same and for much the same, and some leave.

use crate::asked::Event;
use crate::proxy::Proxy;
use crate::simulation::State;
use crate::simulation::draws::one;
use crate::stream::Stream;
use crate::upstream::Kind;
use std::rc::Rc;
use switchyard_core::coalesce::{Arrival, Event as Counted, Pass, Policy, StreamId};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;

impl Proxy {
    /// Some come for one key.
    pub(crate) fn crowd_arrives(&mut self) {
        let (keys, latency) = (self.shape.keys, self.shape.latency);
        let rng = &mut self.outside.rng;
        let key = rng.usize(0..keys);
        if rng.u8(0..10) == 0 {
            self.moods[key] = Kind::any(rng);
        }
        let crowd = rng.usize(1..=self.shape.crowd).min(self.outside.to_come);
        for _ in 0..crowd {
            let after = latency.mul_f64(self.outside.rng.f64() * 1.5);
            self.outside.plan(after, Event::Requests(key));
        }
        self.outside.have_come(crowd, self.shape.between);
    }

    /// A request for this path; what tells it from others may be credentials, a method, or nothing but its program.
    pub(crate) fn any_request(&mut self, key: usize) -> PlainRequest {
        let rng = &mut self.outside.rng;
        let method = if rng.u8(0..8) == 0 { "HEAD" } else { "GET" };
        let request = PlainRequest::default().with(":method", method).with(":scheme", "https");
        let mut request = request.with(":authority", "a.test").with(":path", format!("/{key}"));
        let knows = rng.u8(0..10) < if key.is_multiple_of(2) { 6 } else { 1 };
        if knows {
            request = request.with("authorization", one(&["ann", "bob", "eve"], rng));
        }
        if rng.bool() {
            request = request.with("user-agent", one(&["de", "en", ""], rng));
        }
        request
    }

    /// A request comes to a worker.
    pub(crate) fn arrives(&mut self, worker: usize, route: usize, request: PlainRequest) {
        let policy = Rc::clone(&self.workers[worker].routes[route]);
        let key = policy.settings().key(policy.route(), &request, None, Known::nothing);
        let known = key.as_ref().ok().map(|key| key.as_slice().into());
        let (id, context) = self.begins(worker, &request, &policy, known);
        let arrival = match key {
            Ok(key) => {
                self.with(worker, |flights, around| flights.arrive(around, context, key, request, &policy))
            }
            Err(why) => {
                self.outside.tally.event(Counted::Passed(Pass::Bypass(why)));
                Arrival::Passes
            }
        };
        match arrival {
            Arrival::Leads | Arrival::Passes => self.goes_on(id),
            Arrival::Waits => self.streams[id].state = State::Paused,
            Arrival::Served(answer, served) => {
                self.streams[id].state = State::Answered;
                self.streams[id].takes(&answer, served, &self.outside, &self.asked);
                self.relays_reply(id);
            }
        }
        self.settle(worker);
    }

    /// Its stream begins, and perhaps its client will leave.
    fn begins(
        &mut self,
        worker: usize,
        request: &PlainRequest,
        policy: &Rc<Policy>,
        key: Option<Rc<[u8]>>,
    ) -> (usize, StreamId) {
        let id = self.streams.len();
        self.streams.push(Stream {
            worker,
            context: self.workers[worker].house.begins(id),
            request: request.clone(),
            policy: Rc::clone(policy),
            key,
            arrived: self.outside.now,
            steps: self.outside.steps,
            state: State::Upstream,
            exchange: None,
            exit: None,
        });
        self.outside.tally.count("requests");
        if self.outside.happens(self.outside.mishaps.leaves) {
            let after = self.shape.latency.mul_f64(self.outside.rng.f64() * 2.0);
            self.outside.plan(after, Event::Leaves(id));
        }
        (id, self.streams[id].context)
    }
}
