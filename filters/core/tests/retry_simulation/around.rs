//! The world around a worker's machine, under the eyes of the referees of its requests.

use crate::outside::Outside;
use crate::referee::{Cause, Facts};
use crate::request::Request;
use crate::shapes::Config;
use crate::weather::Outcome;
use fastrand::Rng;
use switchyard_core::budget::Budget;
use switchyard_core::health::Health;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::exchanges::{
    Answer, Budgets, Call, CallId, Delivery, Event, Fund, Policy, Reply, StreamId, Upstream, World,
};
use switchyard_core::retry::{Attempt, Denied};
use switchyard_core::{EndpointIndex, RequestView, Timestamp};

/// The header in which the router names endpoints.
pub(crate) const CANDIDATES: &str = "x-endpoints";

/// The world during one callback.
pub(crate) struct Around<'a> {
    pub(crate) outside: &'a mut Outside,
    pub(crate) rotation: &'a [bool],
    pub(crate) rng: &'a mut Rng,
    pub(crate) config: &'a Config,
    pub(crate) upstream: &'a Upstream,
    /// The request that something is done for, and why.
    pub(crate) id: usize,
    pub(crate) cause: Cause,
    /// Why something is done for any other request.
    pub(crate) usual: Cause,
    /// The answer to the call that this callback is about.
    pub(crate) came: Option<(Answer<PlainRequest>, Outcome)>,
}

impl Around<'_> {
    fn request(&mut self) -> &mut Request {
        &mut self.outside.requests[self.id]
    }

    /// What is done now is done for this request.
    fn turns_to(&mut self, stream: StreamId) {
        let id = stream as usize;
        assert!(!self.outside.requests[id].gone, "a stream that is gone is touched");
        if self.id != id {
            (self.id, self.cause) = (id, self.usual);
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.outside.now,
            cause: self.cause,
            rotation: self.rotation,
            kept: self.outside.requests[self.id].kept,
            least: self.upstream.least_time(self.config.settings.deadline.floor, self.outside.now),
        }
    }

    /// Lets the referee of the request have a look.
    fn shows(&mut self, look: impl FnOnce(&mut crate::referee::Referee, Facts<'_>)) {
        let now = self.outside.now;
        let least = self.upstream.least_time(self.config.settings.deadline.floor, now);
        let (cause, rotation) = (self.cause, self.rotation);
        let request = &mut self.outside.requests[self.id];
        look(&mut request.referee, Facts { now, cause, rotation, kept: request.kept, least });
    }

    /// A retry has been decided on; it has been taken from every budget that counts.
    fn uses_what_was_taken(&mut self) {
        assert_eq!(self.outside.shared.pending, self.config.budgets(), "{:?}", self.facts());
        self.outside.shared.pending = 0;
    }

    /// The request has ended with an answer of ours.
    fn ends(&mut self) {
        let stream = self.id;
        self.outside.ends_soon(stream);
    }

    fn delivers(&mut self, delivery: &Delivery<'_, PlainRequest>) -> Outcome {
        let (answer, outcome) = self.came.clone().expect("no answer came");
        assert_eq!(format!("{:?}", delivery.answer), format!("{answer:?}"), "it is another's answer");
        let hedged = !self.outside.requests[self.id].referee.is_held();
        self.shows(|referee, facts| referee.delivers(delivery.number, facts));
        self.outside.tally.count("delivered");
        if hedged {
            self.outside.tally.count("overtaken");
        }
        outcome
    }
}

impl Budgets for Around<'_> {
    fn now(&mut self) -> Timestamp {
        self.outside.now
    }

    fn change_budget<R>(&mut self, of: Fund, change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        // What was taken is given back whatever happens, or nobody could say what is allowed.
        if self.outside.shared.pending == 0 && self.outside.happens(self.outside.mishaps.refused) {
            self.outside.shared.host_refuses();
            return None;
        }
        Some(self.outside.shared.change(of, self.config, self.outside.now, change))
    }
}

