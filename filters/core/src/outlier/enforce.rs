//! Healthy → Ejected → Probing → Healthy: what becomes of an endpoint when something is known of it.
//!
//! A pure function of the ledger, an event, the time and a random number, so that the caller may run it again when
//! somebody else wrote the ledger in between.
//!
//! Invariants: never more endpoints are out than [`Cluster::may_eject`] allows, and at least `min_healthy` stay; every
//! ejection ends; the multiplier falls only on evidence of health (Envoy's falls by time alone, its issue 21142).
//!
//! Envoy ejects nobody in a cluster of fewer than ten endpoints at its default of 10 %; here one may always go.

use super::classify::{Failure, Outcome};
use super::decide::{Reason, Verdict};
use super::ledger::{EndpointKey, Ledger, Record};
use super::settings::{Readmission, Settings};
use super::window::Counts;
use crate::Timestamp;
use crate::health::Health;
use core::time::Duration;
use fastrand::Rng;

/// How long a trial is believed to be under way when nobody says that it is over: its worker may have died.
pub const TRIAL_LIFE: Duration = Duration::from_secs(15);

/// One upstream as ejection sees it.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// What the operator set.
    pub settings: &'a Settings,
    /// Its endpoints, sorted.
    pub members: &'a [EndpointKey],
    /// How many of them the operator took out by hand.
    pub taken_out: usize,
}

/// Something that became known of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An attempt that began at `started` was judged.
    Attempt {
        /// What it said.
        outcome: Outcome,
        /// When it began.
        started: Timestamp,
    },
    /// A heartbeat was answered, well or not.
    Heartbeat {
        /// Whether well.
        healthy: bool,
    },
    /// A detector's verdict, or the endpoint's own signal.
    Verdict(Verdict),
    /// The endpoint asks to be left alone for a while.
    Drain(Verdict),
    /// Time has passed.
    TimePassed,
    /// What it did within the window.
    Lately(Counts),
    /// A request wants to try it.
    Try,
    /// A request that tried it is over; it was let in during the period that began at `since`.
    Tried {
        /// The record's `since` when it was let in.
        since: Timestamp,
    },
}

/// A move from one state to another, or one that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which endpoint.
    pub key: EndpointKey,
    /// From where.
    pub from: Health,
    /// To where.
    pub to: Health,
    /// Why, and what was seen.
    pub verdict: Option<Verdict>,
    /// How long it will be out; zero unless it was ejected.
    pub lasts: Duration,
    /// How often it has been ejected, this time too.
    pub times: u16,
}

/// What became of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The ledger has changed and is to be written.
    pub changed: bool,
    /// The endpoint moved.
    pub transition: Option<Transition>,
    /// It would have been ejected, but for this.
    pub spared: Option<(Reason, Spared)>,
    /// The request may try the endpoint.
    pub may_try: bool,
}

/// Why a verdict was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spared {
    /// Too many are out.
    Overflow,
    /// The `enforcing` percentage drew otherwise.
    NotEnforced,
}

