//! One request and all its attempts: the machine of the filter's engine.
//!
//! Envoy makes the first attempt. What comes back is told to the machine, and so is every answer to an attempt of its own;
//! it says what to do next. It holds no clock, no randomness and no host: they are its [`AttemptsWorld`].
//!
//! Invariants: after a [`Step`] that [ends](Step::ends) the request, every input is answered with [`Step::Wait`]; a retry is
//! taken from the budget before it is sent; no attempt begins after the deadline, or with less time left than an
//! attempt takes; while an attempt of its own is under way the first one's failure is held back, not passed on.
//!
//! Trade-off: one wait and one hedge at a time. Envoy's own hedging may have several attempts under way; the second one is
//! what hedging gains from (Dean and Barroso, "The Tail at Scale").

mod step;

use super::classify::{Failure, Reason};
use super::settings::Settings;
use crate::{EndpointIndex, Timestamp};
use core::time::Duration;
pub use step::{Attempt, AttemptsWorld, Decision, Denied, Step, Subject, Substitute, Verdict};

/// How long after its deadline a request is ended that should have ended by itself.
pub const GRACE: Duration = Duration::from_secs(1);

/// Where the first attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Pending,
    /// It has answered, and the answer is held back until enough of it is there to be judged, or until then.
    Judging(Timestamp),
    /// Its failure is held back.
    Held,
    /// The request has ended.
    Over,
}

/// The failure that the next attempt would answer.
#[derive(Clone, Copy, Debug)]
struct Failed {
    failure: Failure,
    reason: Reason,
    asked: Option<Duration>,
}

/// One request and all its attempts.
///
/// ```
/// use core::time::Duration;
/// use switchyard_core::Timestamp;
/// use switchyard_core::health::Health;
/// use switchyard_core::retry::{
///     Attempts, Denied, Failure, Reason, Settings, Step, Subject, Verdict, AttemptsWorld, pick,
/// };
///
/// /// Two endpoints, and retries without end.
/// struct Plenty(Timestamp, fastrand::Rng);
///
/// impl AttemptsWorld for Plenty {
///     fn now(&self) -> Timestamp {
///         self.0
///     }
///     fn rng(&mut self) -> &mut fastrand::Rng {
///         &mut self.1
///     }
///     fn withdraw(&mut self) -> Result<(), Denied> {
///         Ok(())
///     }
///     fn pick(&mut self, tried: &[usize]) -> Option<usize> {
///         pick(&[], 2, |_| 0, |_| Health::Healthy, tried)
///     }
///     fn least_time(&self) -> Duration {
///         Duration::ZERO
///     }
/// }
///
/// let (settings, begun) = (Settings::default(), Timestamp::from_millis(1_000_000));
/// let mut world = Plenty(begun, fastrand::Rng::with_seed(1));
/// let subject = Subject { idempotent: true, kept: true, deadline: begun.plus(Duration::from_secs(1)) };
/// let mut attempts = Attempts::new(subject, Some(0), None);
///
/// // The first endpoint fails: the machine waits, and holds the failure back.
/// let failed = Verdict::Failed { failure: Failure::Status(503), reason: Reason::Status, asked: None };
/// assert_eq!(attempts.first_answer(failed, &settings, &mut world).step, Step::Wait);
///
/// // When the wait is over, the other endpoint is asked, and its answer is what the client gets.
/// world.0 = attempts.due();
/// let Step::Send(attempt) = attempts.tick(&settings, &mut world).step else { panic!() };
/// assert_eq!((attempt.number, attempt.endpoint), (2, 1));
/// assert_eq!(attempts.answer(2, Verdict::Final, &settings, &mut world).step, Step::Deliver(2));
/// ```
#[derive(Clone, Debug)]
pub struct Attempts {
    subject: Subject,
    first: First,
    /// The attempt of ours that is under way.
    ours: Option<Attempt>,
    /// The last number that was given.
    number: u32,
    retries: u8,
    tried: Vec<EndpointIndex>,
    /// The first of `tried` is where the first attempt went, or is thought to have gone.
    knows_first: bool,
    /// When the next attempt is made.
    until: Option<Timestamp>,
    /// The wait before.
    before: Duration,
    waited: Duration,
    hedge_at: Option<Timestamp>,
    /// Which substitutes have been tried.
    fell: u8,
}

