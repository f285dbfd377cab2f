//! switchyard.wasm in a virtual Envoy under a virtual clock: 200,000 requests through all four stages at once, and everything that can go
//! wrong for them.
//!
//! Several workers of one process share their data; each is a VM with as many roots as it was configured with. What a stream is given and
//! what becomes of what its filter says is Envoy's part, and is in `ride`. Invariants: each request ends exactly once; nobody is held for
//! longer than the sum of its limits; nobody gets an answer to another's question; bodies arrive whole; no retry is made that the budget does
//! not have; at the end nothing is held and nothing ticks.
//!
//! `SWITCHYARD_SEED` chooses another seed; the one that was used is printed.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod answers;
mod document;
mod faults;
mod flow;
mod process;
mod ride;
#[path = "../../../core/tests/simulation"]
mod simulation {
    pub(crate) mod agenda;
    pub(crate) mod draws;
    pub(crate) mod tally;
}
mod truth;

use fastrand::Rng;
use process::Process;
use simulation::draws::seed;
use simulation::tally::Tally;

/// If no other is given.
const SEED: u64 = 1;
const REQUESTS: u64 = 200_000;
/// Requests that one process gets.
const EACH: u64 = 4_000;

/// All that is to happen often, or nothing is proved.
const ALL: [&str; 28] = [
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
    "a reply took the place of another",
    "left",
    "died with its VM",
    "retries",
    "batches",
    "old answers",
    "call good",
    "call failed",
    "call not answered",
    "call timed out",
    "reloads",
    "VMs died",
    "host calls failed",
    "messages lost",
    "ticks late",
    "clock stepped",
];

#[test]
fn each_request_ends_once_and_in_time_with_what_is_its_own_whatever_happens() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut tally = Tally::default();
    while tally.of("requests") < REQUESTS {
        println!("after {} requests", tally.of("requests"));
        let mut process = Process::any(EACH, &mut rng);
        process.run();
        tally.add(&process.tally);
    }
    println!("{tally:?}");
    tally.has_often(ALL.map(str::to_owned));
}

#[test]
fn a_seed_tells_everything() {
    let run = || {
        let mut process = Process::any(300, &mut Rng::with_seed(7));
        process.run();
        format!("{:?}", process.tally)
    };
    assert_eq!(run(), run());
}