impl World<PlainRequest> for Around<'_> {
    fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    fn candidates<'a>(
        &'a self,
        _upstream: &'a Upstream,
        head: &'a PlainRequest,
    ) -> impl Iterator<Item = Option<EndpointIndex>> + 'a {
        let named = core::str::from_utf8(head.header(CANDIDATES).unwrap_or_default()).expect("text");
        named.split(',').map(|endpoint| endpoint.parse().ok())
    }

    fn endpoints(&self, _upstream: &Upstream) -> usize {
        self.rotation.len()
    }

    fn priority(&self, _upstream: &Upstream, _endpoint: EndpointIndex) -> u32 {
        0
    }

    fn health(&self, _upstream: &Upstream, endpoint: EndpointIndex) -> Health {
        if self.rotation[endpoint] { Health::Healthy } else { Health::Ejected }
    }

    fn request_body(&mut self, size: usize) -> Vec<u8> {
        vec![7; size]
    }

    fn response_headers(&mut self) -> Option<PlainRequest> {
        Some(self.request().message.answer.headers.clone())
    }

    fn response_body(&mut self, size: usize) -> Vec<u8> {
        let request = self.request();
        let rest = &request.message.answer.body[request.passed..];
        rest[..size.min(rest.len())].to_vec()
    }

    fn response_trailers(&mut self) -> PlainRequest {
        self.request().message.answer.trailers.clone()
    }

    fn response_details(&mut self) -> Vec<u8> {
        self.request().message.details.into()
    }

    fn request_time(&mut self) -> Option<Timestamp> {
        Some(self.request().started)
    }

    fn first_endpoint(&mut self, _upstream: &Upstream) -> Option<EndpointIndex> {
        let (endpoint, _) = self.request().first;
        self.shows(|referee, _| referee.went_to(endpoint));
        Some(endpoint)
    }

    fn reply_headers(&self, _answer: &PlainRequest) -> Vec<(Box<str>, Box<[u8]>)> {
        Vec::new()
    }

    fn call(&mut self, call: &Call<'_, PlainRequest>) -> Option<CallId> {
        self.turns_to(call.stream);
        let (number, timeout, hedge) = (call.number, call.timeout, call.hedge);
        match call.endpoint {
            Some(endpoint) => {
                if hedge {
                    self.uses_what_was_taken();
                }
                let attempt = Attempt { number, endpoint, timeout, hedge };
                self.shows(|referee, facts| referee.sends(attempt, facts));
                self.outside.tally.count(if hedge { "hedges" } else { "retries" });
                self.outside.times.sends(self.outside.now);
            }
            None => {
                self.shows(|referee, facts| referee.asks_elsewhere(number, timeout, facts));
                self.outside.tally.count("another upstream");
            }
        }
        let sent = self.outside.calls(self.id, call);
        if sent.is_none() {
            self.cause = Cause::CouldNot;
            self.shows(|referee, _| referee.could_not());
        }
        sent
    }

    fn call_answer(&mut self, _body: usize, trailers: bool) -> Answer<PlainRequest> {
        let (answer, _) = self.came.as_ref().expect("no answer came");
        assert_eq!(trailers, self.outside.requests[self.id].grpc);
        answer.clone()
    }

    fn mark_overtaken(&mut self, stream: StreamId) {
        assert!(!self.outside.requests[stream as usize].held, "it is held back");
    }

    fn replace(&mut self, stream: StreamId, delivery: &Delivery<'_, PlainRequest>) -> bool {
        self.turns_to(stream);
        assert!(self.request().held, "there is nothing to be replaced");
        if self.outside.happens(0.01) {
            return false;
        }
        let outcome = self.delivers(delivery);
        self.outside.tally.count(if delivery.grpc { "replaced, gRPC" } else { "replaced" });
        self.request().replaced = Some(outcome);
        true
    }

    fn reply(&mut self, stream: StreamId, reply: &Reply<'_, PlainRequest>) {
        self.turns_to(stream);
        match reply {
            Reply::Delivered(delivery) => {
                if self.delivers(delivery) == Outcome::Good {
                    self.outside.ends_well();
                }
            }
            Reply::Stale(_, age) => {
                let most = self.config.settings.fallback.stale.as_ref().map(|stale| stale.max_age);
                assert!(most.is_some_and(|most| *age < most), "an answer of {age:?}");
                self.outside.tally.count("old answer");
                self.shows(|referee, facts| referee.substitutes(true, facts));
            }
            Reply::Configured(_) => {
                self.outside.tally.count("configured answer");
                self.shows(|referee, facts| referee.substitutes(false, facts));
            }
            Reply::Refused { status, .. } => {
                assert_eq!(*status, 504, "there is room for everything");
                let overdue = self.outside.requests[self.id].referee.is_overdue();
                self.outside.tally.count(if overdue { "timed out, overdue" } else { "timed out" });
                self.shows(|referee, facts| referee.times_out(facts));
            }
        }
        self.ends();
    }

    fn resume(&mut self, stream: StreamId) {
        self.turns_to(stream);
        let request = self.request();
        assert!(core::mem::take(&mut request.held), "it is not held back");
        let replaced = request.replaced;
        let overdue = request.referee.is_overdue();
        match replaced {
            Some(Outcome::Good) => self.outside.ends_well(),
            Some(_) => {}
            None => {
                self.outside.tally.count("passed on");
                if overdue {
                    self.outside.tally.count("passed on, overdue");
                }
                self.shows(|referee, facts| referee.passes_on(facts));
            }
        }
        self.ends();
    }

    fn count(&mut self, stream: StreamId, policy: &Policy, event: Event) {
        self.turns_to(stream);
        match event {
            Event::Retry(_, wait) => {
                self.uses_what_was_taken();
                self.shows(|referee, facts| referee.check_retry(wait, facts));
            }
            Event::Denied(denied) => {
                self.outside.tally.count(format!("{denied:?}"));
                self.shows(|referee, facts| referee.check_denial(denied, facts));
                if denied == Denied::Concurrency {
                    let (upstream, config) = (self.upstream.budget(), self.config);
                    let full = policy.budget().active() >= config.settings.budget.max_concurrent
                        || upstream.map(|budget| budget.active())
                            >= config.upstream.map(|one| one.max_concurrent);
                    assert!(full, "there is a place: {:?}", self.facts());
                }
                if denied == Denied::Budget {
                    let (shared, now) = (&mut self.outside.shared, self.outside.now);
                    shared.check_denial(self.config, self.upstream, now);
                }
            }
            Event::Watchdog => self.shows(|referee, facts| referee.barks(facts)),
            Event::HedgeWon => self.outside.tally.count("hedges won"),
            Event::Substitute(_) => self.outside.tally.count("substituted"),
            Event::DeadlineExceeded | Event::Attempt | Event::Hedge => {}
        }
    }
}