impl Cluster<'_> {
    fn has(&self, key: EndpointKey) -> bool {
        self.members.binary_search(&key).is_ok()
    }

    /// Whether one more may go, with so many out.
    pub fn may_eject(&self, out: usize) -> bool {
        let (all, policy) = (self.members.len(), &self.settings.ejection);
        let stay = all.saturating_sub(self.taken_out + out + 1);
        let within = (out + 1) * 100 <= all * usize::from(policy.max_percent);
        stay >= policy.min_healthy && out < all && (within || out == 0)
    }

    /// How many of its endpoints are out by ejection.
    pub fn out(&self, ledger: &Ledger) -> usize {
        let counts = |record: &&Record| {
            record.is_out() && record.shadow == self.settings.shadow && self.has(record.key)
        };
        ledger.records().iter().filter(counts).count()
    }

    /// Lets `event` happen to the endpoint `key`.
    pub fn apply(
        &self,
        ledger: &mut Ledger,
        key: EndpointKey,
        event: &Event,
        now: Timestamp,
        rng: &mut Rng,
    ) -> Effects {
        if ledger.is_read_only() || !self.has(key) {
            return Effects::default();
        }
        let before = ledger.get(key).copied().unwrap_or_else(|| Record::new(key));
        let mut record = before;
        if record.is_out() && record.shadow != self.settings.shadow {
            // Shadow mode was switched: what it put out was never out, and the other way round.
            readmit(&mut record, Health::Healthy, Timestamp::default());
        }
        let out = self.out(ledger);
        let mut effects = Step { cluster: self, out, now, rng }.take(&mut record, event);
        effects.changed = record != before;
        if effects.changed {
            ledger.put(record);
            ledger.retain(|record| self.remembers(record, now));
        }
        effects
    }

    /// Records of endpoints that are no longer there are kept while they are out: the configuration may come back.
    fn remembers(&self, record: &Record, now: Timestamp) -> bool {
        let gone = now.since(record.until) > self.settings.ejection.max;
        !record.is_blank() && (self.has(record.key) || (record.is_out() && !gone))
    }
}

struct Step<'a, 'c> {
    cluster: &'a Cluster<'c>,
    out: usize,
    now: Timestamp,
    rng: &'a mut Rng,
}

impl Step<'_, '_> {
    fn take(&mut self, record: &mut Record, event: &Event) -> Effects {
        match event {
            // What began before the endpoint came to where it stands says nothing about it now.
            Event::Attempt { started, .. } if *started < record.since => Effects::default(),
            Event::Attempt { outcome, .. } => self.attempt(record, *outcome),
            Event::Heartbeat { healthy } => self.heartbeat(record, *healthy),
            Event::Verdict(verdict) => self.convict(record, verdict.clone()),
            Event::Drain(verdict) => self.drain(record, verdict.clone()),
            Event::TimePassed => self.time_passed(record),
            Event::Lately(counts) => self.forgive(record, counts),
            Event::Try => self.give_trial(record),
            Event::Tried { since } => {
                // A trial of an earlier period was forgotten when that period ended. Tables keep milliseconds.
                if since.as_millis() == record.since.as_millis() {
                    record.trials = record.trials.saturating_sub(1);
                }
                Effects::default()
            }
        }
    }

    fn attempt(&mut self, record: &mut Record, outcome: Outcome) -> Effects {
        match (record.health, outcome) {
            (_, Outcome::Neutral(_)) | (Health::Ejected, _) => Effects::default(),
            (Health::Healthy, Outcome::Success) => {
                record.streaks = [0; 3];
                Effects::default()
            }
            (Health::Healthy, Outcome::Failure(failure)) => self.streak(record, failure),
            (Health::Probing, Outcome::Success) => {
                record.successes = record.successes.saturating_add(1);
                match self.cluster.settings.readmission {
                    Readmission::Probing { successes, .. } if record.successes < successes => {
                        Effects::default()
                    }
                    _ => self.moved(record, Health::Healthy),
                }
            }
            (Health::Probing, Outcome::Failure(failure)) => {
                let evidence = format!("{} while it was tried", failure_name(failure));
                self.eject(record, Verdict { reason: Reason::Probe, evidence })
            }
        }
    }

