//! What must be so of the steps that are taken.

use super::{Cause, Facts, First, Referee};
use core::time::Duration;
use switchyard_core::EndpointIndex;
use switchyard_core::retry::{Attempt, Decision, Step, Substitute, Verdict};

impl Referee {
    pub(super) fn takes(&mut self, decision: &Decision, facts: Facts<'_>) {
        match decision.step {
            Step::Send(attempt) => self.sends(attempt, facts),
            Step::FallBack(substitute) => self.falls_back(substitute, facts),
            Step::Wait => {
                let something = self.ready.is_some() || self.under_way.is_some();
                assert!(self.first != First::Held || something, "held for nothing: {facts:?}, {self:?}");
            }
            Step::PassOn => {
                let answered = self.first != First::Pending || matches!(facts.cause, Cause::First(_));
                assert!(answered || facts.cause == Cause::GiveUp, "{facts:?}, {self:?}");
                self.ends(facts.now);
            }
            Step::Deliver(number) => {
                assert_eq!(self.under_way, Some(number), "{facts:?}, {self:?}");
                assert_eq!(facts.cause, Cause::Ours(number, Verdict::Final), "{self:?}");
                self.ends(facts.now);
            }
            Step::TimeOut => {
                let pending = self.first == First::Pending && facts.now >= self.deadline;
                assert!(pending != decision.overdue, "{facts:?}, {self:?}");
                self.ends(facts.now);
            }
        }
        let unjudged = matches!(self.first, First::Judging(until) if facts.now >= until);
        assert!(!decision.overdue || unjudged || self.lost, "the watchdog bites: {facts:?}, {self:?}");
    }

    fn sends(&mut self, attempt: Attempt, facts: Facts<'_>) {
        if attempt.hedge {
            assert!(self.idempotent && facts.kept && self.first == First::Pending, "{self:?}");
            assert!(self.config.settings.hedge.is_some() && facts.cause == Cause::Tick, "{self:?}");
            self.decided += 1;
        } else {
            let ready = self.ready.take();
            assert!(ready.is_some_and(|ready| ready <= facts.now), "too soon: {facts:?}, {self:?}");
        }
        self.begins(attempt.number, attempt.timeout, facts);
        assert!(self.deadline.since(facts.now) >= facts.least, "too late: {facts:?}, {self:?}");
        let panic = facts.rotation.iter().all(|is_in| !is_in);
        let may = |endpoint: EndpointIndex| panic || facts.rotation[endpoint];
        let is_tried = |endpoint| self.first_at == Some(endpoint) || self.tried.contains(&endpoint);
        let left = (0..facts.rotation.len()).any(|endpoint| may(endpoint) && !is_tried(endpoint));
        assert!(may(attempt.endpoint), "ejected: {attempt:?}, {facts:?}, {self:?}");
        assert!(!left || !is_tried(attempt.endpoint), "tried twice: {attempt:?}, {facts:?}, {self:?}");
        self.tried.push(attempt.endpoint);
    }

    /// An attempt begins, or another upstream is asked.
    fn begins(&mut self, number: u32, timeout: Duration, facts: Facts<'_>) {
        assert_eq!(number, self.number + 1, "{self:?}");
        self.number = number;
        assert!(self.under_way.replace(number).is_none(), "two at a time: {facts:?}, {self:?}");
        let most = self.config.settings.per_try_timeout.unwrap_or(timeout);
        let left = self.deadline.since(facts.now);
        assert!(!timeout.is_zero() && timeout <= left.min(most), "{timeout:?}, {facts:?}, {self:?}");
    }

    fn falls_back(&mut self, substitute: Substitute, facts: Facts<'_>) {
        assert!(self.fell < Some(substitute), "{substitute:?} again or too late: {self:?}");
        self.fell = Some(substitute);
        self.ready = None;
        let fallback = &self.config.settings.fallback;
        match substitute {
            Substitute::Upstream(number, timeout) => {
                assert!(fallback.upstream.is_some() && facts.kept && self.first == First::Held, "{self:?}");
                assert!(
                    self.failed.is_some_and(|failure| self.may_repeat(failure)),
                    "harm is done: {self:?}"
                );
                self.begins(number, timeout, facts);
            }
            Substitute::Stale => assert!(fallback.stale.is_some(), "{self:?}"),
            Substitute::Answer => assert!(fallback.answer.is_some(), "{self:?}"),
        }
        if !matches!(substitute, Substitute::Upstream(..)) {
            self.under_way = None;
        }
    }
}
