//! Coalescing in a virtual proxy under a virtual clock: several workers, a board, queues, and everything that can go
//! wrong.
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
mod bursts;
mod clients;
mod proxy;
mod shapes;
#[path = "../simulation/mod.rs"]
mod simulation;
mod stream;
mod tally;
mod turns;
mod upstream;
mod worker;

use fastrand::Rng;
use proxy::Proxy;
use shapes::Shape;
use simulation::Tally;
use simulation::draws::seed;

/// If no other is given.
const SEED: u64 = 5;
const REQUESTS: u64 = 200_000;
/// Requests that one proxy gets.
const EACH: usize = 2_000;

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
