//! What must be so of one request, whoever decides: checked at every decision, from what happened and nothing else.

use crate::shapes::Config;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::retry::{Decision, Denied, Failure, GRACE, Step, Substitute, Verdict};
use switchyard_core::{EndpointIndex, Timestamp};

mod rulings;

/// Ticks come every so often while something waits, and at most so late.
pub(crate) const TICK: Duration = Duration::from_millis(5);
pub(crate) const LATE: Duration = Duration::from_millis(200);

/// What the machine was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    First(Verdict),
    Ours(u32, Verdict),
    Tick,
    CouldNot,
    GiveUp,
}

/// What was so when it was told that.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    pub(crate) cause: Cause,
    /// As the worker knows it.
    pub(crate) rotation: &'a [bool],
    pub(crate) kept: bool,
    /// How long an attempt takes at least.
    pub(crate) least: Duration,
    /// Retries that it has taken from the budgets so far.
    pub(crate) taken: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Pending,
    Judging(Timestamp),
    Held,
}

/// One request as an onlooker sees it.
#[derive(Debug)]
pub(crate) struct Referee {
    config: Rc<Config>,
    idempotent: bool,
    deadline: Timestamp,
    first: First,
    tried: Vec<EndpointIndex>,
    /// How the last attempt failed.
    failed: Option<Failure>,
    /// Where the first attempt went, as far as is known.
    first_at: Option<EndpointIndex>,
    number: u32,
    under_way: Option<u32>,
    /// Retries that were decided on, hedges among them.
    decided: u32,
    /// When the next attempt may begin.
    ready: Option<Timestamp>,
    /// The last substitute that was tried.
    fell: Option<Substitute>,
    /// A call's answer never comes.
    pub(crate) lost: bool,
    ended: Option<Timestamp>,
}

impl Referee {
    pub(crate) fn new(
        config: Rc<Config>,
        idempotent: bool,
        deadline: Timestamp,
        first_at: Option<EndpointIndex>,
    ) -> Self {
        Self {
            config,
            idempotent,
            deadline,
            first: First::Pending,
            tried: Vec::new(),
            failed: None,
            first_at,
            number: 1,
            under_way: None,
            decided: 0,
            ready: None,
            fell: None,
            lost: false,
            ended: None,
        }
    }

    pub(crate) fn went_to(&mut self, endpoint: EndpointIndex) {
        self.first_at = Some(endpoint);
    }

    pub(crate) fn judges(&mut self, until: Timestamp) {
        if self.first == First::Pending {
            self.first = First::Judging(until.min(self.deadline));
        }
    }

    /// A decision was made.
    pub(crate) fn saw(&mut self, decision: &Decision, facts: Facts<'_>) {
        if self.ended.is_some() {
            let quiet = decision.step == Step::Wait && decision.retry.is_none() && !decision.overdue;
            assert!(quiet, "ended twice: {decision:?}, {facts:?}, {self:?}");
            return;
        }
        let failed = self.hear(facts.cause);
        if let Some(Verdict::Failed { failure, .. }) = failed {
            self.failed = Some(failure);
        }
        if let Some((_, wait)) = decision.retry {
            self.is_retried(wait, failed, facts);
        }
        if let Some(denied) = decision.denied {
            self.is_denied(denied, failed, facts);
        }
        assert!(
            failed.is_none() || decision.retry.is_some() || decision.denied.is_some() || self.fell.is_some(),
            "a failure that nobody answers: {decision:?}, {facts:?}, {self:?}"
        );
        self.takes(decision, facts);
        assert_eq!(self.decided, facts.taken, "what is tried again is taken from the budget: {self:?}");
        assert!(self.decided <= u32::from(self.config.settings.num_retries), "{self:?}");
    }