impl Attempts {
    /// A request whose first attempt goes to `endpoint`, if that is known, and is hedged at `hedge_at`.
    pub fn new(subject: Subject, endpoint: Option<EndpointIndex>, hedge_at: Option<Timestamp>) -> Self {
        Self {
            subject,
            first: First::Pending,
            ours: None,
            number: 1,
            retries: 0,
            tried: endpoint.into_iter().collect(),
            knows_first: endpoint.is_some(),
            until: None,
            before: Duration::ZERO,
            waited: Duration::ZERO,
            hedge_at,
            fell: 0,
        }
    }

    /// What is known of the request now: its body may have come meanwhile.
    pub fn subject(&mut self) -> &mut Subject {
        &mut self.subject
    }

    /// Where the first attempt went, as far as is known.
    pub fn first_endpoint(&self) -> Option<EndpointIndex> {
        self.tried.first().copied().filter(|_| self.knows_first)
    }

    /// The first attempt went to `endpoint`, wherever it was thought to have gone.
    pub fn went_to(&mut self, endpoint: EndpointIndex) {
        match self.tried.first_mut().filter(|_| self.knows_first) {
            Some(first) => *first = endpoint,
            None => self.tried.insert(0, endpoint),
        }
        self.knows_first = true;
    }

    /// The first attempt has not failed yet.
    fn is_open(&self) -> bool {
        matches!(self.first, First::Pending | First::Judging(_))
    }

    /// Whether the first attempt's answer is held back.
    pub fn is_held(&self) -> bool {
        matches!(self.first, First::Held | First::Judging(_))
    }

    /// Whether the request has ended.
    pub fn is_over(&self) -> bool {
        self.first == First::Over
    }

    /// Whether a substitute is being tried, or was.
    pub fn is_substitute(&self) -> bool {
        self.fell > 0
    }

    /// How long it has waited between attempts, in all.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// How many attempts there were, Envoy's included.
    pub fn made(&self) -> u32 {
        self.number
    }

    /// When [`Attempts::tick`] has something to do next; the deadline at the latest.
    pub fn due(&self) -> Timestamp {
        let hedge = self.hedge_at.filter(|_| self.first == First::Pending);
        let judged = if let First::Judging(until) = self.first { Some(until) } else { None };
        [self.until, hedge, judged].into_iter().flatten().fold(self.subject.deadline, Ord::min)
    }

    /// The first attempt's answer has begun, and is held back to be judged when more of it is there; at `until` it goes on
    /// unjudged.
    pub fn judge_later(&mut self, until: Timestamp) {
        if self.first == First::Pending {
            self.hedge_at = None;
            self.first = First::Judging(until.min(self.subject.deadline));
        }
    }

    /// The first attempt has been answered.
    pub fn first_answer(
        &mut self,
        verdict: Verdict,
        settings: &Settings,
        world: &mut impl AttemptsWorld,
    ) -> Decision {
        if !self.is_open() {
            return Step::Wait.into();
        }
        self.hedge_at = None;
        match verdict {
            Verdict::Final => self.end(Step::PassOn),
            Verdict::Failed { failure, reason, asked } => {
                self.first = First::Held;
                if self.ours.is_some() {
                    return Step::Wait.into();
                }
                self.again(Failed { failure, reason, asked }, settings, world)
            }
        }
    }

    /// An attempt of ours has been answered.
    pub fn answer(
        &mut self,
        number: u32,
        verdict: Verdict,
        settings: &Settings,
        world: &mut impl AttemptsWorld,
    ) -> Decision {
        if self.first == First::Over || self.ours.is_none_or(|ours| ours.number != number) {
            return Step::Wait.into();
        }
        let pending = self.is_open();
        match verdict {
            Verdict::Final => self.end(Step::Deliver(number)),
            Verdict::Failed { failure, reason, asked } => {
                self.ours = None;
                match self.fell {
                    0 if pending => Step::Wait.into(),
                    0 => self.again(Failed { failure, reason, asked }, settings, world),
                    _ => self.fall_back(settings, world.now()).into(),
                }
            }
        }
    }

