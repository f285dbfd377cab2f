//! Batching in a virtual proxy under a virtual clock: several workers, queues, an upstream that takes its time, and everything
//! that can go wrong.
//!
//! `SWITCHYARD_SEED` chooses another seed; the one that was used is printed.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod around;
mod asked;
mod calls;
mod clients;
mod proxy;
mod service;
mod shapes;
#[path = "../simulation/mod.rs"]
mod simulation;
mod stream;
mod tally;
mod turns;
mod worker;

use core::time::Duration;
use fastrand::Rng;
use proxy::Proxy;
use shapes::Shape;
use simulation::Tally;
use simulation::draws::seed;
use switchyard_core::batch::Scope;

/// If no other is given.
const SEED: u64 = 5;
const REQUESTS: u64 = 200_000;
/// Requests that one proxy gets.
const EACH: usize = 1_500;

fn run(shape: Shape, rng: &mut Rng) -> Tally {
    let mut proxy = Proxy::new(shape, rng.fork());
    proxy.outside.expect(EACH);
    proxy.run();
    proxy.outside.tally
}

#[test]
fn everybody_is_answered_or_let_go_once_in_time_and_with_an_own_answer_whatever_happens() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut tally = Tally::default();
    while tally.of("requests") < REQUESTS {
        let shape = Shape::any(&mut rng);
        println!("after {} requests: {shape:?}", tally.of("requests"));
        tally.add(&run(shape, &mut rng));
    }
    println!("{tally:?}");
    tally.is_everything();
}

#[test]
fn where_nothing_goes_wrong_everybody_gets_the_truth_and_batches_save_most_calls() {
    let mut rng = Rng::with_seed(seed(SEED));
    for workers in 1..=3 {
        for scope in [Scope::Worker, Scope::Proxy] {
            let tally = run(Shape::calm(workers, scope), &mut rng);
            let (asked, in_batches) = (tally.of("calls") + tally.of("alone"), tally.of("items"));
            let requests = tally.of("requests");
            assert!(asked * 3 < requests, "{workers} {scope:?}: {asked} of {requests}");
            assert!(in_batches * 10 > requests * 8, "{in_batches} of {requests}");
            assert_eq!(tally.of("errors"), 0);
        }
    }
}

#[test]
fn clients_that_read_slowly_cost_the_others_no_batch() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut asked = |reads_slowly| {
        let tally = run(Shape { reads_slowly, ..Shape::calm(1, Scope::Worker) }, &mut rng);
        (tally.of("calls") + tally.of("alone"), tally.of("requests"))
    };
    let ((quick, _), (slow, requests)) = (asked(0.0), asked(1.0));
    assert!(slow * 10 < quick * 13 && slow * 3 < requests, "{slow} where quick ones make {quick}");
}

#[test]
fn all_workers_together_make_as_few_calls_as_one_would() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut asked = |workers, scope| {
        let mut shape = Shape::calm(workers, scope);
        (shape.between, shape.at_a_time) = (Duration::from_millis(1), 8);
        let tally = run(shape, &mut rng);
        tally.of("calls") + tally.of("alone")
    };
    let (one, three, apart) = (asked(1, Scope::Worker), asked(3, Scope::Proxy), asked(3, Scope::Worker));
    assert!(three * 10 < one * 13, "{three} where one worker makes {one}");
    assert!(three * 3 < apart * 2, "{three} where workers by themselves make {apart}");
}

#[test]
fn a_seed_tells_everything() {
    let tally = || {
        let mut rng = Rng::with_seed(7);
        let mut tally = Tally::default();
        for _ in 0..4 {
            let shape = Shape::any(&mut rng);
            tally.add(&run(shape, &mut rng));
        }
        tally
    };
    assert_eq!(format!("{:?}", tally()), format!("{:?}", tally()));
}
