//! Into a state and out of it: who may be ejected, for how long, and how it comes back.

use super::{Cluster, Effects, Event, LONGEST_TRIAL, Spared, Transition};
use crate::Timestamp;
use crate::health::Health;
use crate::outlier::decide::Verdict;
use crate::outlier::ledger::Record;
use crate::outlier::settings::Readmission;
use core::time::Duration;
use fastrand::Rng;

/// One event in one upstream.
pub(super) struct Step<'a, 'c> {
    pub(super) cluster: &'a Cluster<'c>,
    pub(super) ejected: usize,
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut Rng,
}

impl Step<'_, '_> {
    /// Lets the event change the record.
    pub(super) fn take(&mut self, record: &mut Record, event: &Event) -> Effects {
        match event {
            // What began before the endpoint came to where it stands says nothing about it now.
            Event::Attempt { started, .. } if *started < record.since && record.since <= self.now => {
                Effects::default()
            }
            Event::Attempt { outcome, latency, .. } => self.attempt(record, *outcome, *latency),
            Event::Heartbeat { healthy } => self.heartbeat(record, *healthy),
            Event::Verdict(verdict) => self.convict(record, verdict.clone()),
            Event::Drain(verdict) => self.drain(record, verdict.clone()),
            Event::TimePassed => self.time_passed(record),
            Event::Lately(counts) => self.forgive(record, counts),
            Event::Try => self.give_trial(record),
            Event::Tried { since } => {
                // A half-open trial of an earlier period was forgotten when that period ended. Tables keep milliseconds.
                if since.as_millis() == record.since.as_millis() {
                    record.trials = record.trials.saturating_sub(1);
                }
                Effects::default()
            }
        }
    }

    /// Ejects a healthy endpoint, if the bounds and the `enforcing` percentage allow it; a half-open one, at once.
    pub(super) fn convict(&mut self, record: &mut Record, verdict: Verdict) -> Effects {
        match record.health {
            Health::Healthy => {}
            // It counts as ejected already, so no bound is asked.
            Health::HalfOpen => return self.eject(record, verdict),
            Health::Ejected | Health::Withdrawn => return Effects::default(),
        }
        let reason = verdict.reason;
        if !self.cluster.may_eject(self.ejected) {
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
            // It is draining, so not longer for what came before.
            let lasts = self.cluster.settings.ejection.base.min(self.cluster.settings.ejection.max);
            (record.drained, record.times, record.multiplier) = (true, times, multiplier);
            record.until = self.now.plus(lasts);
            (transition.times, transition.lasts) = (times, lasts);
        }
        effects
    }

    /// For `base` times the multiplier, which grows while it matters, and never longer than `max`, jitter apart.
    pub(super) fn eject(&mut self, record: &mut Record, verdict: Verdict) -> Effects {
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
        // Ejected again out of a half-open trial, it is measured by the same yardstick.
        record.limit =
            verdict.limit.unwrap_or(if from == Health::HalfOpen { record.limit } else { Duration::ZERO });
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
        if record.is_out_of_rotation() && record.since.max(record.marked) > self.now {
            // The clock was set back: what is left of the time begins now, and so does the silence after a heartbeat that failed.
            record.marked = record.marked.min(self.now);
            if record.since > self.now {
                record.until = self.now.plus(record.until.since(record.since));
                (record.since, record.tried) = (self.now, record.tried.min(self.now));
            }
        }
        match record.health {
            Health::Ejected if self.now >= record.until && !self.still_failing(record) => {
                self.comes_back(record)
            }
            // Nobody tried it for so long, or to so little effect, that nobody can say anything against it.
            Health::HalfOpen
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

    /// Its time is up, or heartbeats have found it well.
    pub(super) fn comes_back(&self, record: &mut Record) -> Effects {
        let half_open = matches!(self.cluster.settings.readmission, Readmission::HalfOpen { .. });
        self.moved(record, if half_open { Health::HalfOpen } else { Health::Healthy })
    }

    /// Moves the record to a state other than Ejected.
    pub(super) fn moved(&self, record: &mut Record, to: Health) -> Effects {
        let from = record.health;
        readmit(record, to, self.now);
        let (key, times) = (record.key, record.times);
        let transition = Transition { key, from, to, verdict: None, lasts: Duration::ZERO, times };
        Effects { transition: Some(transition), ..Effects::default() }
    }

    fn give_trial(&self, record: &mut Record) -> Effects {
        let Readmission::HalfOpen { concurrency, .. } = self.cluster.settings.readmission else {
            return Effects::default();
        };
        if self.now.since(record.tried) >= LONGEST_TRIAL {
            record.trials = 0;
        }
        let may_try = record.health == Health::HalfOpen && record.trials < concurrency;
        if may_try {
            (record.trials, record.tried) = (record.trials + 1, self.now);
        }
        Effects { may_try, ..Effects::default() }
    }
}

/// Puts a record into a state of rotation, with nothing left of the one before.
pub(super) fn readmit(record: &mut Record, to: Health, now: Timestamp) {
    (record.health, record.since, record.until) = (to, now, now);
    (record.trials, record.successes, record.streaks) = (0, 0, [0; 3]);
    if to == Health::Healthy {
        record.limit = Duration::ZERO;
    }
    (record.heartbeats, record.shadow, record.drained) =
        ([0; 2], record.shadow && to != Health::Healthy, false);
}
