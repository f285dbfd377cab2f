//! Workers that read, decide and write one ledger in any order, by Envoy's compare-and-swap: the bounds hold after
//! every step, counters move by what happened and never wrap, and every ejection ends.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]
// A bare VM has no seed for proptest.
#![cfg(not(target_arch = "wasm32"))]

use crate::outlier_support;

use core::time::Duration;
use fastrand::Rng;
use outlier_support::{SECOND, START, heartbeats, verdict};
use proptest::prelude::*;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Cluster, Counts, EndpointKey, Event, Failure, Ledger, Neutral, Outcome, Readmission, Reason, Record,
    Settings, Threshold,
};

const WORKERS: usize = 4;
const TRIES: u32 = 8;

/// What operators may set of the bounds; the rest is small, so that much happens.
#[derive(Clone, Debug)]
struct Setup {
    settings: Settings,
    members: Vec<EndpointKey>,
    ejected_by_hand: usize,
    /// Which workers have shadow mode on: a configuration arrives at one worker after the other.
    shadow: [bool; WORKERS],
    seed: u64,
}

impl Setup {
    /// How many may be ejected, by the documentation: the percentage or one, and those that stay.
    fn bound(&self) -> usize {
        let (all, policy) = (self.members.len(), &self.settings.ejection);
        let share = (all * usize::from(policy.max_percent) / 100).max(1);
        let spare = match policy.min_healthy {
            0 => all,
            stay => all.saturating_sub(self.ejected_by_hand + stay),
        };
        share.min(spare)
    }

    fn trials(&self) -> u8 {
        match self.settings.readmission {
            Readmission::AfterTime => 0,
            Readmission::HalfOpen { concurrency, .. } => concurrency,
        }
    }
}

fn setups() -> impl Strategy<Value = Setup> {
    let bounds = (1..=14_u64, 0..=100_u8, 0..=4_usize, 0..=3_usize);
    let times = (1..=20_u32, 1..=60_u32, 0..=3000_u64);
    let readmission = prop_oneof![
        Just(Readmission::AfterTime),
        (1..=3_u8, 1..=3_u16)
            .prop_map(|(concurrency, successes)| Readmission::HalfOpen { concurrency, successes }),
    ];
    let rest = (readmission, any::<bool>(), prop_oneof![Just(100_u8), 0..=100_u8], any::<bool>());
    let shadow = prop_oneof![3 => Just([false; WORKERS]), 1 => any::<[bool; WORKERS]>()];
    (bounds, times, rest, shadow, any::<u64>()).prop_map(|(bounds, times, rest, shadow, seed)| {
        let mut settings = Settings::default();
        let (endpoints, max_percent, min_healthy, ejected_by_hand) = bounds;
        (settings.ejection.max_percent, settings.ejection.min_healthy) = (max_percent, min_healthy);
        (settings.ejection.base, settings.ejection.max) = (SECOND * times.0, SECOND * times.1);
        settings.ejection.max_jitter = Duration::from_millis(times.2);
        let (readmission, beating, enforcing, split) = rest;
        (settings.readmission, settings.heartbeat) = (readmission, beating.then(heartbeats));
        settings.consecutive.any_5xx = Threshold { count: 2, enforcing };
        settings.consecutive.gateway_failure = Threshold { count: 3, enforcing: 50 };
        settings.consecutive.local_origin_failure = Threshold { count: 2, enforcing };
        settings.failure.split_external_local_origin_errors = split;
        let members = (0..endpoints).map(|key| EndpointKey(key * 3)).collect();
        Setup { settings, members, ejected_by_hand, shadow, seed }
    })
}

/// One move of one worker: it takes up an event and reads, or it writes what it made of it.
#[derive(Clone, Debug)]
struct Step {
    worker: usize,
    key: EndpointKey,
    event: Event,
    /// Time that passes before the step, in milliseconds.
    passes: u64,
}

fn events() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        1 => Just(Outcome::Failure(Failure::Status)),
        2 => Just(Outcome::Failure(Failure::Gateway)),
        2 => Just(Outcome::Failure(Failure::Reset)),
        1 => Just(Outcome::Neutral(Neutral::ClientGone)),
    ];
    let started = prop_oneof![Just(u64::MAX), (0..120_000_u64).prop_map(|ago| START.as_millis() + ago)];
    prop_oneof![
        6 => (outcome, started).prop_map(|(outcome, started)| {
            Event::Attempt { outcome, started: Timestamp::from_millis(started), latency: None }
        }),
        2 => any::<bool>().prop_map(|healthy| Event::Heartbeat { healthy }),
        3 => prop::sample::select(&Reason::ALL[..]).prop_map(|reason| Event::Verdict(verdict(reason))),
        1 => Just(Event::Drain(verdict(Reason::Signal))),
        4 => Just(Event::TimePassed),
        2 => (0..20_u32, 0..20_u32).prop_map(|(attempts, failures)| {
            Event::Lately(Counts { attempts, failures, ..Counts::default() })
        }),
        3 => Just(Event::Try),
        2 => (0..120_000_u64).prop_map(|ago| Event::Tried { since: START.plus(Duration::from_millis(ago)) }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly four endpoints, so that workers meet; some are of no member.
    let keys = prop_oneof![0..4_u64, 0..15_u64].prop_map(|key| EndpointKey(key * 3));
    let passes = prop_oneof![4 => Just(0_u64), 4 => 0..50_u64, 2 => 0..5000_u64, 1 => 0..40_000_u64];
    let step = (0..WORKERS, keys, events(), passes).prop_map(|(worker, key, event, passes)| Step {
        worker,
        key,
        event,
        passes,
    });
    prop::collection::vec(step, 0..400)
}

/// One value of shared data, with Envoy's rule.
struct Shared {
    value: Vec<u8>,
    cas: u32,
}

impl Shared {
    fn swap(&mut self, value: Vec<u8>, cas: u32) -> bool {
        let mine = cas == self.cas;
        if mine {
            (self.value, self.cas) = (value, self.cas + 1);
        }
        mine
    }
}

/// What a worker is about.
struct Pending {
    key: EndpointKey,
    event: Event,
    now: Timestamp,
    read: (Vec<u8>, u32),
    tries: u32,
}

struct Run<'a> {
    setup: &'a Setup,
    shared: Shared,
    workers: Vec<(Rng, Settings, Option<Pending>)>,
    now: Timestamp,
}