    /// The attempt of this number could not be sent, or the substitute is not to be had.
    pub fn could_not(&mut self, settings: &Settings, now: Timestamp) -> Decision {
        let was_hedge = self.ours.take().is_some_and(|ours| ours.hedge);
        if self.first == First::Over || (was_hedge && self.is_open()) {
            return Step::Wait.into();
        }
        let denied = (self.fell == 0).then_some(Denied::NoEndpoint);
        Decision { denied, ..self.fall_back(settings, now).into() }
    }

    /// The attempt of ours has ended without an answer, in a way that is not worth another one. It may have been seen, so another
    /// upstream gets the request only if that does no harm.
    pub fn no_answer(&mut self, settings: &Settings, now: Timestamp) -> Decision {
        let harmless = settings.non_idempotent || self.subject.idempotent;
        if !harmless && self.fell == 0 && self.first == First::Held {
            self.fell = 1;
            return Decision { denied: Some(Denied::NotIdempotent), ..self.fall_back(settings, now).into() };
        }
        self.could_not(settings, now)
    }

    /// No further attempt, for a reason that only the caller knows.
    pub fn give_up(&mut self, denied: Denied) -> Decision {
        let step = if self.first == First::Over { Step::Wait } else { Step::PassOn };
        self.first = First::Over;
        Decision { denied: Some(denied), ..step.into() }
    }

