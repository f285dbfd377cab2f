//! An outage of all endpoints: how many attempts it brings, and how the upstream comes back.
//!
//! `SWITCHYARD_SEED` counts here, too.

use crate::SEED;
use crate::envoy::{Envoy, START};
use crate::outside::Mishaps;
use crate::shapes::Config;
use crate::simulation::draws::seed;
use crate::weather::{Mood, Weather};
use core::ops::Range;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Engine, RetryOn, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Requests per second.
const RATE: usize = 400;
/// The outage lasts two windows of the budget, after two fair ones.
const FROM: u64 = 20;
const TO: u64 = 40;
const END: u64 = 55;
/// Of the default budget, in seconds.
const WINDOW: u64 = 10;

fn second(second: u64) -> Timestamp {
    START.plus(Duration::from_secs(second))
}

/// What happened in these seconds.
fn within(events: &[Timestamp], seconds: Range<u64>) -> usize {
    events.iter().filter(|at| (second(seconds.start)..second(seconds.end)).contains(at)).count()
}

/// The default policy through an outage of this kind.
fn outage(mood: Mood) -> Envoy {
    let settings = Settings {
        engine: Engine::Filter,
        retry_on: RetryOn { timeout: true, ..RetryOn::default() },
        per_try_timeout: Some(Duration::from_millis(250)),
        ..Settings::default()
    };
    let config = Config { settings, upstream: None, reads_bodies: false };
    let weather = Weather::fair(4, vec![(second(FROM)..second(TO), mood)]);
    let mishaps = Mishaps { late_tick: 0.02, ..Mishaps::default() };
    let load = (RATE * END as usize, Duration::from_secs(1) / RATE as u32);
    let mut envoy = Envoy::new(config, weather, mishaps, load, Rng::with_seed(seed(SEED)));
    envoy.run();
    envoy
}

/// Kinds of outages; one of them where a simulation takes longer.
const MOODS: &[Mood] = match cfg!(target_arch = "wasm32") {
    true => &[Mood::Hanging],
    false => &[Mood::Failing, Mood::Down, Mood::Hanging],
};

/// Retries that the default budget allows for so many requests in so many seconds.
fn allowed(requests: usize, seconds: u64) -> usize {
    requests / 5 + 10 * seconds as usize
}

impl Envoy {
    fn attempts(&self, seconds: Range<u64>) -> usize {
        within(&self.outside.times.attempts, seconds)
    }

    fn retries(&self, seconds: Range<u64>) -> usize {
        within(&self.outside.times.retried, seconds)
    }

    fn requests(&self, seconds: Range<u64>) -> usize {
        self.attempts(seconds.clone()) - self.retries(seconds)
    }
}

#[test]
fn an_outage_is_retried_within_the_budget() {
    for mood in MOODS {
        let envoy = outage(*mood);
        let retries = envoy.retries(FROM..TO);
        // What the window before has left, too.
        let most = allowed(envoy.requests(FROM - WINDOW..TO), TO - FROM + WINDOW);
        assert!(retries <= most, "{mood:?}: {retries} retries, {most} allowed");
        assert_eq!(within(&envoy.outside.times.successes, FROM + 2..TO), 0, "nothing helps");
    }
}

#[test]
fn retries_that_keep_failing_are_soon_tried_again_at_the_pace_of_the_reserve_and_never_given_up() {
    for mood in MOODS {
        let envoy = outage(*mood);
        // Until eight retries are answered in each of four workers: a wait, a tick that is late, an attempt of 250 ms.
        let (first, most) = (envoy.retries(FROM..FROM + 1), RATE / 2 + 4 * 8);
        assert!(first <= most, "{mood:?}: {first} retries in the first second, {most} expected");
        for at in FROM + 1..TO {
            // What was decided on in one second may be sent in the next.
            let (retries, reserve) = (envoy.retries(at..at + 1), 10);
            assert!((1..=reserve * 2).contains(&retries), "{mood:?}: {retries} retries in second {at}");
        }
    }
}

#[test]
fn when_the_endpoints_are_back_every_request_is_served_and_there_is_no_storm() {
    for mood in MOODS {
        let envoy = outage(*mood);
        let served = within(&envoy.outside.times.successes, TO..END * 2);
        let requests = envoy.requests(TO..END * 2);
        assert!(served >= requests, "{mood:?}: {served} of {requests} served");
        // What is sent from now on is answered well: each request that is still open needs one attempt more, and no other.
        let (retries, open) = (envoy.retries(TO..END * 2), envoy.open_since(second(TO)));
        assert!(retries <= open, "{mood:?}: {retries} retries for {open} open requests");
        // Requests open at a time are at most those of the time that one lasts: three attempts of 250 ms and two waits.
        assert!(open <= RATE, "{mood:?}: {open} open");
        for at in TO..END {
            let (attempts, requests) = (envoy.attempts(at..at + 1), envoy.requests(at..at + 1));
            assert!(attempts <= requests + open, "{mood:?}: {attempts} attempts in second {at}");
            assert!(at == TO || attempts == requests, "{mood:?}: {attempts} attempts in second {at}");
        }
    }
}
