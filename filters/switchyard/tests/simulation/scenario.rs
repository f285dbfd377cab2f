//! One run of one process: what is drawn from a seed, and what came of it.
//!
//! A run that fails is made shorter: without faults that do not matter, and with as few requests as still fail for the same reason.
//! Trade-off: without one fault all goes another way, so what is left is a smaller failure of the same rule and not always the same one.

use crate::process::Process;
use crate::simulation::tally::Tally;
use crate::stakes::Stakes;
use crate::weather::{FAULTS, Fault};
use core::cell::RefCell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) requests: u64,
    /// These never go wrong.
    pub(crate) without: Vec<Fault>,
}

/// What happened in one.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) stakes: Stakes,
    pub(crate) tally: Tally,
}

/// How one has failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) scenario: Scenario,
    pub(crate) message: String,
    /// Requests that had begun.
    begun: u64,
}

/// Runs that a failure may take to be made shorter.
const MOST_RUNS: u32 = 60;

thread_local! {
    /// Where the last panic of this thread was, and what it said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on a panic is kept for who catches it, and not printed.
pub(crate) fn keep_panics() {
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        let is_ours = std::thread::current().name() == Some(WORKER);
        if is_ours { SAID.set(panic.to_string()) } else { before(panic) }
    }));
}

/// The name of threads that run scenarios.
pub(crate) const WORKER: &str = "scenario";

impl Scenario {
    pub(crate) fn new(seed: u64, requests: u64) -> Self {
        Self { seed, requests, without: Vec::new() }
    }

    /// Runs it, and panics where it fails.
    pub(crate) fn run(&self) -> Report {
        let mut process = Process::new(self);
        process.run();
        Report { stakes: process.stakes, tally: process.tally }
    }

    /// Runs it, on a thread of scenarios.
    pub(crate) fn try_run(&self) -> Result<Report, Failure> {
        let mut process = Process::new(self);
        let outcome = catch_unwind(AssertUnwindSafe(|| process.run()));
        let (scenario, begun) = (self.clone(), process.requests);
        match outcome {
            Ok(()) => Ok(Report { stakes: process.stakes, tally: process.tally }),
            Err(_) => Err(Failure { scenario, message: SAID.take(), begun }),
        }
    }
}

impl Failure {
    /// What is broken: the rule, or where it panicked.
    fn reason(&self) -> &str {
        let words = self.message.split_once("broken: ").map(|(_, words)| words);
        words
            .and_then(|words| words.split(": ").next())
            .unwrap_or_else(|| self.message.lines().next().unwrap_or_default())
    }

    /// A smaller failure of the same kind.
    pub(crate) fn shrunk(self) -> Self {
        let (mut least, mut runs) = (self, 0);
        least.scenario.requests = least.begun;
        for (fault, _, _) in FAULTS {
            let mut fewer = least.scenario.clone();
            fewer.without.push(fault);
            least = least.or_smaller(&fewer, &mut runs);
        }
        // Half as many, or else three quarters, or else one in ten less.
        while let Some(next) = [2, 4, 10].into_iter().find_map(|part| {
            let requests = least.scenario.requests - least.scenario.requests / part;
            let fewer =
                Scenario { requests: requests.min(least.scenario.requests - 1), ..least.scenario.clone() };
            let smaller = least.clone().or_smaller(&fewer, &mut runs);
            (smaller.scenario.requests < least.scenario.requests).then_some(smaller)
        }) {
            least = next;
        }
        least
    }

    /// That scenario's failure, if it fails as this one does.
    fn or_smaller(self, scenario: &Scenario, runs: &mut u32) -> Self {
        *runs += 1;
        if *runs > MOST_RUNS || scenario.requests == 0 {
            return self;
        }
        match scenario.try_run() {
            Err(mut other) if other.reason() == self.reason() => {
                other.scenario.requests = other.scenario.requests.min(other.begun);
                other
            }
            _ => self,
        }
    }
}

impl fmt::Display for Scenario {
    /// What runs it again.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, requests, without } = self;
        write!(formatter, "cargo xtask simulate --from {seed} --seeds 1 --requests {requests}")?;
        let names: Vec<_> =
            FAULTS.iter().filter(|(fault, ..)| without.contains(fault)).map(|(_, name, _)| *name).collect();
        if names.is_empty() { Ok(()) } else { write!(formatter, " --without {}", names.join(",")) }
    }
}