    /// Time has passed.
    pub fn tick(&mut self, settings: &Settings, world: &mut impl AttemptsWorld) -> Decision {
        let now = world.now();
        if self.first == First::Over {
            return Step::Wait.into();
        }
        if let First::Judging(until) = self.first
            && now >= until
        {
            return Decision { overdue: true, ..self.end(Step::PassOn) };
        }
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
            return self.send(false, settings, world);
        }
        if now >= self.subject.deadline && self.first == First::Pending {
            return self.out_of_time(settings);
        }
        if self.first == First::Pending && self.hedge_at.is_some_and(|at| now >= at) {
            self.hedge_at = None;
            return self.hedge(settings, world);
        }
        // The call's own timeout has ended it long ago, if the host keeps its word.
        if now >= self.subject.deadline.plus(GRACE) {
            return Decision { overdue: true, ..self.end(Step::TimeOut) };
        }
        Step::Wait.into()
    }

    /// The failure stands unless there may be another attempt.
    fn again(&mut self, failed: Failed, settings: &Settings, world: &mut impl AttemptsWorld) -> Decision {
        match self.wait_before(failed, settings, world) {
            Ok(wait) => {
                self.retries = self.retries.saturating_add(1);
                self.before = wait;
                self.waited = self.waited.saturating_add(wait);
                self.until = Some(world.now().plus(wait));
                Decision { retry: Some((failed.reason, wait)), ..Step::Wait.into() }
            }
            Err(denied) => {
                if denied == Denied::NotIdempotent {
                    // Another upstream would be sent it a second time, too.
                    self.fell = self.fell.max(1);
                }
                Decision { denied: Some(denied), ..self.fall_back(settings, world.now()).into() }
            }
        }
    }

    /// The wait before another attempt, if there may be one; it has been taken from the budget then.
    fn wait_before(
        &self,
        failed: Failed,
        settings: &Settings,
        world: &mut impl AttemptsWorld,
    ) -> Result<Duration, Denied> {
        let idempotent = settings.non_idempotent || self.subject.idempotent;
        if !idempotent && !failed.failure.proves_unseen() {
            return Err(Denied::NotIdempotent);
        }
        self.may_repeat(settings)?;
        let back_off = &settings.back_off;
        let wait = match back_off.asked(failed.asked).map_err(|_| Denied::RetryAfter)? {
            Some(asked) => {
                self.has_time(world.now().plus(asked), world)?;
                let left = self.subject.deadline.since(world.now().plus(asked));
                let room = left.saturating_sub(world.least_time());
                asked.saturating_add(back_off.spread(asked, room, world.rng()))
            }
            None => back_off.wait(u32::from(self.retries), self.before, world.rng()),
        };
        self.has_time(world.now().plus(wait), world)?;
        world.withdraw()?;
        Ok(wait)
    }

    fn may_repeat(&self, settings: &Settings) -> Result<(), Denied> {
        if !self.subject.kept {
            return Err(Denied::BodySize);
        }
        if self.retries >= settings.num_retries { Err(Denied::Exhausted) } else { Ok(()) }
    }

    fn has_time(&self, at: Timestamp, world: &impl AttemptsWorld) -> Result<(), Denied> {
        let left = self.subject.deadline.since(at);
        if left < world.least_time() || left.is_zero() { Err(Denied::Deadline) } else { Ok(()) }
    }

    fn hedge(&mut self, settings: &Settings, world: &mut impl AttemptsWorld) -> Decision {
        let may = if self.subject.idempotent { Ok(()) } else { Err(Denied::NotIdempotent) };
        let may = may.and_then(|()| self.may_repeat(settings));
        let may = may.and_then(|()| self.has_time(world.now(), world)).and_then(|()| world.withdraw());
        if let Err(denied) = may {
            return Decision { denied: Some(denied), ..Step::Wait.into() };
        }
        self.retries = self.retries.saturating_add(1);
        self.send(true, settings, world)
    }

    fn send(&mut self, hedge: bool, settings: &Settings, world: &mut impl AttemptsWorld) -> Decision {
        let now = world.now();
        let left = self.subject.deadline.since(now);
        // A tick may come late.
        if self.has_time(now, world).is_err() && !hedge {
            return Decision { denied: Some(Denied::Deadline), ..self.fall_back(settings, now).into() };
        }
        let Some(endpoint) = world.pick(&self.tried) else {
            self.ours = None;
            return match hedge {
                true => Decision { denied: Some(Denied::NoEndpoint), ..Step::Wait.into() },
                false => self.could_not(settings, now),
            };
        };
        self.tried.push(endpoint);
        self.number = self.number.saturating_add(1);
        let attempt = Attempt { number: self.number, endpoint, timeout: left, hedge };
        self.ours = Some(attempt);
        Step::Send(attempt).into()
    }

    /// The next substitute that there is; without one the failure stands.
    fn fall_back(&mut self, settings: &Settings, now: Timestamp) -> Step {
        let fallback = &settings.fallback;
        let left = self.subject.deadline.since(now);
        self.ours = None;
        if self.fell < 1 {
            self.fell = 1;
            if fallback.upstream.is_some() && self.subject.kept && !left.is_zero() {
                self.number = self.number.saturating_add(1);
                let (number, endpoint) = (self.number, EndpointIndex::MAX);
                self.ours = Some(Attempt { number, endpoint, timeout: left, hedge: false });
                return Step::FallBack(Substitute::Upstream(number, left));
            }
        }
        if self.fell < 2 {
            self.fell = 2;
            if fallback.stale.is_some() {
                return Step::FallBack(Substitute::Stale);
            }
        }
        if self.fell < 3 {
            self.fell = 3;
            if fallback.answer.is_some() {
                return Step::FallBack(Substitute::Answer);
            }
        }
        let step = if self.first == First::Pending { Step::TimeOut } else { Step::PassOn };
        self.first = First::Over;
        step
    }

    /// The deadline is there and the first attempt has not been answered: no upstream is asked any more.
    fn out_of_time(&mut self, settings: &Settings) -> Decision {
        self.fell = self.fell.max(1);
        self.fall_back(settings, self.subject.deadline).into()
    }

    /// A substitute was found and has been sent.
    pub fn substituted(&mut self) {
        self.first = First::Over;
    }

    fn end(&mut self, step: Step) -> Decision {
        self.first = First::Over;
        step.into()
    }
}
