//! Proxies of every kind: how many workers, what their operators said, and what goes wrong in them.

use crate::simulation::Mishaps;
use crate::simulation::draws::{millis, one};
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::coalesce::{BUCKETS, KeyPolicy, OnError, Scope, Settings};
use switchyard_core::request_key::KeyRules;

/// What a proxy is like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    /// Of the board: keys are further apart or closer together in it. With none there is no board.
    pub(crate) buckets: u32,
    pub(crate) keys: usize,
    /// Upstreams answer this and that.
    pub(crate) is_moody: bool,
    pub(crate) mishaps: Mishaps,
    /// How often a client reads slowly, 0 to 1.
    pub(crate) reads_slowly: f64,
    /// The policies of the routes.
    pub(crate) routes: Rc<[Settings]>,
    /// How many requests come in a burst at most, and the time between two bursts.
    pub(crate) crowd: usize,
    pub(crate) between: Duration,
    /// How long upstreams take.
    pub(crate) latency: Duration,
}

impl Shape {
    /// Any.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let calm = rng.u8(0..4) == 0;
        Self {
            workers: rng.usize(2..=5),
            buckets: if rng.u8(0..8) > 0 { one(&[1, 3, BUCKETS, BUCKETS, BUCKETS], rng) } else { 0 },
            keys: one(&[1, 4, 12], rng),
            is_moody: true,
            mishaps: if calm { Mishaps::default() } else { Mishaps::any(2, rng) },
            routes: routes(rng),
            crowd: one(&[3, 12, 60], rng),
            between: millis(&[2, 10, 40], rng),
            latency: millis(&[2, 20, 80], rng),
            reads_slowly: one(&[0.0, 0.1, 0.9], rng),
        }
    }

    /// One in which nothing goes wrong, with this policy for all routes.
    pub(crate) fn calm(workers: usize, settings: Settings) -> Self {
        Self {
            workers,
            buckets: BUCKETS,
            keys: 1,
            is_moody: false,
            mishaps: Mishaps::default(),
            reads_slowly: 0.0,
            routes: [settings.clone(), settings].into(),
            crowd: 1,
            between: Duration::from_millis(1),
            latency: Duration::from_millis(20),
        }
    }
}

/// What operators may say about two routes: one with credentials in the key, one without.
pub(crate) fn routes(rng: &mut Rng) -> Rc<[Settings]> {
    let rules = KeyRules { headers: vec!["authorization".into()], ..KeyRules::default() };
    let with = KeyPolicy { rules, ..KeyPolicy::default() };
    [any(with, rng), any(KeyPolicy::default(), rng)].into()
}

fn any(key: KeyPolicy, rng: &mut Rng) -> Settings {
    let on_error = match rng.u8(0..4) {
        0 => OnError::Release,
        1 => OnError::Share(vec![503]),
        _ => OnError::Elect,
    };
    Settings {
        shadow: rng.u8(0..20) == 0,
        scope: if rng.u8(0..5) == 0 { Scope::Worker } else { Scope::Proxy },
        key,
        max_body_bytes: one(&[200, 10_000], rng),
        max_followers: one(&[2, 16, 1024], rng),
        max_flights: one(&[2, 16, 4096], rng),
        max_bytes_held: one(&[500, 20_000, 1 << 24], rng),
        max_wait: millis(&[60, 300, 1_000, 5_000], rng),
        max_leader_age: millis(&[30, 200, 1_000, 4_000], rng),
        stall_timeout: millis(&[15, 100, 1_000], rng),
        on_error,
        max_elections: one(&[0, 1, 3], rng),
        release_concurrency: one(&[1, 2, 4, 8], rng),
        pass_ttl: millis(&[1, 20, 200], rng),
        hold: millis(&[0, 0, 20, 500], rng),
        stale_if_error: millis(&[0, 0, 300], rng),
        max_stored_bytes: one(&[1_000, 1 << 20], rng),
        ..Settings::default()
    }
}
