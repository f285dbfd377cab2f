//! Proxies of every kind: how many workers, what their operators said, and what goes wrong in them.

use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::batch::{
    Adaptive, Estimator, JsonArray, JsonRpc, Leaves, OnFailure, Protocol, Scope, Sends, Settings, Short,
};

/// What services do wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// So many calls, 0 to 1.
    pub(crate) of_calls: f64,
    /// Every request with a number that this divides makes its whole call fail; 0: none does.
    pub(crate) poison: usize,
    /// Calls that cannot be made, 0 to 1.
    pub(crate) unreachable: f64,
}

/// How often what goes wrong goes wrong, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) late_tick: f64,
    pub(crate) late_message: f64,
    pub(crate) not_sent: f64,
    /// A slot cannot be read, or was written in between.
    pub(crate) unread: f64,
    pub(crate) outrun: f64,
    /// A client leaves.
    pub(crate) leaves: f64,
    /// A client has little time.
    pub(crate) hurries: f64,
}

/// What a proxy is like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    pub(crate) is_calm: bool,
    pub(crate) has_slots: bool,
    pub(crate) whos: usize,
    pub(crate) faults: Faults,
    pub(crate) mishaps: Mishaps,
    /// VMs die, clocks jump, configurations change: on average every so often.
    pub(crate) dies: Option<Duration>,
    pub(crate) jumps: Option<Duration>,
    pub(crate) configures: Option<Duration>,
    /// The policies of the routes: calls, and items of an array.
    pub(crate) routes: Rc<[Settings]>,
    /// How many requests come at a time at most, and the time between.
    pub(crate) crowd: usize,
    pub(crate) between: Duration,
    /// How many calls a service takes at a time, and what a call and an item cost, in microseconds.
    pub(crate) at_a_time: usize,
    pub(crate) cost: (u64, u64),
}

impl Shape {
    /// Any.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let is_calm = rng.u8(0..6) == 0;
        let often =
            |rng: &mut Rng| (!is_calm && rng.u8(0..3) == 0).then(|| millis(&[200, 1_000, 4_000], rng));
        let mut shape = Self {
            workers: rng.usize(1..=3),
            is_calm: false,
            has_slots: rng.u8(0..8) > 0,
            whos: one(&[1, 1, 2, 4], rng),
            faults: if is_calm { Faults::default() } else { faults(rng) },
            mishaps: mishaps(is_calm, rng),
            dies: often(rng),
            jumps: often(rng),
            configures: often(rng),
            routes: routes(rng),
            crowd: one(&[2, 8, 30], rng),
            between: millis(&[2, 4, 10], rng),
            at_a_time: one(&[1, 4, 16, 64], rng),
            cost: one(&[(5_000, 100), (10_000, 200), (30_000, 100), (1_000, 500)], rng),
        };
        shape.mishaps.hurries = one(&[0.0, 0.05, 0.3], rng);
        shape
    }

    /// One in which nothing goes wrong.
    pub(crate) fn calm(workers: usize, scope: Scope) -> Self {
        let settings = |protocol| Settings { scope, max_in_flight: 1, ..Settings::new(protocol) };
        Self {
            workers,
            is_calm: true,
            has_slots: true,
            whos: 1,
            faults: Faults::default(),
            mishaps: Mishaps::default(),
            dies: None,
            jumps: None,
            configures: None,
            routes: [settings(rpc()), settings(Protocol::JsonArray(JsonArray::default()))].into(),
            crowd: 4,
            between: Duration::from_millis(2),
            at_a_time: 1,
            cost: (10_000, 200),
        }
    }
}

fn faults(rng: &mut Rng) -> Faults {
    Faults {
        of_calls: one(&[0.0, 0.02, 0.1, 0.4], rng),
        poison: one(&[0, 0, 500, 50], rng),
        unreachable: one(&[0.0, 0.0, 0.02, 0.2], rng),
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
        hurries: 0.0,
    }
}

/// One of these.
pub(crate) fn one<T: Clone>(of: &[T], rng: &mut Rng) -> T {
    of[rng.usize(0..of.len())].clone()
}

fn millis(of: &[u64], rng: &mut Rng) -> Duration {
    Duration::from_millis(one(of, rng))
}

fn rpc() -> Protocol {
    Protocol::JsonRpc(JsonRpc { repeatable: vec!["get*".into()], ..JsonRpc::default() })
}

/// What operators may say about the two routes.
pub(crate) fn routes(rng: &mut Rng) -> Rc<[Settings]> {
    let sends = if rng.bool() { Sends::Item } else { Sends::Items };
    let array = JsonArray { sends, is_repeatable: rng.bool(), ..JsonArray::default() };
    [any(rpc(), rng), any(Protocol::JsonArray(array), rng)].into()
}

fn any(protocol: Protocol, rng: &mut Rng) -> Settings {
    let target = millis(&[20, 50, 200], rng);
    let adaptive = |estimator| Leaves::Adaptive(Adaptive { target, estimator });
    let leaves =
        [Leaves::WhileBusy, Leaves::FixedDelay, adaptive(Estimator::LeastSquares), adaptive(Estimator::Aimd)];
    let mut settings = Settings {
        shadow: rng.u8(0..30) == 0,
        scope: if rng.u8(0..3) == 0 { Scope::Worker } else { Scope::Proxy },
        leaves: one(&leaves, rng),
        max_items: one(&[1, 3, 8, 16, 64, 64, 64, 64], rng),
        max_bytes: one(&[1_500, 10_000, 1 << 20, 1 << 20, 1 << 20], rng),
        max_weight: one(&[600, 3_000, u64::MAX, u64::MAX, u64::MAX], rng),
        max_delay: millis(&[2, 10, 20, 100], rng),
        max_in_flight: rng.u32(1..=4),
        short: if rng.bool() { Short::Alone } else { Short::Refuse },
        on_failure: one(&[OnFailure::Bisect, OnFailure::Bisect, OnFailure::Singly, OnFailure::Fail], rng),
        is_repeatable: rng.u8(0..4) == 0,
        max_requests: one(&[3, 50, 4096, 4096, 4096, 4096, 4096, 4096], rng),
        max_bytes_held: one(&[3_000, 30_000, 16 << 20, 16 << 20, 16 << 20, 16 << 20, 16 << 20], rng),
        tells: rng.bool(),
        ..Settings::new(protocol)
    };
    settings.deadline.timeout = millis(&[300, 1_000, 5_000, 15_000], rng);
    settings.deadline.floor = millis(&[0, 10, 10], rng);
    (settings.budget.ratio_ppm, settings.budget.min_per_second) =
        one(&[(200_000, 10), (0, 0), (1_000_000, 1_000)], rng);
    settings.budget.max_concurrent = one(&[1, 4, 1024], rng);
    settings
}
