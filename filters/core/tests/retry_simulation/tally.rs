//! What happened, so that a simulation in which nothing happens is no proof.

use switchyard_core::Timestamp;
use switchyard_core::retry::{Decision, Denied, Step, Substitute};

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) good: u64,
    pub(crate) passed_on: u64,
    pub(crate) delivered: u64,
    pub(crate) hedges_won: u64,
    pub(crate) timed_out: u64,
    pub(crate) bitten: u64,
    pub(crate) unjudged: u64,
    pub(crate) retries: u64,
    pub(crate) hedges: u64,
    pub(crate) left: u64,
    /// By kind: another upstream, an old answer, the configured one.
    pub(crate) fell_back: [u64; 3],
    pub(crate) substituted: u64,
    pub(crate) denied: [u64; 10],
    /// When every attempt began, Envoy's and ours, and when requests ended well.
    pub(crate) attempts: Vec<Timestamp>,
    pub(crate) retried: Vec<Timestamp>,
    pub(crate) successes: Vec<Timestamp>,
}

/// All reasons, in the order of [`Tally::denied`].
const DENIED: [Denied; 10] = [
    Denied::Budget,
    Denied::Concurrency,
    Denied::Deadline,
    Denied::BodySize,
    Denied::Memory,
    Denied::NotIdempotent,
    Denied::RetryAfter,
    Denied::Exhausted,
    Denied::NoEndpoint,
    Denied::Answer,
];

impl Tally {
    pub(crate) fn count(&mut self, decision: &Decision, now: Timestamp) {
        for (denied, count) in DENIED.iter().zip(&mut self.denied) {
            *count += u64::from(decision.denied == Some(*denied));
        }
        match decision.step {
            Step::Wait => {}
            Step::PassOn => {
                self.passed_on += 1;
                self.unjudged += u64::from(decision.overdue);
            }
            Step::Deliver(_) => self.delivered += 1,
            Step::TimeOut => {
                self.timed_out += 1;
                self.bitten += u64::from(decision.overdue);
            }
            Step::FallBack(Substitute::Upstream(..)) => self.fell_back[0] += 1,
            Step::FallBack(Substitute::Stale) => self.fell_back[1] += 1,
            Step::FallBack(Substitute::Answer) => self.fell_back[2] += 1,
            Step::Send(attempt) => {
                self.attempts.push(now);
                self.retried.push(now);
                let which = if attempt.hedge { &mut self.hedges } else { &mut self.retries };
                *which += 1;
            }
        }
    }

    /// A request ended with an answer of an endpoint.
    pub(crate) fn good(&mut self, good: bool, now: Timestamp) {
        if good {
            self.good += 1;
            self.successes.push(now);
        }
    }

    /// Adds what happened elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.requests, other.requests),
            (&mut self.good, other.good),
            (&mut self.passed_on, other.passed_on),
            (&mut self.delivered, other.delivered),
            (&mut self.hedges_won, other.hedges_won),
            (&mut self.timed_out, other.timed_out),
            (&mut self.bitten, other.bitten),
            (&mut self.unjudged, other.unjudged),
            (&mut self.retries, other.retries),
            (&mut self.hedges, other.hedges),
            (&mut self.left, other.left),
            (&mut self.substituted, other.substituted),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
        for (sum, more) in
            self.fell_back.iter_mut().chain(&mut self.denied).zip(other.fell_back.iter().chain(&other.denied))
        {
            *sum += more;
        }
    }

    /// Everything that can happen did, often; the watchdog bit only where a call was lost.
    pub(crate) fn is_everything(&self) {
        let counts = [
            self.good,
            self.passed_on,
            self.delivered,
            self.hedges_won,
            self.timed_out,
            self.bitten,
            self.unjudged,
            self.retries,
            self.hedges,
            self.left,
            self.substituted,
        ];
        assert!(counts.iter().chain(&self.fell_back).all(|count| *count > 5), "{self:?}");
        for (denied, count) in DENIED.iter().zip(self.denied) {
            // Memory is the filter's own affair.
            assert!(count > 5 || *denied == Denied::Memory, "{denied:?}: {count}");
        }
    }
}