impl<'a> Run<'a> {
    fn new(setup: &'a Setup) -> Self {
        let worker = |(number, shadow): (u64, bool)| {
            let settings = Settings { shadow, ..setup.settings.clone() };
            (Rng::with_seed(setup.seed ^ number), settings, None)
        };
        let workers = (0..).zip(setup.shadow).map(worker).collect();
        Self { setup, shared: Shared { value: Vec::new(), cas: 1 }, workers, now: START }
    }

    fn step(&mut self, step: &Step) {
        self.now = self.now.plus(Duration::from_millis(step.passes));
        let read = || (self.shared.value.clone(), self.shared.cas);
        let (rng, settings, pending) = &mut self.workers[step.worker];
        let Some(mut work) = pending.take() else {
            let (key, event) = (step.key, step.event.clone());
            // Clocks of workers need not agree.
            let now = self.now.plus(Duration::from_millis(rng.u64(0..100)));
            *pending = Some(Pending { key, event, now, read: read(), tries: TRIES });
            return;
        };
        let (members, ejected_by_hand) = (&*self.setup.members, self.setup.ejected_by_hand);
        let cluster = Cluster { settings, members, ejected_by_hand };
        let mut ledger = Ledger::decode(&work.read.0);
        let effects = cluster.apply(&mut ledger, work.key, &work.event, work.now, rng);
        if effects.changed && !self.shared.swap(ledger.encode(), work.read.1) && work.tries > 1 {
            work.read = (self.shared.value.clone(), self.shared.cas);
            work.tries -= 1;
            *pending = Some(work);
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::decode(&self.shared.value)
    }
}

fn within_bounds(run: &Run<'_>) -> Result<(), TestCaseError> {
    let (setup, ledger) = (run.setup, run.ledger());
    let bound = setup.bound();
    for shadow in [false, true] {
        let counts = |record: &&Record| record.is_out_of_rotation() && record.shadow == shadow;
        let out = ledger.records().iter().filter(counts).count();
        prop_assert!(out <= bound, "{} of {} are ejected, {} may be", out, setup.members.len(), bound);
    }
    prop_assert!(run.shared.value.len() <= 8 + 64 * setup.members.len());
    let policy = &setup.settings.ejection;
    let most = policy.max.as_secs().div_ceil(policy.base.as_secs());
    for record in ledger.records() {
        prop_assert!(setup.members.contains(&record.key));
        prop_assert!(record.trials <= setup.trials() && u64::from(record.multiplier) <= most);
        prop_assert!(record.streaks[0] < 2 && record.streaks[1] < 3 && record.streaks[2] < 2);
        prop_assert!(record.successes < 3);
        prop_assert!(record.until <= record.since.plus(policy.max + policy.max_jitter));
    }
    Ok(())
}

/// Counts of ejections grow by one at most in a step, and never fall.
fn ejections_are_counted(before: &Ledger, after: &Ledger) -> Result<(), TestCaseError> {
    for record in before.records() {
        let now = after.get(record.key).map_or(0, |record| record.times);
        prop_assert!(now == record.times || now == record.times + 1, "{} after {}", now, record.times);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_and_writes_passes_the_bounds(setup in setups(), steps in steps()) {
        let mut run = Run::new(&setup);
        for step in &steps {
            let before = run.ledger();
            run.step(step);
            within_bounds(&run)?;
            ejections_are_counted(&before, &run.ledger())?;
        }
    }

    #[test]
    fn every_ejection_ends(setup in setups(), steps in steps()) {
        let mut run = Run::new(&setup);
        steps.iter().for_each(|step| run.step(step));
        let (mut ledger, policy) = (run.ledger(), &setup.settings.ejection);
        let silence = setup.settings.heartbeat.as_ref().map_or(Duration::ZERO, |beat| beat.interval * 2 + beat.timeout);
        let longest = policy.max + policy.max_jitter + policy.base + silence;
        // Clocks differ by less than 100 ms, and time passes in ticks.
        let (tick, slack) = (Duration::from_millis(250), SECOND);
        let end = run.now.plus(longest + slack);
        let cluster = Cluster { settings: &setup.settings, members: &setup.members, ejected_by_hand: setup.ejected_by_hand };
        let mut now = run.now;
        while now < end {
            now = now.plus(tick);
            for key in &setup.members {
                cluster.apply(&mut ledger, *key, &Event::TimePassed, now, &mut Rng::with_seed(setup.seed));
            }
        }
        let out: Vec<&Record> = ledger.records().iter().filter(|record| record.health != Health::Healthy).collect();
        prop_assert!(out.is_empty(), "still ejected at {:?}: {:?}", now, out);
    }
}
