//! Clients: they come alone or in crowds, some are in a hurry, and some leave.

use crate::asked::{Asked, PATHS};
use crate::calls::Event;
use crate::proxy::Proxy;
use crate::simulation::State;
use crate::stream::Stream;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_core::batch::gather::{Arrival, Candidate, Policy};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;

impl Proxy {
    /// Some come.
    pub(crate) fn crowd_arrives(&mut self) {
        let crowd = self.outside.rng.usize(1..=self.shape.crowd).min(self.outside.to_come);
        for _ in 0..crowd {
            let worker = self.outside.rng.usize(0..self.workers.len());
            self.arrives(worker);
        }
        self.outside.have_come(crowd, self.shape.between);
    }

    /// A request comes.
    fn arrives(&mut self, worker: usize) {
        let rng = &mut self.outside.rng;
        let route = rng.usize(0..2);
        let policy = Rc::clone(&self.workers[worker].routes[route]);
        let settings = policy.settings();
        let asked = Asked::any(self.streams.len(), route, &settings.protocol, self.shape.whos, rng);
        let mut head = PlainRequest::default().with(":method", "POST").with(":scheme", "https");
        head = head.with(":authority", "a.test").with(":path", PATHS[route]);
        head = head.with("authorization", asked.who.to_string());
        if self.outside.happens(self.shape.hurries) {
            head = head.with("grpc-timeout", format!("{}m", self.outside.rng.u64(5..400)));
        }
        let body = asked.body();
        let part = settings.protocol.read(head.method(), head.path_and_query(), body.as_bytes());
        let part = part.expect("a part");
        let key = policy.key(&head).expect("a key");
        let key = settings.complete(key, &part, Known::nothing).expect("a key");
        let allowance = policy.allowance(&head);
        let is_repeatable = settings.is_repeatable || part.is_repeatable;
        let id = self.begins(worker, asked, &policy, allowance, is_repeatable);
        let stream = self.streams[id].context;
        let request = Candidate { stream, head, body: body.into_bytes(), part, key, allowance };
        let arrival = self.with(worker, |gatherer, around| gatherer.arrive(around, request, &policy));
        match arrival {
            Arrival::Waits => {
                (self.streams[id].state, self.streams[id].is_known) = (State::Paused, true);
            }
            Arrival::Alone => {
                self.streams[id].is_known = true;
                self.goes_on(id);
            }
            Arrival::Passes => {
                self.goes_on(id);
            }
            Arrival::Refused(reply) => {
                self.streams[id].state = State::Paused;
                self.streams[id].takes(&reply, self.shape.is_calm, &mut self.outside.tally);
                self.outside.plan(Duration::from_millis(1), Event::Leaves(id));
            }
        }
        self.settle(worker);
    }

    /// Its stream begins, and perhaps its client will leave.
    fn begins(
        &mut self,
        worker: usize,
        asked: Asked,
        policy: &Rc<Policy>,
        allowance: Duration,
        is_repeatable: bool,
    ) -> usize {
        let id = self.streams.len();
        self.streams.push(Stream {
            worker,
            context: self.workers[worker].house.begins(id),
            asked,
            policy: Rc::clone(policy),
            deadline: self.outside.now.plus(allowance),
            steps: self.outside.steps,
            state: State::Upstream,
            is_known: false,
            is_repeatable,
            reached: 0,
        });
        self.outside.tally.count("requests");
        if self.outside.happens(self.outside.mishaps.leaves) {
            let (call, item) = self.shape.cost;
            let after = Duration::from_micros(call + item * 10).mul_f64(self.outside.rng.f64() * 4.0);
            self.outside.plan(after, Event::Leaves(id));
        }
        id
    }
}
