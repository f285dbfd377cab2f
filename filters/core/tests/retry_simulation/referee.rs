//! What must be so of one request, whoever decides: checked at whatever is done for it, from what happened and nothing else.

use crate::shapes::Config;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::retry::{Denied, Failure, GRACE, Verdict};
use switchyard_core::{EndpointIndex, Timestamp};

mod rulings;

/// Ticks come every so often while something waits, and at most so late.
pub(crate) use switchyard_core::retry::exchanges::TICK;
pub(crate) const LATE: Duration = Duration::from_millis(200);

/// What the machine was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    First(Verdict),
    Ours(u32, Verdict),
    Tick,
    CouldNot,
    /// The held answer has become too long.
    GiveUp,
    /// Something that no decision follows from.
    Nothing,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Pending,
    Judging(Timestamp),
    Held,
}

/// What came last in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fell {
    Elsewhere,
    Stale,
    Configured,
}

/// One request as an onlooker sees it.
#[derive(Debug)]
pub(crate) struct Referee {
    config: Rc<Config>,
    idempotent: bool,
    grpc: bool,
    deadline: Timestamp,
    first: First,
    tried: Vec<EndpointIndex>,
    /// How the last attempt failed.
    failed: Option<Failure>,
    /// The failure that the machine was told just now and that calls for an answer.
    calls_for: Option<Verdict>,
    /// It has had one.
    is_answered: bool,
    /// Where the first attempt went, as far as is known.
    first_at: Option<EndpointIndex>,
    number: u32,
    under_way: Option<u32>,
    /// Retries that were decided on, hedges among them.
    decided: u32,
    /// When the next attempt may begin.
    ready: Option<Timestamp>,
    /// The last substitute that was tried.
    fell: Option<Fell>,
    /// A call's answer comes long after its time.
    pub(crate) lost: bool,
    /// The watchdog has barked, or what was to be judged was not there in time.
    overdue: bool,
    ended: Option<Timestamp>,
}

impl Referee {
    pub(crate) fn new(
        config: Rc<Config>,
        (idempotent, grpc): (bool, bool),
        deadline: Timestamp,
        first_at: Option<EndpointIndex>,
    ) -> Self {
        Self {
            config,
            idempotent,
            grpc,
            deadline,
            first: First::Pending,
            tried: Vec::new(),
            failed: None,
            calls_for: None,
            is_answered: false,
            first_at,
            number: 1,
            under_way: None,
            decided: 0,
            ready: None,
            fell: None,
            lost: false,
            overdue: false,
            ended: None,
        }
    }

    pub(crate) fn went_to(&mut self, endpoint: EndpointIndex) {
        self.first_at = Some(endpoint);
    }

    /// The first attempt's answer begins, and must be read before it is judged.
    pub(crate) fn judges(&mut self, until: Timestamp) {
        if self.first == First::Pending {
            self.first = First::Judging(until);
        }
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    pub(crate) fn is_held(&self) -> bool {
        self.first != First::Pending
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue
    }

    /// The machine is about to be told something.
    pub(crate) fn hears(&mut self, cause: Cause) {
        (self.calls_for, self.is_answered) = (None, false);
        if self.ended.is_some() {
            return;
        }
        self.calls_for = match cause {
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
        };
        match cause {
            Cause::First(Verdict::Failed { failure, .. })
            | Cause::Ours(_, Verdict::Failed { failure, .. }) => {
                self.failed = Some(failure);
            }
            // Nobody knows what became of it.
            Cause::CouldNot => self.failed = Some(Failure::Reset),
            _ => {}
        }
    }

    /// The machine has been told.
    pub(crate) fn has_heard(&self, facts: Facts<'_>) {
        let is_answered = self.is_answered || self.fell.is_some() || !facts.kept || self.ended.is_some();
        assert!(
            self.calls_for.is_none() || is_answered,
            "a failure that nobody answers: {facts:?}, {self:?}"
        );
        assert!(self.decided <= u32::from(self.config.settings.num_retries), "{self:?}");
    }

    /// A tick has passed that might have done something for the request.
    pub(crate) fn was_looked_after(&self, now: Timestamp) {
        if self.ended.is_some() {
            return;
        }
        let something = self.ready.is_some() || self.under_way.is_some();
        assert!(self.first != First::Held || something, "held for nothing at {now:?}: {self:?}");
        assert!(now < self.deadline.plus(GRACE), "{now:?}: {self:?}");
    }

    /// Whether sending it again does no harm.
    fn may_repeat(&self, failure: Failure) -> bool {
        self.idempotent || self.config.settings.non_idempotent || failure.proves_unseen()
    }

    /// A retry was decided on, and taken from the budgets.
    pub(crate) fn check_retry(&mut self, wait: Duration, facts: Facts<'_>) {
        let settings = &self.config.settings;
        assert!(self.ended.is_none(), "{facts:?}, {self:?}");
        let Some(Verdict::Failed { failure, asked, .. }) = self.calls_for.filter(|_| !self.is_answered)
        else {
            panic!("a retry of nothing: {facts:?}, {self:?}")
        };
        assert!(self.may_repeat(failure) && facts.kept, "{facts:?}, {self:?}");
        match (settings.back_off.retry_after_ceiling, asked) {
            (Some(ceiling), Some(asked)) => {
                let most = asked + (asked / 2).max(settings.back_off.base);
                assert!(asked <= ceiling && wait >= asked && wait <= most, "{wait:?}, {self:?}");
            }
            _ => assert!(wait <= settings.back_off.max, "{wait:?}, {self:?}"),
        }
        let begins = facts.now.plus(wait);
        assert!(self.deadline.since(begins) >= facts.least && begins < self.deadline, "{self:?}");
        assert!(self.under_way.is_none() && self.fell.is_none(), "{self:?}");
        self.decided += 1;
        self.ready = Some(begins);
        self.is_answered = true;
    }

    /// No retry is refused without cause.
    pub(crate) fn check_denial(&mut self, denied: Denied, facts: Facts<'_>) {
        let settings = &self.config.settings;
        let unjudged = matches!(self.first, First::Judging(until) if facts.now >= until);
        let is_so = match (denied, self.calls_for) {
            (Denied::Exhausted, _) => self.decided == u32::from(settings.num_retries),
            (Denied::BodySize, _) => !facts.kept,
            (Denied::NotIdempotent, Some(Verdict::Failed { failure, .. })) => !self.may_repeat(failure),
            (Denied::RetryAfter, Some(Verdict::Failed { asked, .. })) => {
                settings.back_off.retry_after_ceiling.is_some_and(|ceiling| asked > Some(ceiling))
            }
            (Denied::NoEndpoint, _) => facts.cause == Cause::CouldNot || facts.rotation.is_empty(),
            // What a gRPC call has been given cannot always be taken back; nor is judged what is not there in time.
            (Denied::Answer, _) => facts.cause == Cause::GiveUp || self.grpc || unjudged,
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
        self.overdue |= denied == Denied::Answer && unjudged && facts.cause == Cause::Tick;
        self.is_answered = true;
    }

    /// The watchdog says that something did not come.
    pub(crate) fn barks(&mut self, facts: Facts<'_>) {
        let unjudged = matches!(self.first, First::Judging(until) if facts.now >= until);
        assert!(unjudged || self.lost, "the watchdog bites: {facts:?}, {self:?}");
        self.overdue = true;
    }

    /// The client has what it gets.
    fn ends(&mut self, now: Timestamp) {
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
