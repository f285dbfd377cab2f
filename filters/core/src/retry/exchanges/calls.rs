//! What comes back of attempts of ours.

use super::Turn;
use super::exchange::Phase;
use super::judging::Judging;
use super::verdict::{AnswerHead, by_body, by_grpc_trailers, is_empty};
use super::world::{Answer, Event, RetryHead, World};
use crate::Timestamp;
use crate::memory::{MOST_ANSWER, length};
use crate::retry::attempts::{Attempts, Denied, Step, Verdict};
use crate::retry::settings::Settings;

impl<H: RetryHead, W: World<H>> Turn<'_, H, W> {
    /// The answer to this attempt has come, or it has failed.
    pub(super) fn answered(&mut self, (number, hedge): (u32, bool), body_size: usize) {
        let (now, wall) = (self.world.time(), self.world.now());
        let answer = self.taken_in(body_size);
        let verdict = answer.verdict(self.exchange.policy.local(), self.exchange.grpc, wall);
        let is_none = is_empty(&answer.headers);
        if !self.exchange.attempts.as_ref().is_some_and(Attempts::is_substitute) {
            let well = verdict == Verdict::Final && !is_none;
            self.exchange.policy.retried(&self.exchange.upstream, well);
        }
        if verdict == Verdict::Final
            && answer.is_out_of_reach(self.exchange.policy.local(), self.exchange.grpc)
        {
            self.count(Event::Denied(Denied::Answer));
        }
        let was_pending = self.exchange.phase == Phase::Open;
        let decision = self.exchange.ask(now, self.world, |attempts, settings, around| match verdict {
            // Not worth another attempt, and nothing that a client could get.
            Verdict::Final if is_none => attempts.no_answer(settings, now),
            verdict => attempts.answer(number, verdict, settings, around),
        });
        let Some(decision) = decision else { return };
        if hedge && was_pending && decision.step == Step::Deliver(number) {
            self.count(Event::HedgeWon);
            // The first attempt would have taken longer still.
            self.exchange.observe_first(now);
        }
        self.act(decision, Some(&answer));
    }

    /// The answer to a call, without headers if there is none; nor is there one that does not fit into the VM.
    fn taken_in(&mut self, body_size: usize) -> Answer<H> {
        if body_size > MOST_ANSWER || !self.desk.memory.kept.has_room(length(body_size)) {
            self.count(Event::Denied(Denied::Memory));
            return Answer::default();
        }
        self.world.call_answer(body_size, self.exchange.grpc)
    }
}

impl<H: RetryHead> Answer<H> {
    /// Its HTTP status; 0 if there is none.
    pub fn status(&self) -> u16 {
        AnswerHead { headers: &self.headers, grpc: false }.status()
    }

    /// Whether it would be judged by its body if that could be read.
    fn is_out_of_reach(&self, settings: &Settings, grpc: bool) -> bool {
        let head = AnswerHead { headers: &self.headers, grpc };
        Judging::is_out_of_reach(&head, settings, self.body.is_empty())
    }

    fn verdict(&self, settings: &Settings, grpc: bool, now: Timestamp) -> Verdict {
        let head = AnswerHead { headers: &self.headers, grpc };
        let verdict = head.of_call(&self.body, settings, now);
        if verdict != Verdict::Final {
            return verdict;
        }
        if grpc {
            return by_grpc_trailers(&self.trailers, &settings.retry_on);
        }
        // What a long one takes when it is read is many times its length.
        let is_readable = length(self.body.len()) <= settings.max_body;
        if is_readable && settings.retry_on.says_failure(&self.body) {
            return by_body(head.status(), head.asked(&settings.back_off, || now));
        }
        Verdict::Final
    }
}
