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

#[path = "../retry_simulation/agenda.rs"]
mod agenda;
mod around;
mod bursts;
mod clients;
mod outside;
mod proxy;
mod shapes;
mod stream;
mod tally;
mod turns;
mod upstream;
mod worker;

use fastrand::Rng;
use proxy::Proxy;
use shapes::Shape;
use tally::Tally;

const REQUESTS: u64 = 200_000;
/// Requests that one proxy gets.
const EACH: usize = 2_000;

/// What everything is drawn from.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("SWITCHYARD_SEED").ok();
    let seed = given.map_or(5, |seed| seed.parse().expect("SWITCHYARD_SEED is a number"));
    println!("SWITCHYARD_SEED={seed}");
    seed
}

#[test]
fn everybody_is_answered_or_let_go_once_in_time_and_with_an_own_answer_whatever_happens() {
    let mut rng = Rng::with_seed(seed());
    let mut tally = Tally::default();
    while tally.requests < REQUESTS {
        let shape = Shape::any(&mut rng);
        println!("after {} requests: {shape:?}", tally.requests);
        let mut proxy = Proxy::new(shape, rng.fork());
        proxy.expect(EACH);
        proxy.run();
        tally.add(&proxy.outside.tally);
    }
    println!("{tally:?}");
    tally.is_everything();
}

#[test]
fn a_seed_tells_everything() {
    let run = || {
        let mut rng = Rng::with_seed(7);
        let mut tally = Tally::default();
        for _ in 0..4 {
            let mut proxy = Proxy::new(Shape::any(&mut rng), rng.fork());
            proxy.expect(EACH);
            proxy.run();
            tally.add(&proxy.outside.tally);
        }
        tally
    };
    assert_eq!(format!("{:?}", run()), format!("{:?}", run()));
}
