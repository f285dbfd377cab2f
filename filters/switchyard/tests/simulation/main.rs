//! switchyard.wasm and outlier.wasm in a virtual Envoy under a virtual clock: requests through all filters at once, and everything that can
//! go wrong for them.
//!
//! Several workers of one process share their data; each has a VM of both modules, with as many roots as it was configured with. What a
//! stream is given and what becomes of what its filter says is Envoy's part, and is in `ride`; what goes wrong is in `weather`, which changes.
//! Invariants: those of `stakes`, each looked at where it could be broken, and counted. Trade-off: here are a few thousand requests, in
//! seconds; `cargo xtask simulate` runs millions (`many`), and says how to see again what has failed.
//!
//! `SWITCHYARD_SEED` chooses another seed; the one that was used is printed.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking, and say how long it took"
)]

mod answers;
mod attempts;
mod budget;
mod calls;
mod checks;
mod document;
mod endpoints;
mod faults;
mod flow;
mod many;
mod process;
mod quiet;
mod regressions;
mod replies;
mod rest;
mod ride;
mod scenario;
mod side;
#[path = "../../../core/tests/simulation"]
mod simulation {
    pub(crate) mod agenda;
    pub(crate) mod draws;
    pub(crate) mod tally;
}
mod stakes;
mod truth;
mod weather;

use scenario::{Report, Scenario};
use simulation::draws::seed;

/// If no other is given.
const SEED: u64 = 1;
/// Processes, and the requests that each gets.
const SEEDS: u64 = 8;
const EACH: u64 = 4_000;

/// All that is to happen often, or nothing is proved.
const ALL: [&str; 33] = [
    "answered by a filter",
    "answer replaced, or let go",
    "request let go",
    "request let go in mid-body",
    "answer let go in mid-body",
    "with a body",
    "ended with trailers",
    "stands still in mid-body",
    "whole, of an endpoint",
    "whole, of a filter",
    "broken off",
    "an attempt overtook its request",
    "left",
    "died with its VM",
    "retries",
    "batches",
    "call good",
    "call failed",
    "call not answered",
    "call timed out",
    "call truncated",
    "heartbeats",
    "asks for a list",
    "lists changed",
    "ejections",
    "reloads",
    "VMs died",
    "host calls failed",
    "messages lost",
    "messages doubled",
    "messages late",
    "ticks late",
    "clock stepped",
];

#[test]
fn each_request_ends_once_and_in_time_with_what_is_its_own_whatever_happens() {
    let (first, mut all) = (seed(SEED), Report::default());
    for seed in first..first + SEEDS {
        println!("seed {seed}");
        let report = Scenario::new(seed, EACH).run();
        all.tally.add(&report.tally);
        all.stakes.add(&report.stakes);
    }
    println!("{:?}\n{}", all.tally, all.stakes.table());
    all.tally.has_often(ALL.map(str::to_owned));
}

#[test]
fn a_seed_tells_everything() {
    let run = || format!("{:?}", Scenario::new(7, 1_000).run().tally);
    assert_eq!(run(), run());
}
