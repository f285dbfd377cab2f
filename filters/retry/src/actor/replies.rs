//! What clients get from the root: the answer to an attempt of ours, a substitute, or the held answer after all.

use super::calls::Answer;
use super::{Actor, ActorHost};
use crate::exchange::{Exchange, Phase, report};
use crate::plan::Route;
use crate::replay::{Replay, reply_headers};
use crate::verdict::{Head, number};
use crate::worker::{Outstanding, Waiting};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::contract::{ATTEMPT_COUNT_HEADER, CANCELLED_PROPERTY, FALLBACK_HEADER};
use switchyard_core::http::is_about_the_connection;
use switchyard_core::memory::length;
use switchyard_core::retry::{Attempts, Denied, Substitute};
use switchyard_host::HostError;

impl<H: ActorHost> Actor<'_, H> {
    /// Gives the client a substitute, or sends for one; `false`: it is not to be had.
    pub(super) fn fall_back(
        &self,
        this: &Waiting,
        exchange: &mut Exchange,
        route: &Route,
        substitute: Substitute,
    ) -> bool {
        if exchange.grpc {
            return false;
        }
        let fallback = &route.settings.fallback;
        let found = match substitute {
            Substitute::Upstream(number, timeout) => {
                let other = fallback.upstream.and_then(|index| self.worker.plan.upstreams().get(index));
                let Some(other) = other else { return false };
                let endpoint = other.rotation.next_endpoint().and_then(|index| other.endpoints().get(index));
                let address = endpoint.map_or("", |endpoint| &endpoint.address);
                let replay = Replay::new(number, address, timeout);
                let sent = self.call(exchange, route, &other.cluster, &replay, timeout);
                let expected =
                    Outstanding { exchange: Rc::clone(this), number, hedge: false, places: Vec::new() };
                return sent.is_some_and(|call| self.expect(call, expected));
            }
            Substitute::Stale => self.stale(exchange, route),
            Substitute::Answer => fallback.answer.as_ref().map(|answer| {
                let headers = answer.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                let marked: Vec<(&[u8], &[u8])> =
                    headers.chain([(FALLBACK_HEADER.as_bytes(), &b"answer"[..])]).collect();
                self.reply(exchange, answer.status, &marked, answer.body.as_bytes())
            }),
        };
        if found.is_none() {
            return false;
        }
        if let Some(attempts) = exchange.attempts.as_mut() {
            attempts.substituted();
        }
        report(self.worker, route, self.host).substitute(substitute);
        true
    }

    pub(super) fn stale(&self, exchange: &mut Exchange, route: &Route) -> Option<bool> {
        let policy = route.keeps_answers()?;
        let key = exchange.stale_key.as_deref()?;
        let stale = route.stale.try_borrow().ok()?;
        let answer = stale.get(key, policy.max_age, self.now)?;
        let before = answer.headers.iter().find(|(name, _)| **name == *"age");
        let before: u64 = before.and_then(|(_, value)| number(Some(value))).unwrap_or_default();
        let age = self.now.since(answer.at).as_secs().saturating_add(before).to_string();
        let headers = answer.headers.iter().map(|(name, value)| (name.as_bytes(), &**value));
        let marked: Vec<(&[u8], &[u8])> = headers
            .filter(|(name, _)| *name != b"age")
            .chain([(FALLBACK_HEADER.as_bytes(), &b"stale"[..]), (b"age", age.as_bytes())])
            .collect();
        Some(self.reply(exchange, answer.status, &marked, &answer.body))
    }

    /// Gives the client the answer to attempt `number`.
    pub(super) fn deliver(
        &self,
        exchange: &mut Exchange,
        route: &Route,
        number: u32,
        answer: &Answer,
    ) -> bool {
        let is_substitute = exchange.attempts.as_ref().is_some_and(Attempts::is_substitute);
        if exchange.grpc {
            return self.replace_grpc(exchange, route, answer);
        }
        if exchange.phase == Phase::Open && self.host.enter(exchange.context).is_ok() {
            // Without the property outlier would take the attempt for one that was reset.
            let _ = self.host.set_property(&[CANCELLED_PROPERTY], b"hedged");
        }
        let count = number.to_string();
        let mut headers: Vec<(&[u8], &[u8])> = vec![(ATTEMPT_COUNT_HEADER.as_bytes(), count.as_bytes())];
        if is_substitute {
            headers.push((FALLBACK_HEADER.as_bytes(), b"upstream"));
            report(self.worker, route, self.host).substitute(Substitute::Upstream(number, Duration::ZERO));
        }
        if exchange.takes(answer.body.len(), route) && self.replace(exchange, answer, &headers).is_ok() {
            return self.let_go(exchange);
        }
        let head = Head { headers: &answer.headers, grpc: false };
        headers.extend(reply_headers(&answer.headers));
        self.reply(exchange, head.status(), &headers, &answer.body)
    }

    /// Puts an answer in the place of the held one. What other filters add to answers is added to this one, too, and the
    /// answer to a HEAD keeps its length; a reply in Envoy's name has neither.
    pub(super) fn replace(
        &self,
        exchange: &Exchange,
        answer: &Answer,
        more: &[(&[u8], &[u8])],
    ) -> Result<(), HostError> {
        let is_of_the_call =
            |name: &[u8]| is_about_the_connection(name) || name == ATTEMPT_COUNT_HEADER.as_bytes();
        let own = answer.headers.iter().filter(|(name, _)| !is_of_the_call(name));
        let headers: Vec<_> = own.chain(more.iter().copied()).collect();
        self.host.enter(exchange.context)?;
        self.host.set_response_headers(&headers)?;
        if answer.body.is_empty() { Ok(()) } else { self.host.set_response_body(&answer.body) }
    }

    /// Puts a gRPC answer in the place of the held one, which has a message and trailers as it has.
    pub(super) fn replace_grpc(&self, exchange: &mut Exchange, route: &Route, answer: &Answer) -> bool {
        let trailers: Vec<_> = answer.trailers.iter().collect();
        let fits = exchange.replaceable && !trailers.is_empty() && !answer.body.is_empty();
        let replace =
            || self.host.enter(exchange.context).and_then(|()| self.host.set_response_trailers(&trailers));
        if !fits || replace().and_then(|()| self.replace(exchange, answer, &[])).is_err() {
            report(self.worker, route, self.host).denied(Denied::Answer);
        }
        self.let_go(exchange)
    }

    /// Ends the stream with this answer.
    pub(super) fn reply(
        &self,
        exchange: &mut Exchange,
        status: u16,
        headers: &[(&[u8], &[u8])],
        body: &[u8],
    ) -> bool {
        let bytes = length(body.len());
        exchange.unread = self.worker.memory.unread_for(bytes).reserve(bytes);
        if exchange.unread.is_none() {
            if let Some(route) = self.worker.plan.route(exchange.route) {
                report(self.worker, route, self.host).denied(Denied::Memory);
            }
            return self.refuse(exchange, 502, b"switchyard: no room for the answer");
        }
        exchange.phase = Phase::Replaced;
        exchange.settle();
        self.in_name_of(exchange.context, || self.host.send_response(status, headers, body));
        true
    }

    /// Ends the stream with a few words of ours, which there is always room for. A gRPC call keeps the failure that is held, as where
    /// nothing can take its place; if there is none, Envoy makes the words its status and message, and a content type of ours would
    /// spoil the one that its client looks for.
    pub(super) fn refuse(&self, exchange: &mut Exchange, status: u16, words: &[u8]) -> bool {
        const PLAIN: (&[u8], &[u8]) = (b"content-type", b"text/plain");
        if exchange.grpc && exchange.phase != Phase::Open {
            return self.let_go(exchange);
        }
        exchange.phase = Phase::Replaced;
        exchange.settle();
        let headers = Some(PLAIN).filter(|_| !exchange.grpc);
        self.in_name_of(exchange.context, || self.host.send_response(status, headers.as_slice(), words));
        true
    }

    /// The held answer goes to the client.
    pub(super) fn let_go(&self, exchange: &mut Exchange) -> bool {
        let held = core::mem::replace(&mut exchange.phase, Phase::Open);
        exchange.settle();
        if matches!(held, Phase::Held | Phase::Judging(_)) {
            self.in_name_of(exchange.context, || self.host.resume_response());
        }
        true
    }

    /// Does something in a stream's name. One that is gone needs nothing any more.
    pub(super) fn in_name_of(&self, context: u32, act: impl FnOnce() -> Result<(), HostError>) {
        let done = self.host.enter(context).and_then(|()| act());
        if let Err(error) = done.and_then(|()| self.host.enter(self.root)) {
            log::debug!("switchyard.retry: stream {context} could not be served: {error}");
        }
    }
}
