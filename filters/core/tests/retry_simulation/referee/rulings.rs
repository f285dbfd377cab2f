//! What must be so of the steps that are taken.

use super::{Cause, Facts, Fell, First, Referee};
use core::time::Duration;
use switchyard_core::EndpointIndex;
use switchyard_core::retry::{Attempt, Verdict};

impl Referee {
    /// The first attempt's answer goes on.
    pub(crate) fn passes_on(&mut self, facts: Facts<'_>) {
        let answered = self.first != First::Pending || matches!(facts.cause, Cause::First(_));
        assert!(answered || facts.cause == Cause::GiveUp, "{facts:?}, {self:?}");
        self.ends(facts.now);
    }

    /// The answer to an attempt of ours goes to the client.
    pub(crate) fn delivers(&mut self, number: u32, facts: Facts<'_>) {
        assert_eq!(self.under_way, Some(number), "{facts:?}, {self:?}");
        assert_eq!(facts.cause, Cause::Ours(number, Verdict::Final), "{self:?}");
        self.ends(facts.now);
    }

    /// The client gets a 504.
    pub(crate) fn times_out(&mut self, facts: Facts<'_>) {
        let pending = self.first == First::Pending && facts.now >= self.deadline;
        assert!(pending != self.overdue, "{facts:?}, {self:?}");
        self.ends(facts.now);
    }

    pub(crate) fn sends(&mut self, attempt: Attempt, facts: Facts<'_>) {
        assert!(self.ended.is_none(), "{facts:?}, {self:?}");
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
        let left = self.deadline.since(facts.now);
        assert!(!timeout.is_zero() && timeout <= left, "{timeout:?}, {facts:?}, {self:?}");
    }

    /// It could not be sent.
    pub(crate) fn could_not(&mut self) {
        self.under_way = None;
    }

    fn falls_back(&mut self, to: Fell, facts: Facts<'_>) {
        assert!(self.ended.is_none() && !self.grpc, "{facts:?}, {self:?}");
        assert!(self.fell < Some(to), "{to:?} again or too late: {self:?}");
        self.fell = Some(to);
        self.ready = None;
    }

    /// Another upstream is asked.
    pub(crate) fn asks_elsewhere(&mut self, number: u32, timeout: Duration, facts: Facts<'_>) {
        self.falls_back(Fell::Elsewhere, facts);
        let fallback = &self.config.settings.fallback;
        assert!(fallback.upstream.is_some() && facts.kept && self.first == First::Held, "{self:?}");
        assert!(self.failed.is_some_and(|failure| self.may_repeat(failure)), "harm is done: {self:?}");
        self.begins(number, timeout, facts);
    }

    /// The client gets an old answer, or the configured one.
    pub(crate) fn substitutes(&mut self, stale: bool, facts: Facts<'_>) {
        self.falls_back(if stale { Fell::Stale } else { Fell::Configured }, facts);
        let fallback = &self.config.settings.fallback;
        assert!(if stale { fallback.stale.is_some() } else { fallback.answer.is_some() }, "{self:?}");
        self.under_way = None;
        self.ends(facts.now);
    }
}
