//! What happens to one request.

use crate::envoy::Envoy;
use crate::messages::MOST_BODY;
use crate::outside::Event;
use crate::referee::{Cause, Facts};
use crate::weather::Outcome;
use core::time::Duration;
use switchyard_core::Flow;
use switchyard_core::Timestamp;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::Verdict;
use switchyard_core::retry::exchanges::{Answer, CallId};

impl Envoy {
    /// A piece of its body comes, the last one.
    pub(crate) fn body(&mut self, id: usize, size: usize) {
        let request = &mut self.outside.requests[id];
        if request.gone {
            return;
        }
        request.kept = size as u64 <= MOST_BODY;
        self.tells(id, (Cause::Nothing, None), |retries, world| {
            retries.request_body(world, id as u32, size, true);
        });
    }

    /// The first attempt's answer begins. In the stream's own callback an answer may be held or let go, no more.
    pub(crate) fn answered(&mut self, id: usize) {
        let (now, request) = (self.outside.now, &mut self.outside.requests[id]);
        // Envoy ends an attempt whose client has another answer.
        if request.gone || request.referee.has_ended() {
            return;
        }
        let ended = request.message.is_headless();
        let cause = match request.patience() {
            Some(patience) => {
                // Nobody has asked when the request began, unless it may be hedged.
                let whole = request.deadline.since(request.started);
                let latest = if request.hedges() { request.deadline } else { now.plus(whole) };
                request.referee.judges(now.plus(patience).min(latest));
                Cause::Nothing
            }
            None => Cause::First(request.verdict(request.first.1)),
        };
        let flow =
            self.tells(id, (cause, None), |retries, world| retries.response_headers(world, id as u32, ended));
        self.flows(id, flow, cause);
        self.goes_wrong(id);
        if ended { self.completes(id) } else { self.plan_piece(id) }
    }

    /// The answer goes on, or is held back.
    fn flows(&mut self, id: usize, flow: Flow, cause: Cause) {
        let now = self.outside.now;
        let (worker, request) =
            (&self.workers[self.outside.requests[id].worker], &mut self.outside.requests[id]);
        request.held = flow == Flow::Pause;
        if request.held {
            assert!(!request.referee.has_ended(), "held after its end: {:?}", request.referee);
            return;
        }
        request.passed = request.came;
        if request.referee.has_ended() {
            return;
        }
        let (rotation, kept) = (worker.rotation.as_slice(), request.kept);
        request.referee.passes_on(Facts { now, cause, rotation, kept, least: Duration::ZERO });
        self.outside.tally.count("passed on");
        if self.outside.requests[id].first.1 == Outcome::Good {
            self.outside.ends_well();
        }
    }

    /// An answer that is held back may break off, or be longer than Envoy buffers.
    fn goes_wrong(&mut self, id: usize) {
        if self.outside.requests[id].held && self.outside.happens(self.outside.mishaps.too_large) {
            let at = self.outside.soon(Duration::from_millis(50));
            let broken = self.outside.rng.bool();
            self.outside.agenda.plan(at, if broken { Event::Leaves(id) } else { Event::TooLarge(id) });
        }
    }

    /// More of the answer comes; where it takes too long, Envoy's own timeout ends the request.
    fn plan_piece(&mut self, id: usize) {
        let patience = self.outside.requests[id].patience().unwrap_or_default();
        let slow = self.outside.mishaps.leaves > 0.0 && self.outside.rng.u8(0..5) == 0;
        let most = if slow { patience * 2 } else { Duration::from_millis(30) };
        let at = self.outside.soon(most);
        let request = &self.outside.requests[id];
        let breaks = at >= request.deadline && !request.unbounded;
        let (at, event) = if breaks { (request.deadline, Event::Leaves(id)) } else { (at, Event::Piece(id)) };
        self.outside.agenda.plan(at.max(self.outside.now), event);
    }

    pub(crate) fn piece(&mut self, id: usize) {
        let request = &mut self.outside.requests[id];
        if request.gone || (request.referee.has_ended() && request.held) {
            return;
        }
        let answer = &request.message.answer;
        let (whole, has_trailers) = (answer.body.len(), !answer.trailers.headers.is_empty());
        let part = request.came == 0 && whole > 1 && self.outside.rng.bool();
        request.came = if part { whole / 2 } else { whole };
        let ended = !part && !has_trailers;
        let size = request.came - request.passed;
        let cause = if ended { self.cause_of_body(id) } else { Cause::Nothing };
        let flow = self
            .tells(id, (cause, None), |retries, world| retries.response_body(world, id as u32, size, ended));
        self.flows(id, flow, cause);
        if part {
            self.plan_piece(id);
        } else if has_trailers {
            let cause = self.cause_of_body(id);
            let flow =
                self.tells(id, (cause, None), |retries, world| retries.response_trailers(world, id as u32));
            self.flows(id, flow, cause);
        }
        if !part {
            self.completes(id);
        }
    }

    /// What the machine hears when all of the answer is there that it may have been waiting for.
    fn cause_of_body(&self, id: usize) -> Cause {
        let request = &self.outside.requests[id];
        let judged = request.patience().is_some() && !request.referee.has_ended();
        if judged { Cause::First(request.verdict(request.first.1)) } else { Cause::Nothing }
    }

    /// The first attempt's answer is there as a whole.
    fn completes(&mut self, id: usize) {
        if !self.outside.requests[id].held {
            self.outside.ends_soon(id);
        }
    }

    pub(crate) fn call_answered(
        &mut self,
        id: usize,
        (call, number): (CallId, u32),
        (answer, outcome): (Answer<PlainRequest>, Outcome),
    ) {
        let request = &self.outside.requests[id];
        let (size, verdict) = (answer.body.len(), request.verdict(outcome));
        // No answer at all, which is not worth another attempt, either.
        let is_none = answer.headers.headers.is_empty() && verdict == Verdict::Final;
        let cause = if is_none { Cause::CouldNot } else { Cause::Ours(number, verdict) };
        self.tells(id, (cause, Some((answer, outcome))), |retries, world| {
            retries.answered(world, call, size);
        });
    }

    /// The client leaves, or the answer that is held back breaks off.
    pub(crate) fn leaves(&mut self, id: usize) {
        let (now, request) = (self.outside.now, &mut self.outside.requests[id]);
        if !request.gone && !request.referee.has_ended() {
            request.referee.leaves(now);
            self.outside.tally.count("left");
        }
        self.gone(id);
    }

    pub(crate) fn too_large(&mut self, id: usize) {
        let request = &self.outside.requests[id];
        if request.gone || !request.held {
            return;
        }
        let size = MOST_BODY as usize + 1;
        let flow = self.tells(id, (Cause::GiveUp, None), |retries, world| {
            retries.response_body(world, id as u32, size, false)
        });
        assert_eq!(flow, Flow::Continue, "more is held back than Envoy buffers");
        self.flows(id, flow, Cause::GiveUp);
        self.outside.ends_soon(id);
    }

    /// Its stream is gone.
    pub(crate) fn gone(&mut self, id: usize) {
        if self.outside.requests[id].gone {
            return;
        }
        assert!(self.outside.requests[id].referee.has_ended(), "it has not ended");
        self.tells(id, (Cause::Nothing, None), |retries, world| retries.gone(world, id as u32));
        self.outside.requests[id].gone = true;
        self.closes();
    }

    /// How many requests are open at this moment of the simulation.
    pub(crate) fn open_since(&self, moment: Timestamp) -> usize {
        let requests = self.outside.requests.iter();
        requests.filter(|request| request.started < moment && request.referee.was_open(moment)).count()
    }
}