    /// Takes note of what happened; a failure that calls for an answer.
    fn hear(&mut self, cause: Cause) -> Option<Verdict> {
        match cause {
            Cause::First(verdict @ Verdict::Failed { .. }) if self.first != First::Held => {
                self.first = First::Held;
                Some(verdict).filter(|_| self.under_way.is_none())
            }
            Cause::Ours(number, verdict @ Verdict::Failed { .. }) if self.under_way == Some(number) => {
                self.under_way = None;
                Some(verdict).filter(|_| self.first == First::Held)
            }
            Cause::CouldNot => {
                self.under_way = None;
                None
            }
            _ => None,
        }
    }

    /// Whether sending it again does no harm.
    fn may_repeat(&self, failure: Failure) -> bool {
        self.idempotent || self.config.settings.non_idempotent || failure.proves_unseen()
    }

    fn is_retried(&mut self, wait: Duration, failed: Option<Verdict>, facts: Facts<'_>) {
        let settings = &self.config.settings;
        let Some(Verdict::Failed { failure, asked, .. }) = failed else {
            panic!("a retry of nothing: {facts:?}, {self:?}")
        };
        assert!(self.may_repeat(failure) && facts.kept, "{facts:?}, {self:?}");
        match (settings.back_off.retry_after_ceiling, asked) {
            (Some(ceiling), Some(asked)) => assert!(wait == asked && asked <= ceiling, "{wait:?}, {self:?}"),
            _ => assert!(wait <= settings.back_off.max, "{wait:?}, {self:?}"),
        }
        let begins = facts.now.plus(wait);
        assert!(self.deadline.since(begins) >= facts.least && begins < self.deadline, "{self:?}");
        assert!(self.under_way.is_none() && self.fell.is_none(), "{self:?}");
        self.decided += 1;
        self.ready = Some(begins);
    }

    /// No retry is refused without cause.
    fn is_denied(&self, denied: Denied, failed: Option<Verdict>, facts: Facts<'_>) {
        let settings = &self.config.settings;
        let is_so = match (denied, failed) {
            (Denied::Exhausted, _) => self.decided == u32::from(settings.num_retries),
            (Denied::BodySize, _) => !facts.kept,
            (Denied::NotIdempotent, Some(Verdict::Failed { failure, .. })) => !self.may_repeat(failure),
            (Denied::RetryAfter, Some(Verdict::Failed { asked, .. })) => {
                settings.back_off.retry_after_ceiling.is_some_and(|ceiling| asked > Some(ceiling))
            }
            (Denied::NoEndpoint, _) => facts.cause == Cause::CouldNot || facts.rotation.is_empty(),
            (Denied::Answer, _) => facts.cause == Cause::GiveUp,
            (Denied::Memory | Denied::RetryAfter, _) => false,
            (Denied::Deadline, Some(Verdict::Failed { asked, .. })) => {
                let wait = settings.back_off.max.max(asked.unwrap_or_default());
                self.deadline.since(facts.now) <= facts.least + wait
            }
            (Denied::Deadline, _) => self.deadline.since(facts.now) <= facts.least,
            // The budgets have an auditor of their own.
            (Denied::Budget | Denied::Concurrency, _) => true,
            (Denied::NotIdempotent, _) => !self.idempotent,
        };
        assert!(is_so, "refused without cause: {denied:?}, {facts:?}, {self:?}");
    }

    /// The client has what it gets, or has left.
    pub(crate) fn ends(&mut self, now: Timestamp) {
        assert!(self.ended.replace(now).is_none(), "ended twice: {self:?}");
        let grace = if self.lost { GRACE } else { Duration::ZERO };
        let latest = self.deadline.plus(grace + TICK + LATE);
        assert!(now <= latest, "ended {:?} late: {self:?}", now.since(latest));
    }

    /// The client has left.
    pub(crate) fn leaves(&mut self, now: Timestamp) {
        self.ended.get_or_insert(now);
    }

    pub(crate) fn was_open(&self, moment: Timestamp) -> bool {
        self.ended.is_none_or(|ended| ended >= moment)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl core::fmt::Debug for Facts<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{:?} at {:?} with {:?} in rotation", self.cause, self.now, self.rotation)
    }
}
