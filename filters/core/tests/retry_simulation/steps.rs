//! What happens to one request, and the steps that are taken for it, as the filter takes them.

use crate::envoy::{Envoy, Event};
use crate::referee::{Cause, Facts};
use crate::request::Request;
use crate::weather::Outcome;
use crate::worker::Around;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Attempt, Decision, Denied, Failure, Reason, Step, Substitute, Verdict, World};

impl Envoy {
    /// The first attempt's answer begins.
    pub(crate) fn answered(&mut self, id: usize) {
        let (now, request) = (self.now, &mut self.requests[id]);
        if request.gone {
            return;
        }
        let latency = &mut self.workers[request.worker].latency;
        latency.observe(now.since(request.started), now);
        let (_, outcome) = request.first;
        let verdict = request.verdict(outcome);
        if verdict == Verdict::Final && request.config.reads_bodies && self.rng.bool() {
            self.is_read(id);
        } else {
            self.is_judged(id, verdict);
        }
    }

    /// It is held back to be read.
    fn is_read(&mut self, id: usize) {
        let patience = Duration::from_millis(100);
        let until = self.now.plus(patience);
        let request = &mut self.requests[id];
        request.attempts.judge_later(until);
        request.referee.judges(until);
        let says =
            if self.rng.u8(0..4) == 0 { Outcome::Bad(Failure::Status(200), None) } else { Outcome::Good };
        let at = self.soon(patience.mul_f64(1.2));
        self.agenda.plan(at, Event::Judged(id, says));
        self.waits(id);
    }

    /// Enough of it is there.
    pub(crate) fn judged(&mut self, id: usize, says: Outcome) {
        if self.requests[id].gone {
            return;
        }
        let verdict = match says {
            Outcome::Good => Verdict::Final,
            Outcome::Bad(failure, asked) => Verdict::Failed { failure, reason: Reason::Body, asked },
        };
        self.is_judged(id, verdict);
    }

    /// The verdict on the first attempt is there. In the stream's own callback an answer may be held or let go, no more.
    fn is_judged(&mut self, id: usize, verdict: Verdict) {
        let request = &mut self.requests[id];
        let (endpoint, outcome) = request.first;
        if verdict != Verdict::Final {
            request.attempts.went_to(endpoint);
            request.referee.went_to(endpoint);
        }
        let decision = self.asks(id, Cause::First(verdict));
        match decision.step {
            Step::PassOn if outcome == Outcome::Good && verdict == Verdict::Final => self.ends_well(),
            Step::PassOn | Step::Wait => {}
            step => self.requests[id].due = Some(step),
        }
        if self.requests[id].attempts.is_held() {
            self.waits(id);
            if self.chance(self.mishaps.too_large) {
                let at = self.soon(Duration::from_millis(50));
                let broken = self.rng.bool();
                self.agenda.plan(at, if broken { Event::Leaves(id) } else { Event::TooLarge(id) });
            }
        }
        self.closes(id);
    }

    pub(crate) fn call_answered(&mut self, id: usize, number: u32, outcome: Outcome, counted: bool) {
        let request = &self.requests[id];
        self.workers[request.worker].purse.active -= u32::from(counted);
        if request.gone {
            return;
        }
        let verdict = request.verdict(outcome);
        if counted && !request.attempts.is_over() {
            self.workers[request.worker].purse.retried(verdict == Verdict::Final);
        }
        let was_held = request.attempts.is_held();
        let decision = self.asks(id, Cause::Ours(number, verdict));
        if decision.step.ends() && verdict == Verdict::Final {
            if !was_held {
                self.tally.count("hedges won");
            }
            if outcome == Outcome::Good {
                self.ends_well();
            }
        }
        self.acts(id, decision.step);
    }

    /// The client leaves, or the answer that is held back breaks off.
    pub(crate) fn leaves(&mut self, id: usize) {
        let (now, request) = (self.now, &mut self.requests[id]);
        if !request.is_over() {
            request.gone = true;
            request.referee.leaves(now);
            self.tally.count("left");
            self.closes(id);
        }
    }

    pub(crate) fn too_large(&mut self, id: usize) {
        if !self.requests[id].gone {
            self.asks(id, Cause::GiveUp);
            self.closes(id);
        }
    }

    /// A tick looks after a request.
    pub(crate) fn advances(&mut self, id: usize) {
        let (now, request) = (self.now, &mut self.requests[id]);
        if request.is_over() {
            return;
        }
        if let Some(step) = request.due.take() {
            self.acts(id, step);
        } else if request.attempts.due() <= now {
            let decision = self.asks(id, Cause::Tick);
            self.acts(id, decision.step);
        }
    }