    /// Failures in a row, counted as Envoy counts them; the first row that is full decides.
    fn streak(&mut self, record: &mut Record, failure: Failure) -> Effects {
        let settings = self.cluster.settings;
        let split = settings.failure.split_external_local_origin_errors && failure.is_local_origin();
        let [any, gateway, local] = &mut record.streaks;
        if !split {
            *any = any.saturating_add(1);
            *gateway = if failure.is_gateway() { gateway.saturating_add(1) } else { 0 };
        }
        // Whatever was answered, there was a connection.
        *local = if failure.is_local_origin() { local.saturating_add(1) } else { 0 };
        let rows = [
            (Reason::Consecutive5xx, settings.consecutive.any_5xx, "5xx"),
            (Reason::ConsecutiveGatewayFailure, settings.consecutive.gateway_failure, "gateway failures"),
            (
                Reason::ConsecutiveLocalOriginFailure,
                settings.consecutive.local_origin_failure,
                "local origin failures",
            ),
        ];
        let mut effects = Effects::default();
        for (place, (reason, threshold, what)) in rows.into_iter().enumerate() {
            let Some(row) = record.streaks.get_mut(place) else { continue };
            if threshold.count == 0 || *row < threshold.count {
                continue;
            }
            let evidence = format!("{row} consecutive {what}");
            *row = 0;
            let verdict = Verdict { reason, evidence };
            effects = self.convict(record, verdict);
            if effects.transition.is_some() {
                break;
            }
        }
        effects
    }

    fn heartbeat(&mut self, record: &mut Record, healthy: bool) -> Effects {
        let Some(policy) = &self.cluster.settings.heartbeat else { return Effects::default() };
        let [good, bad] = &mut record.heartbeats;
        if healthy {
            // In rotation the row of good ones decides nothing; counting it would write on every heartbeat.
            (*good, *bad) = (if record.health == Health::Healthy { 0 } else { good.saturating_add(1) }, 0);
        } else {
            (*good, *bad) = (0, bad.saturating_add(1));
        }
        let (good, bad) = (*good, *bad);
        if !healthy {
            record.marked = self.now;
        }
        let evidence = || format!("{bad} heartbeats failed");
        match record.health {
            Health::Ejected if good >= policy.healthy_threshold && !record.drained => self.comes_back(record),
            Health::Probing if !healthy => {
                self.eject(record, Verdict { reason: Reason::Heartbeat, evidence: evidence() })
            }
            Health::Healthy if bad >= policy.unhealthy_threshold => {
                record.heartbeats = [0; 2];
                self.convict(record, Verdict { reason: Reason::Heartbeat, evidence: evidence() })
            }
            _ => Effects::default(),
        }
    }

    /// Ejects a healthy endpoint, if the bounds and the `enforcing` percentage allow it.
    fn convict(&mut self, record: &mut Record, verdict: Verdict) -> Effects {
        if record.health != Health::Healthy {
            return Effects::default();
        }
        let reason = verdict.reason;
        if !self.cluster.may_eject(self.out) {
            return Effects { spared: Some((reason, Spared::Overflow)), ..Effects::default() };
        }
        if self.rng.u8(0..100) >= reason.enforcing(self.cluster.settings) {
            return Effects { spared: Some((reason, Spared::NotEnforced)), ..Effects::default() };
        }
        self.eject(record, verdict)
    }

    fn drain(&mut self, record: &mut Record, verdict: Verdict) -> Effects {
        let (times, multiplier) = (record.times, record.multiplier);
        let mut effects = self.convict(record, verdict);
        if let Some(transition) = &mut effects.transition {
            (record.drained, record.times, record.multiplier) = (true, times, multiplier);
            transition.times = times;
        }
        effects
    }

    /// For `base` times the multiplier, which grows while it matters, and never longer than `max`, jitter apart.
    fn eject(&mut self, record: &mut Record, verdict: Verdict) -> Effects {
        let policy = &self.cluster.settings.ejection;
        record.times = record.times.saturating_add(1);
        if policy.base.saturating_mul(u32::from(record.multiplier)) < policy.max {
            record.multiplier = record.multiplier.saturating_add(1);
        }
        let jitter_ms = u64::try_from(policy.max_jitter.as_millis()).unwrap_or(u64::MAX - 1);
        let jitter = Duration::from_millis(self.rng.u64(0..=jitter_ms));
        let lasts = policy.base.saturating_mul(u32::from(record.multiplier)).min(policy.max) + jitter;
        let from = record.health;
        record.health = Health::Ejected;
        record.reason = Some(verdict.reason);
        (record.shadow, record.drained) = (self.cluster.settings.shadow, false);
        (record.trials, record.successes, record.streaks) = (0, 0, [0; 3]);
        record.heartbeats = [0; 2];
        (record.since, record.until) = (self.now, self.now.plus(lasts));
        let (to, times) = (Health::Ejected, record.times);
        let transition = Transition { key: record.key, from, to, verdict: Some(verdict), lasts, times };
        Effects { transition: Some(transition), ..Effects::default() }
    }

