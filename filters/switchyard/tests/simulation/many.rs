//! Many runs, on all cores: `cargo xtask simulate` builds this and says by its environment which.

use crate::scenario::{Failure, Report, Scenario, WORKER, keep_panics};
use crate::stakes::grouped;
use crate::weather::{FAULTS, Fault};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::Instant;

/// Which runs.
struct Asked {
    from: u64,
    seeds: u64,
    requests: u64,
    without: Vec<Fault>,
}

/// What came of them.
#[derive(Default)]
struct Came {
    report: Report,
    failures: Vec<Failure>,
    ended: u64,
}

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

impl Asked {
    fn here() -> Self {
        let names = std::env::var("SWITCHYARD_SIMULATE_WITHOUT").unwrap_or_default();
        let fault = |name: &str| {
            let found = FAULTS.iter().find(|(_, known, _)| *known == name);
            found.unwrap_or_else(|| panic!("{name} is no fault: {:?}", FAULTS.map(|(_, known, _)| known))).0
        };
        Self {
            from: number("SWITCHYARD_SIMULATE_FROM", 1),
            seeds: number("SWITCHYARD_SIMULATE_SEEDS", 1),
            requests: number("SWITCHYARD_SIMULATE_REQUESTS", 50_000),
            without: names.split(',').filter(|name| !name.is_empty()).map(fault).collect(),
        }
    }

    /// Runs them until all are through, or three have failed.
    fn run(&self) -> Came {
        let (next, came) = (AtomicU64::new(0), Mutex::new(Came::default()));
        let work = || {
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                if position >= self.seeds || came.lock().expect("no thread panics here").failures.len() >= 3 {
                    return;
                }
                let (seed, without) = (self.from + position, self.without.clone());
                let began = Instant::now();
                let outcome = Scenario { seed, requests: self.requests, without }.try_run();
                self.take(outcome, seed, began, &mut came.lock().expect("no thread panics here"));
            }
        };
        std::thread::scope(|scope| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            for _ in 0..cores {
                let thread = std::thread::Builder::new().name(WORKER.to_owned());
                thread.spawn_scoped(scope, work).expect("a thread");
            }
        });
        came.into_inner().expect("no thread panics here")
    }

    fn take(&self, outcome: Result<Report, Failure>, seed: u64, began: Instant, came: &mut Came) {
        came.ended += 1;
        let (ended, seconds) = (came.ended, began.elapsed().as_secs_f64());
        match outcome {
            Ok(report) => {
                let requests = grouped(report.tally.of("requests"));
                println!("{ended} of {}: seed {seed}, {requests} requests, {seconds:.1} s", self.seeds);
                came.report.tally.add(&report.tally);
                came.report.stakes.add(&report.stakes);
            }
            Err(failure) => {
                println!("{ended} of {}: seed {seed} failed: {}", self.seeds, failure.message);
                came.failures.push(failure);
            }
        }
    }
}

/// Makes a failure smaller, and says how to see it again.
fn shrink(failure: Failure) {
    let seed = failure.scenario.seed;
    println!("\nseed {seed} again: {}", failure.scenario);
    println!("shrinking ...");
    let thread = std::thread::Builder::new().name(WORKER.to_owned());
    let least = thread.spawn(|| failure.shrunk()).expect("a thread").join().expect("it catches panics");
    println!("the least that still fails: {}\n{}", least.scenario, least.message);
}

#[test]
#[ignore = "`cargo xtask simulate` runs it"]
fn many() {
    let (asked, began) = (Asked::here(), Instant::now());
    keep_panics();
    let came = asked.run();
    println!("\n{:?}\n\n{}", came.report.tally, came.report.stakes.table());
    let (requests, seconds) = (came.report.tally.of("requests"), began.elapsed().as_secs_f64());
    println!("{} requests in {seconds:.0} s", grouped(requests));
    let failed: Vec<_> = came.failures.iter().map(|failure| failure.scenario.seed).collect();
    came.failures.into_iter().for_each(shrink);
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    let never = came.report.stakes.never();
    if asked.seeds == 1 {
        // One run is made to see one thing again.
        return println!("never at stake: {never:?}");
    }
    assert!(never.is_empty(), "never at stake, so nothing is shown of it: {never:?}");
}
