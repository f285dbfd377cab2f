//! One request under a clock that the test sets, with three endpoints and as many retries as the test says.

use core::time::Duration;
use fastrand::Rng;
use switchyard_core::health::Health;
use switchyard_core::request_key::KeyRules;
use switchyard_core::retry::{
    Attempt, Attempts, AttemptsWorld, Decision, Denied, Failure, Hedge, Reason, Settings, StaleIfError,
    StaticAnswer, Step, Subject, Verdict, pick,
};
use switchyard_core::{EndpointIndex, Timestamp};

/// When every request ends.
pub(crate) const DEADLINE_MS: u64 = 1000;

/// Milliseconds after the request began.
pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + millis)
}

/// A failure that is tried again by default.
pub(crate) fn failed(failure: Failure) -> Verdict {
    Verdict::Failed { failure, reason: Reason::Status, asked: None }
}

/// An endpoint that asks to be left alone for so long.
pub(crate) fn asks(millis: u64) -> Verdict {
    let asked = Some(Duration::from_millis(millis));
    Verdict::Failed { failure: Failure::Status(503), reason: Reason::Status, asked }
}

pub(crate) const FAILED: Verdict =
    Verdict::Failed { failure: Failure::Status(503), reason: Reason::Status, asked: None };

/// The world as the test says.
pub(crate) struct Script {
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    /// Why no retry is to be had.
    pub(crate) refuses: Option<Denied>,
    /// Retries that were taken.
    pub(crate) taken: usize,
    pub(crate) endpoints: usize,
    pub(crate) least: Duration,
}

impl AttemptsWorld for Script {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn withdraw(&mut self) -> Result<(), Denied> {
        if let Some(denied) = self.refuses {
            return Err(denied);
        }
        self.taken += 1;
        Ok(())
    }

    fn pick(&mut self, tried: &[EndpointIndex]) -> Option<EndpointIndex> {
        pick(&[], self.endpoints, |_| 0, |_| Health::Healthy, tried)
    }

    fn least_time(&self) -> Duration {
        self.least
    }
}

/// Why there is no further attempt, and what makes it so.
pub(crate) type Refusal = (Denied, fn(&mut Case));

/// One request.
pub(crate) struct Case {
    pub(crate) settings: Settings,
    pub(crate) world: Script,
    pub(crate) attempts: Attempts,
}

impl Case {
    /// A GET whose first attempt goes to endpoint 0, with no waits between attempts unless the test sets some.
    pub(crate) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { num_retries: 3, ..Settings::default() };
        settings.back_off.base = Duration::from_micros(1);
        settings.back_off.max = Duration::from_micros(1);
        change(&mut settings);
        let subject = Subject { idempotent: true, kept: true, deadline: at(DEADLINE_MS) };
        let hedge_at = settings.hedge.map(|hedge| at(0).plus(hedge.initial_delay));
        let world = Script {
            now: at(0),
            rng: Rng::with_seed(1),
            refuses: None,
            taken: 0,
            endpoints: 3,
            least: Duration::from_millis(10),
        };
        Self { settings, world, attempts: Attempts::new(subject, Some(0), hedge_at) }
    }

    /// One that is hedged after 100 ms.
    pub(crate) fn hedged() -> Self {
        Self::new(|settings| settings.hedge = Some(Hedge::default()))
    }

    /// One of a method that is not idempotent.
    pub(crate) fn post() -> Self {
        let mut case = Self::new(|_| ());
        case.attempts.subject().idempotent = false;
        case
    }

    /// The first attempt is answered at a moment.
    pub(crate) fn first(&mut self, millis: u64, verdict: Verdict) -> Decision {
        self.world.now = at(millis);
        self.attempts.first_answer(verdict, &self.settings, &mut self.world)
    }

    /// Attempt `number` of ours is answered at a moment.
    pub(crate) fn answer(&mut self, millis: u64, number: u32, verdict: Verdict) -> Decision {
        self.world.now = at(millis);
        self.attempts.answer(number, verdict, &self.settings, &mut self.world)
    }

    /// A tick comes at a moment.
    pub(crate) fn tick(&mut self, millis: u64) -> Decision {
        self.world.now = at(millis);
        self.attempts.tick(&self.settings, &mut self.world)
    }

    /// What was to be sent, or is to be had, is not.
    pub(crate) fn could_not(&mut self) -> Decision {
        self.attempts.could_not(&self.settings, self.world.now)
    }

    /// A tick comes, and an attempt is made.
    pub(crate) fn sends(&mut self, millis: u64) -> Attempt {
        match self.tick(millis).step {
            Step::Send(attempt) => attempt,
            step => panic!("{step:?}"),
        }
    }

    /// The request has ended: whatever happens now, nothing is done.
    pub(crate) fn check_quiet(&mut self) {
        assert!(self.attempts.is_over());
        for number in 0..5 {
            assert_eq!(self.answer(DEADLINE_MS, number, Verdict::Final).step, Step::Wait);
            assert_eq!(self.answer(DEADLINE_MS, number, FAILED).step, Step::Wait);
        }
        assert_eq!(self.first(DEADLINE_MS, FAILED).step, Step::Wait);
        assert_eq!(self.first(DEADLINE_MS, Verdict::Final).step, Step::Wait);
        assert_eq!(self.could_not().step, Step::Wait);
        assert_eq!(self.attempts.give_up(Denied::Answer).step, Step::Wait);
        self.attempts.judge_later(at(DEADLINE_MS));
        assert_eq!(self.tick(DEADLINE_MS * 10), Decision::from(Step::Wait));
    }
}

/// Old answers that may stand in.
pub(crate) fn stale() -> StaleIfError {
    StaleIfError { max_age: Duration::from_secs(60), key: KeyRules::default(), max_bytes: 1 << 20 }
}

/// The answer that is always the same.
pub(crate) fn sorry() -> StaticAnswer {
    StaticAnswer { status: 200, headers: vec![], body: "sorry".into() }
}
