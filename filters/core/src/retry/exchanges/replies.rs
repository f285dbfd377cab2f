//! What clients get in place of the first attempt's answer: the answer to an attempt of ours, a substitute, or a few words.

use super::Turn;
use super::exchange::Phase;
use super::verdict::{is_empty, number};
use super::world::{Answer, Delivery, Event, Reply, RetryHead, World};
use crate::memory::length;
use crate::retry::attempts::{Attempts, Denied, Substitute};
use core::time::Duration;
use std::rc::Rc;

impl<H: RetryHead, W: World<H>> Turn<'_, H, W> {
    /// Gives the client the answer to attempt `number`.
    pub(super) fn deliver(&mut self, number: u32, answer: &Answer<H>) {
        let (stream, grpc) = (self.exchange.stream, self.exchange.grpc);
        let substitute = self.exchange.attempts.as_ref().is_some_and(Attempts::is_substitute);
        let delivery = Delivery { number, answer, substitute, grpc };
        if grpc {
            return self.deliver_grpc(&delivery);
        }
        if self.exchange.phase == Phase::Open {
            self.world.mark_overtaken(stream);
        }
        if substitute {
            self.count(Event::Substitute(Substitute::Upstream(number, Duration::ZERO)));
        }
        if self.exchange.takes(answer.body.len()) && self.world.replace(stream, &delivery) {
            return self.let_go();
        }
        self.reply(answer.body.len(), &Reply::Delivered(delivery));
    }

    /// Puts a gRPC answer in the place of the held one, which has a message and trailers as it has.
    fn deliver_grpc(&mut self, delivery: &Delivery<'_, H>) {
        let answer = delivery.answer;
        let fits = self.exchange.replaceable && !is_empty(&answer.trailers) && !answer.body.is_empty();
        if !fits || !self.world.replace(self.exchange.stream, delivery) {
            self.count(Event::Denied(Denied::Answer));
        }
        self.let_go();
    }

    /// Gives the client the last good answer, if there is one that is young enough.
    pub(super) fn reply_stale(&mut self) -> bool {
        let policy = Rc::clone(&self.exchange.policy);
        let now = self.world.now();
        let (Some(settings), Ok(stale)) = (policy.keeps_answers(), policy.stale.try_borrow()) else {
            return false;
        };
        let key = self.exchange.stale_key.as_deref();
        let Some(answer) = key.and_then(|key| stale.get(key, settings.max_age, now)) else { return false };
        let before = answer.headers.iter().find(|(name, _)| **name == *"age");
        let before: u64 = before.and_then(|(_, value)| number(Some(value))).unwrap_or_default();
        let age = now.since(answer.at).saturating_add(Duration::from_secs(before));
        self.reply(answer.body.len(), &Reply::Stale(answer, age));
        true
    }

    /// Ends the stream with this reply of so many bytes.
    pub(super) fn reply(&mut self, bytes: usize, reply: &Reply<'_, H>) {
        let bytes = length(bytes);
        self.exchange.unread = self.desk.memory.unread_for(bytes).reserve(bytes);
        if self.exchange.unread.is_none() {
            self.count(Event::Denied(Denied::Memory));
            return self.refuse(502, b"switchyard: no room for the answer");
        }
        self.end_with(reply);
    }

    /// Ends the stream with a few words of ours, which there is always room for. A gRPC call keeps the failure that is held, as where
    /// nothing can take its place.
    pub(super) fn refuse(&mut self, status: u16, words: &'static [u8]) {
        let grpc = self.exchange.grpc;
        if grpc && self.exchange.phase != Phase::Open {
            return self.let_go();
        }
        self.end_with(&Reply::Refused { status, words, grpc });
    }

    fn end_with(&mut self, reply: &Reply<'_, H>) {
        self.exchange.phase = Phase::Replaced;
        self.settle();
        self.world.reply(self.exchange.stream, reply);
    }
}
