//! Calls of the root's: attempts sent, and what comes back of them.

use super::{Actor, ActorHost, places};
use crate::exchange::{Exchange, Phase, report};
use crate::plan::Route;
use crate::replay::Replay;
use crate::verdict::{Head, by_body, by_grpc_status, number};
use crate::worker::{Outstanding, Waiting};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::memory::{MOST_ANSWER, length};
use switchyard_core::retry::{Attempts, Denied, Step, Verdict};
use switchyard_host::{Call, HeaderMap};

/// The answer to a call of ours.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
}

impl<H: ActorHost> Actor<'_, H> {
    pub(super) fn address(&self, exchange: &Exchange, endpoint: usize) -> String {
        let upstream = self.worker.plan.upstreams().get(exchange.upstream);
        let endpoint = upstream.and_then(|upstream| upstream.endpoints().get(endpoint));
        endpoint.map(|endpoint| endpoint.address.to_string()).unwrap_or_default()
    }

    /// Sends an attempt to the request's own upstream; whether it is under way.
    pub(super) fn send(
        &self,
        this: &Waiting,
        exchange: &mut Exchange,
        route: &Route,
        (number, address, timeout, hedge): (u32, &str, Duration, bool),
    ) -> bool {
        let places = core::mem::take(&mut exchange.places);
        let Some(upstream) = self.worker.plan.upstreams().get(exchange.upstream) else { return false };
        let sent =
            self.call(exchange, route, &upstream.cluster, &Replay::new(number, address, timeout), timeout);
        let Some(call) = sent else { return false };
        if hedge {
            report(self.worker, route, self.host).hedge();
        }
        self.expect(call, Outstanding { exchange: Rc::clone(this), number, hedge, places })
    }

    pub(super) fn call(
        &self,
        exchange: &Exchange,
        route: &Route,
        cluster: &str,
        replay: &Replay,
        timeout: Duration,
    ) -> Option<u32> {
        let deadline_header = route.settings.deadline.header.as_deref();
        let headers = replay.headers(&exchange.head, deadline_header)?;
        let body = exchange.body.bytes();
        // A context that was entered for another stream must not own the call.
        self.host.enter(self.root).ok()?;
        let call = self.host.call(&Call { cluster, headers: &headers, body, timeout }).ok();
        report(self.worker, route, self.host).attempts(call.is_some().into());
        call
    }

    pub(super) fn expect(&self, call: u32, outstanding: Outstanding) -> bool {
        if let Ok(mut calls) = self.worker.calls.try_borrow_mut() {
            calls.insert(call, outstanding);
        }
        true
    }

    /// The answer to a call, without headers if there is none; nor is there one that does not fit into the VM.
    fn taken_in(&self, route: &Route, headers: usize, body_size: usize, grpc: bool) -> Answer {
        let mut answer = Answer::default();
        if body_size > MOST_ANSWER || !self.worker.memory.kept.has_room(length(body_size)) {
            report(self.worker, route, self.host).denied(Denied::Memory);
            return answer;
        }
        if headers > 0 {
            answer.headers = self.host.call_headers().unwrap_or_default();
        }
        if body_size > 0 {
            answer.body = self.host.call_body(body_size).unwrap_or_default();
        }
        if grpc {
            answer.trailers = self.host.call_trailers().unwrap_or_default();
        }
        answer
    }

    /// The answer to a call has come, or the call has failed; `headers` is how many it has.
    pub(crate) fn answered(&self, call: u32, headers: usize, body_size: usize) {
        let outstanding = self.worker.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&call));
        let Some(mut outstanding) = outstanding else { return };
        outstanding.places.clear();
        let Ok(mut exchange) = outstanding.exchange.try_borrow_mut() else { return };
        let Some((route, upstream)) = places(self.worker, &exchange) else { return };
        // The client has left, or has another answer.
        if exchange.attempts.as_ref().is_none_or(Attempts::is_over) {
            return;
        }
        let answer = self.taken_in(route, headers, body_size, exchange.grpc);
        let verdict = answer.verdict(route, exchange.grpc, self.now);
        if !exchange.attempts.as_ref().is_some_and(Attempts::is_substitute) {
            upstream.retried(verdict == Verdict::Final && !answer.headers.is_empty());
        }
        let was_pending = exchange.phase == Phase::Open;
        let number = outstanding.number;
        let decision = self.ask(&mut exchange, route, upstream, |attempts, route, world| match verdict {
            // Not worth another attempt, and nothing that a client could get.
            Verdict::Final if answer.headers.is_empty() => attempts.could_not(route.local(), self.now),
            verdict => attempts.answer(number, verdict, route.local(), world),
        });
        let Some(decision) = decision else { return };
        if outstanding.hedge && was_pending && decision.step == Step::Deliver(number) {
            report(self.worker, route, self.host).hedge_won();
            // It would have taken longer still.
            if let (Some(started), Ok(mut latency)) = (exchange.started, upstream.latency.try_borrow_mut()) {
                let endpoint = exchange.attempts.as_ref().and_then(Attempts::first_endpoint);
                latency.observe(endpoint, self.now.since(started), self.now);
            }
        }
        self.act(&outstanding.exchange, &mut exchange, decision, Some(&answer));
    }
}

impl Answer {
    pub(super) fn verdict(&self, route: &Route, grpc: bool, now: Timestamp) -> Verdict {
        let settings = route.local();
        let head = Head { headers: &self.headers, grpc };
        let verdict = head.of_call(&self.body, &settings.retry_on, &settings.back_off, now);
        if verdict != Verdict::Final {
            return verdict;
        }
        if grpc {
            let status = number(self.trailers.values("grpc-status").next()).unwrap_or_default();
            return by_grpc_status(status, &settings.retry_on);
        }
        // What a long one takes when it is read is many times its length.
        let is_readable = u64::try_from(self.body.len()).is_ok_and(|length| length <= settings.max_body);
        if is_readable && settings.retry_on.says_failure(&self.body) {
            return by_body(head.status());
        }
        Verdict::Final
    }
}