    /// Asks the machine, under the eyes of the referee.
    fn asks(&mut self, id: usize, cause: Cause) -> Decision {
        let (now, request) = (self.now, &mut self.requests[id]);
        let (config, kept) = (Rc::clone(&request.config), request.kept);
        let (ended, taken) = (request.referee.has_ended(), request.taken);
        request.attempts.subject().kept = kept;
        let mut world = Around {
            worker: &mut self.workers[request.worker],
            shared: &mut self.shared,
            config: &config,
            candidates: &request.candidates,
            taken: &mut request.taken,
            now,
        };
        let least = world.least_time();
        let attempts = &mut request.attempts;
        let settings = &config.settings;
        let decision = match cause {
            Cause::First(verdict) => attempts.first_answer(verdict, settings, &mut world),
            Cause::Ours(number, verdict) => attempts.answer(number, verdict, settings, &mut world),
            Cause::Tick => attempts.tick(settings, &mut world),
            Cause::CouldNot => attempts.could_not(settings, now),
            Cause::GiveUp => attempts.give_up(Denied::Answer),
        };
        let rotation = &self.workers[request.worker].rotation;
        request.places += request.taken - taken;
        let facts = Facts { now, cause, rotation, kept, least, taken: request.taken };
        request.referee.saw(&decision, facts);
        if !ended {
            self.tally.decision(&decision);
            self.times.decision(&decision, now);
        }
        decision
    }

    /// Takes a step, and those that follow from it.
    fn acts(&mut self, id: usize, first: Step) {
        let mut step = first;
        loop {
            let done = match step {
                Step::Wait | Step::PassOn | Step::Deliver(_) | Step::TimeOut => true,
                Step::Send(attempt) => self.sends(id, attempt),
                Step::FallBack(substitute) => self.falls_back(id, substitute),
            };
            if done {
                return self.closes(id);
            }
            step = self.asks(id, Cause::CouldNot).step;
        }
    }

    fn sends(&mut self, id: usize, attempt: Attempt) -> bool {
        if self.chance(self.mishaps.not_sent) {
            return false;
        }
        // The call has the place now.
        self.requests[id].places -= 1;
        let came = self.weather.attempt(attempt.endpoint, self.now, &mut self.rng);
        self.calls(id, attempt.number, attempt.timeout, came, true);
        true
    }

    /// A call ends by its timeout, unless it is lost.
    fn calls(
        &mut self,
        id: usize,
        number: u32,
        timeout: Duration,
        came: (Option<Duration>, Outcome),
        counted: bool,
    ) {
        assert!(self.now.plus(timeout) <= self.requests[id].deadline, "an attempt outlives its deadline");
        let (latency, outcome) = Request::within(timeout, came, Outcome::Bad(Failure::Reset, None));
        if self.chance(self.mishaps.lost_call) {
            self.requests[id].referee.lost = true;
            self.workers[self.requests[id].worker].purse.active -= u32::from(counted);
            return;
        }
        self.agenda.plan(self.now.plus(latency), Event::CallAnswered(id, number, outcome, counted));
    }

    /// Whether the substitute is to be had, or asked for.
    fn falls_back(&mut self, id: usize, substitute: Substitute) -> bool {
        let had = match substitute {
            Substitute::Upstream(number, timeout) => {
                // It was decided on before this tick.
                let timeout = timeout.min(self.requests[id].deadline.since(self.now));
                if timeout.is_zero() || self.chance(0.1) {
                    return false;
                }
                let outcome =
                    if self.chance(0.7) { Outcome::Good } else { Outcome::Bad(Failure::Status(503), None) };
                let latency = Duration::from_micros(self.rng.u64(100..50_000));
                self.calls(id, number, timeout, (Some(latency), outcome), false);
                return true;
            }
            Substitute::Stale => self.chance(0.5),
            Substitute::Answer => self.chance(0.9),
        };
        if had {
            self.requests[id].attempts.substituted();
            self.requests[id].referee.ends(self.now);
            self.tally.count("substituted");
        }
        had
    }

    /// A request ends with a good answer of an endpoint.
    fn ends_well(&mut self) {
        self.tally.count("good");
        self.times.successes.push(self.now);
    }

    /// Nothing is left to do for what has ended.
    fn closes(&mut self, id: usize) {
        let request = &mut self.requests[id];
        if request.is_over() && !core::mem::replace(&mut request.closed, true) {
            request.due = None;
            self.workers[request.worker].purse.active -= core::mem::take(&mut request.places);
            self.open -= 1;
        }
    }

    /// How many requests are open at this moment of the simulation.
    pub(crate) fn open_since(&self, moment: Timestamp) -> usize {
        let open = |request: &&Request| request.started < moment && request.referee.was_open(moment);
        self.requests.iter().filter(open).count()
    }
}
