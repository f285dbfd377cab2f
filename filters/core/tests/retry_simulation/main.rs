//! The filter's engine in a virtual Envoy under a virtual clock: 200,000 requests, and everything that can go wrong for them.
//!
//! `SWITCHYARD_SEED` chooses another seed; the one that was used is printed.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod around;
mod budgets;
mod envoy;
mod messages;
mod outages;
mod outside;
mod referee;
mod request;
mod shapes;
#[path = "../simulation"]
mod simulation {
    pub(crate) mod agenda;
    pub(crate) mod draws;
    pub(crate) mod tally;
}
mod steps;
mod tally;
mod weather;
mod worker;

use core::time::Duration;
use envoy::{Envoy, START};
use fastrand::Rng;
use outside::Mishaps;
use shapes::Config;
use simulation::draws::seed;
use simulation::tally::Tally;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use weather::{Mood, Weather};

/// If no other is given.
const SEED: u64 = 4;
const REQUESTS: u64 = if cfg!(target_arch = "wasm32") { 100_000 } else { 200_000 };
/// Requests that one Envoy gets.
const EACH: usize = 4_000;

const MISHAPS: Mishaps = Mishaps {
    late_tick: 0.02,
    not_sent: 0.01,
    lost_call: 0.002,
    leaves: 0.05,
    post: 0.2,
    body_not_kept: 0.05,
    went_elsewhere: 0.1,
    too_large: 0.05,
    refused: 0.005,
    hurried: 0.25,
    grpc: 0.15,
};

/// An Envoy of any kind.
fn any(rng: &mut Rng) -> Envoy {
    let window = [1, 2, 10][rng.usize(0..3)];
    let config = Config::any(Duration::from_secs(window), rng);
    let between = Duration::from_micros([1_000, 3_000, 10_000][rng.usize(0..3)]);
    let from = START.plus((between * EACH as u32).mul_f64(rng.f64() * 0.7));
    let outage = from..from.plus(Duration::from_millis(rng.u64(200..2_000)));
    let moods = [Mood::Failing, Mood::Down, Mood::Hanging, Mood::Flapping];
    let outages = vec![(outage, moods[rng.usize(0..moods.len())])];
    let weather = Weather::changing(rng.usize(1..=6), outages);
    Envoy::new(config, weather, MISHAPS, (EACH, between), rng.fork()).changing()
}

#[test]
fn every_request_ends_once_and_in_time_and_no_budget_is_overdrawn_whatever_happens() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut tally = Tally::default();
    while tally.of("requests") < REQUESTS {
        let mut envoy = any(&mut rng);
        println!("after {} requests: {:?}", tally.of("requests"), envoy.workers[0].roots[0].config);
        envoy.run();
        tally.add(&envoy.outside.tally);
    }
    println!("{tally:?}");
    tally.is_everything();
}

#[test]
fn a_seed_tells_everything() {
    let run = || {
        let mut envoy = any(&mut Rng::with_seed(7));
        envoy.run();
        (envoy.outside.tally, envoy.outside.times)
    };
    assert_eq!(format!("{:?}", run()), format!("{:?}", run()));
}
