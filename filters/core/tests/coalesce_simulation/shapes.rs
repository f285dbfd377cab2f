//! Proxies of every kind: how many workers, what their operators said, and what goes wrong in them.

use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::coalesce::{BUCKETS, KeyPolicy, OnError, Scope, Settings};

/// How often what goes wrong goes wrong, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) late_tick: f64,
    pub(crate) late_message: f64,
    pub(crate) not_sent: f64,
    /// A bucket of the board cannot be read, or was written in between.
    pub(crate) unread: f64,
    pub(crate) outrun: f64,
    /// A client leaves.
    pub(crate) leaves: f64,
    /// A client reads slowly.
    pub(crate) reads_slowly: f64,
}

/// What a proxy is like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    /// Further apart or closer together.
    pub(crate) buckets: u32,
    pub(crate) keys: usize,
    pub(crate) has_board: bool,
    /// Upstreams answer this and that.
    pub(crate) is_moody: bool,
    pub(crate) mishaps: Mishaps,
    /// VMs die, clocks jump, configurations change: on average every so often.
    pub(crate) dies: Option<Duration>,
    pub(crate) jumps: Option<Duration>,
    pub(crate) configures: Option<Duration>,
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
        let often = |rng: &mut Rng| (!calm && rng.u8(0..2) == 0).then(|| millis(&[200, 1_000, 4_000], rng));
        let mut shape = Self {
            workers: rng.usize(2..=5),
            buckets: one(&[1, 3, BUCKETS, BUCKETS, BUCKETS], rng),
            keys: one(&[1, 4, 12], rng),
            has_board: rng.u8(0..8) > 0,
            is_moody: true,
            mishaps: mishaps(calm, rng),
            dies: often(rng),
            jumps: often(rng),
            configures: often(rng),
            routes: routes(rng),
            crowd: one(&[3, 12, 60], rng),
            between: millis(&[2, 10, 40], rng),
            latency: millis(&[2, 20, 80], rng),
        };
        shape.mishaps.reads_slowly = one(&[0.0, 0.1, 0.9], rng);
        shape
    }

    /// One in which nothing goes wrong, with this policy for all routes.
    pub(crate) fn calm(workers: usize, settings: Settings) -> Self {
        Self {
            workers,
            buckets: BUCKETS,
            keys: 1,
            has_board: true,
            is_moody: false,
            mishaps: Mishaps::default(),
            dies: None,
            jumps: None,
            configures: None,
            routes: [settings.clone(), settings].into(),
            crowd: 1,
            between: Duration::from_millis(1),
            latency: Duration::from_millis(20),
        }
    }
}

fn mishaps(calm: bool, rng: &mut Rng) -> Mishaps {
    let often = |of: f64, rng: &mut Rng| if calm { 0.0 } else { of * one(&[0.0, 0.3, 1.0], rng) };
    Mishaps {
        late_tick: often(0.05, rng),
        late_message: often(0.05, rng),
        not_sent: often(0.05, rng),
        unread: often(0.05, rng),
        outrun: often(0.5, rng),
        leaves: if calm { 0.0 } else { one(&[0.0, 0.05, 0.3], rng) },
        reads_slowly: 0.0,
    }
}

/// One of these.
pub(crate) fn one<T: Clone>(of: &[T], rng: &mut Rng) -> T {
    of[rng.usize(0..of.len())].clone()
}

fn millis(of: &[u64], rng: &mut Rng) -> Duration {
    Duration::from_millis(one(of, rng))
}

/// What operators may say about two routes: one with credentials in the key, one without.
pub(crate) fn routes(rng: &mut Rng) -> Rc<[Settings]> {
    let with = KeyPolicy { headers: vec!["authorization".into()], ..KeyPolicy::default() };
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
