//! What is drawn at random, and from what: a seed is printed, so that what failed can be run again.

use core::time::Duration;
use fastrand::Rng;

/// What everything is drawn from: what `SWITCHYARD_SEED` says, or else `usual`.
pub(crate) fn seed(usual: u64) -> u64 {
    let given = std::env::var("SWITCHYARD_SEED").ok();
    let seed = given.map_or(usual, |seed| seed.parse().expect("SWITCHYARD_SEED is a number"));
    println!("SWITCHYARD_SEED={seed}");
    seed
}

/// One of these.
pub(crate) fn one<T: Clone>(of: &[T], rng: &mut Rng) -> T {
    of[rng.usize(0..of.len())].clone()
}

pub(crate) fn millis(of: &[u64], rng: &mut Rng) -> Duration {
    Duration::from_millis(one(of, rng))
}
