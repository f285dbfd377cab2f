//! Steps that are taken for requests that wait: attempts sent, answers given, held answers let go.
//!
//! Invariant: a step that cannot be taken is followed by another one, until the request waits for something or has ended.

use super::exchange::Phase;
use super::world::{Answer, Call, Event, Reply, RetryHead, World};
use super::{Outstanding, Turn};
use crate::EndpointIndex;
use crate::retry::attempts::{Decision, Step, Substitute};
use core::time::Duration;
use std::rc::Rc;

/// An attempt as it is sent: its number, where it goes, how long it may take.
struct Sent {
    number: u32,
    upstream: usize,
    endpoint: Option<EndpointIndex>,
    timeout: Duration,
    hedge: bool,
}

impl<H: RetryHead, W: World<H>> Turn<'_, H, W> {
    /// A tick has something to do.
    pub(super) fn advance(&mut self, now: crate::Timestamp) {
        let decision = match self.exchange.due.take() {
            // What was counted when it was decided is not counted again.
            Some(decision) => Some(Decision { denied: None, retry: None, overdue: false, ..decision }),
            None => self
                .exchange
                .ask(now, self.world, |attempts, settings, around| attempts.tick(settings, around)),
        };
        if let Some(decision) = decision {
            self.act(decision, None);
        }
    }

    /// Takes this step, and those that follow from it.
    pub(super) fn act(&mut self, first: Decision, answer: Option<&Answer<H>>) {
        let mut decision = first;
        while !self.step(&decision, answer) {
            let (policy, now) = (Rc::clone(&self.exchange.policy), self.world.time());
            let Some(attempts) = self.exchange.attempts.as_mut() else { return };
            decision = attempts.could_not(policy.local(), now);
        }
    }

    /// Takes a step; whether it was possible.
    fn step(&mut self, decision: &Decision, answer: Option<&Answer<H>>) -> bool {
        self.count_decision(decision);
        match decision.step {
            Step::Wait => {}
            Step::PassOn => self.let_go(),
            Step::Deliver(number) => {
                if let Some(answer) = answer {
                    self.deliver(number, answer);
                }
            }
            Step::TimeOut => {
                if !decision.overdue {
                    self.count(Event::DeadlineExceeded);
                }
                self.refuse(504, b"switchyard: no answer in time");
            }
            Step::Send(attempt) => {
                return self.send(Sent {
                    number: attempt.number,
                    upstream: self.exchange.upstream.number(),
                    endpoint: Some(attempt.endpoint),
                    timeout: attempt.timeout,
                    hedge: attempt.hedge,
                });
            }
            Step::FallBack(substitute) => return self.fall_back(substitute),
        }
        true
    }

    /// Sends an attempt; whether it is under way. The budgets go on counting the retry that was waiting.
    fn send(&mut self, sent: Sent) -> bool {
        let Sent { number, upstream, endpoint, timeout, hedge } = sent;
        let exchange = &mut *self.exchange;
        let counted = core::mem::take(&mut exchange.under_way);
        let (policy, stream) = (&*exchange.policy, exchange.stream);
        let (head, body) = (&*exchange.head, exchange.body.bytes());
        let call = Call { stream, policy, upstream, endpoint, number, hedge, timeout, head, body };
        let Some(call) = self.world.call(&call) else { return false };
        self.desk.calls.insert(call, Outstanding { stream, number, hedge, under_way: counted });
        self.count(Event::Attempt);
        if hedge {
            self.count(Event::Hedge);
        }
        true
    }

    /// Gives the client a substitute, or sends for one; `false`: it is not to be had.
    fn fall_back(&mut self, substitute: Substitute) -> bool {
        if self.exchange.grpc {
            return false;
        }
        let policy = Rc::clone(&self.exchange.policy);
        let fallback = &policy.settings().fallback;
        let is_found = match substitute {
            Substitute::Upstream(number, timeout) => {
                let Some(upstream) = fallback.upstream else { return false };
                // It may have been decided on before this tick.
                let timeout = timeout.min(self.time_left());
                if timeout.is_zero() {
                    return false;
                }
                return self.send(Sent { number, upstream, endpoint: None, timeout, hedge: false });
            }
            Substitute::Stale => self.reply_stale(),
            Substitute::Answer => fallback.answer.as_ref().is_some_and(|answer| {
                self.reply(answer.body.len(), &Reply::Configured(answer));
                true
            }),
        };
        if is_found {
            if let Some(attempts) = self.exchange.attempts.as_mut() {
                attempts.substituted();
            }
            self.count(Event::Substitute(substitute));
        }
        is_found
    }

    fn time_left(&mut self) -> Duration {
        let now = self.world.time();
        let attempts = self.exchange.attempts.as_mut();
        attempts.map_or(Duration::ZERO, |attempts| attempts.subject().deadline.since(now))
    }

    /// The held answer goes to the client.
    pub(super) fn let_go(&mut self) {
        let held = core::mem::replace(&mut self.exchange.phase, Phase::Open);
        // What was held of it was not kept, and what comes now is only the rest.
        self.exchange.capture = None;
        self.settle();
        if matches!(held, Phase::Held | Phase::Judging(_)) {
            self.world.resume(self.exchange.stream);
        }
    }
}
