//! Policies of a few shapes, drawn at random.

use crate::messages::MOST_BODY;
use crate::simulation::draws::{millis, one};
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::budget::BudgetPolicy;
use switchyard_core::deadline::Deadline;
use switchyard_core::request_key::KeyRules;
use switchyard_core::retry::{
    BackOff, BodyMatch, BodyRule, Engine, Fallback, Hedge, Jitter, RetryOn, Settings, StaleIfError,
    StaticAnswer,
};

/// The header in which a request says how long it has.
pub(crate) const DEADLINE_HEADER: &str = "x-deadline-ms";

/// A configuration as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The upstream's own budget.
    pub(crate) upstream: Option<BudgetPolicy>,
    /// Answers are read before they are judged.
    pub(crate) reads_bodies: bool,
}

impl Config {
    /// Any; budgets that are shared keep their `window` when a configuration changes.
    pub(crate) fn any(window: Duration, rng: &mut Rng) -> Self {
        let per_try = millis(&[0, 0, 40, 150, 600], rng);
        let timeout = millis(&[120, 400, 1_000, 3_000], rng);
        let settings = Settings {
            engine: Engine::Filter,
            retry_on: RetryOn { timeout: rng.bool(), reset: rng.u8(0..10) > 0, ..RetryOn::default() },
            num_retries: one(&[0, 1, 2, 2, 3, 10], rng),
            per_try_timeout: Some(per_try).filter(|limit| !limit.is_zero()),
            deadline: Deadline {
                timeout,
                header: Some(DEADLINE_HEADER.into()),
                floor: millis(&[0, 5, 10, 50], rng),
            },
            non_idempotent: rng.u8(0..10) == 0,
            back_off: back_off(rng),
            budget: budget(window, rng),
            hedge: (rng.u8(0..10) < 4).then(|| Hedge {
                quantile: one(&[50, 90, 95, 99], rng),
                min_delay: millis(&[0, 10, 50], rng),
                initial_delay: millis(&[5, 20, 100], rng),
            }),
            fallback: fallback(rng),
            max_body: MOST_BODY,
            ..Settings::default()
        };
        let upstream = rng.bool().then(|| budget(window, rng));
        let mut config = Self { settings, upstream, reads_bodies: rng.u8(0..10) < 3 };
        if config.reads_bodies {
            let error = BodyMatch { pointer: "/error".into(), rule: BodyRule::Exists };
            config.settings.retry_on.body.push(error);
        }
        config
    }
}

fn back_off(rng: &mut Rng) -> BackOff {
    let base = millis(&[1, 5, 25], rng);
    BackOff {
        base,
        max: base * one(&[1, 4, 10], rng),
        jitter: if rng.bool() { Jitter::Full } else { Jitter::Decorrelated },
        retry_after_ceiling: Some(millis(&[0, 300, 2_000], rng)).filter(|ceiling| !ceiling.is_zero()),
        reset_headers: Vec::new(),
    }
}

fn budget(window: Duration, rng: &mut Rng) -> BudgetPolicy {
    BudgetPolicy {
        ratio_ppm: one(&[0, 50_000, 200_000, 1_000_000], rng),
        min_per_second: one(&[0, 1, 10, 30], rng),
        window,
        max_concurrent: one(&[2, 8, 1_024], rng),
    }
}

fn fallback(rng: &mut Rng) -> Fallback {
    let stale =
        StaleIfError { max_age: Duration::from_secs(9), key: KeyRules::default(), max_bytes: 1 << 20 };
    Fallback {
        upstream: (rng.u8(0..10) < 3).then_some(1),
        stale: (rng.u8(0..10) < 3).then_some(stale),
        answer: (rng.u8(0..10) < 3).then(|| StaticAnswer { status: 200, headers: vec![], body: "".into() }),
    }
}
