//! Proxies of every kind: how many workers, what their operators said, and what goes wrong in them.

use crate::simulation::Mishaps;
use crate::simulation::draws::{millis, one};
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

/// What a proxy is like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    pub(crate) is_calm: bool,
    /// How many slots workers share: more than there are keys, or none.
    pub(crate) slots: u32,
    pub(crate) whos: usize,
    pub(crate) faults: Faults,
    pub(crate) mishaps: Mishaps,
    /// How often a client has little time, and how often one reads its answer slowly, 0 to 1.
    pub(crate) hurries: f64,
    pub(crate) reads_slowly: f64,
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
        Self {
            workers: rng.usize(1..=3),
            is_calm: false,
            slots: if rng.u8(0..8) > 0 { u32::MAX } else { 0 },
            whos: one(&[1, 1, 2, 4], rng),
            faults: if is_calm { Faults::default() } else { faults(rng) },
            mishaps: if is_calm { Mishaps::default() } else { Mishaps::any(3, rng) },
            routes: routes(rng),
            crowd: one(&[2, 8, 30], rng),
            between: millis(&[2, 4, 10], rng),
            at_a_time: one(&[1, 4, 16, 64], rng),
            cost: one(&[(5_000, 100), (10_000, 200), (30_000, 100), (1_000, 500)], rng),
            hurries: one(&[0.0, 0.05, 0.3], rng),
            reads_slowly: one(&[0.0, 0.1, 0.9], rng),
        }
    }

    /// One in which nothing goes wrong.
    pub(crate) fn calm(workers: usize, scope: Scope) -> Self {
        let settings = |protocol| Settings { scope, max_in_flight: 1, ..Settings::new(protocol) };
        Self {
            workers,
            is_calm: true,
            slots: u32::MAX,
            whos: 1,
            faults: Faults::default(),
            mishaps: Mishaps::default(),
            hurries: 0.0,
            reads_slowly: 0.0,
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
        stall_timeout: millis(&[20, 100, 1_000, 3_600_000], rng),
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