    fn time_passed(&mut self, record: &mut Record) -> Effects {
        let settings = self.cluster.settings;
        match record.health {
            Health::Ejected if self.now >= record.until && !self.still_failing(record) => {
                self.comes_back(record)
            }
            // Nobody tried it for so long, or to so little effect, that nobody can say anything against it.
            Health::Probing
                if self.now.since(record.since.max(record.tried)) >= settings.ejection.base
                    || self.now.since(record.since) >= settings.ejection.max =>
            {
                self.moved(record, Health::Healthy)
            }
            _ => Effects::default(),
        }
    }

    /// Whether heartbeats go on failing; when they stop coming, time alone decides.
    fn still_failing(&self, record: &Record) -> bool {
        self.cluster.settings.heartbeat.as_ref().is_some_and(|policy| {
            let [_, bad] = record.heartbeats;
            bad > 0 && self.now.since(record.marked) <= policy.interval * 2 + policy.timeout
        })
    }

    fn comes_back(&self, record: &mut Record) -> Effects {
        let probing = matches!(self.cluster.settings.readmission, Readmission::Probing { .. });
        self.moved(record, if probing { Health::Probing } else { Health::Healthy })
    }

    fn moved(&self, record: &mut Record, to: Health) -> Effects {
        let from = record.health;
        readmit(record, to, self.now);
        let (key, times) = (record.key, record.times);
        let transition = Transition { key, from, to, verdict: None, lasts: Duration::ZERO, times };
        Effects { transition: Some(transition), ..Effects::default() }
    }

    /// One step of the multiplier for an interval in rotation in which most attempts succeeded.
    fn forgive(&self, record: &mut Record, lately: &Counts) -> Effects {
        let rested = self.now.since(record.since.max(record.marked)) >= self.cluster.settings.interval;
        let works = lately.attempts > 0 && lately.failures.saturating_mul(2) < lately.attempts;
        if record.health == Health::Healthy && record.multiplier > 0 && rested && works {
            record.multiplier -= 1;
            record.marked = self.now;
        }
        Effects::default()
    }

    fn give_trial(&self, record: &mut Record) -> Effects {
        let Readmission::Probing { concurrency, .. } = self.cluster.settings.readmission else {
            return Effects::default();
        };
        if self.now.since(record.tried) >= TRIAL_LIFE {
            record.trials = 0;
        }
        let may_try = record.health == Health::Probing && record.trials < concurrency;
        if may_try {
            (record.trials, record.tried) = (record.trials + 1, self.now);
        }
        Effects { may_try, ..Effects::default() }
    }
}

fn readmit(record: &mut Record, to: Health, now: Timestamp) {
    (record.health, record.since, record.until) = (to, now, now);
    (record.trials, record.successes, record.streaks) = (0, 0, [0; 3]);
    (record.heartbeats, record.shadow, record.drained) =
        ([0; 2], record.shadow && to != Health::Healthy, false);
}

fn failure_name(failure: Failure) -> &'static str {
    match failure {
        Failure::Status => "an error status",
        Failure::Gateway => "a gateway failure",
        Failure::ConnectFailure => "a connect failure",
        Failure::Reset => "a reset",
        Failure::Timeout => "a timeout",
        Failure::Truncated => "a truncated answer",
        Failure::Slow => "a slow answer",
    }
}
