//! Healthy → Ejected → HalfOpen → Healthy: what becomes of an endpoint when something is known of it.
//!
//! A pure function of the ledger, an event, the time and a random number, so that the caller may run it again when
//! somebody else wrote the ledger in between.
//!
//! Invariants: never more endpoints are ejected than [`Cluster::may_eject`] allows, and at least `min_healthy` stay; every
//! ejection ends; the multiplier falls only on evidence of health (Envoy's falls by time alone, its issue 21142).
//!
//! Envoy ejects nobody in a cluster of fewer than ten endpoints at its default of 10 %; here one may always go, unless the operator says 0 %.

mod evidence;
mod step;

use super::classify::Outcome;
use super::decide::Verdict;
use super::ledger::{EndpointKey, Ledger, Record};
use super::reason::Reason;
use super::settings::Settings;
use super::window::Counts;
use crate::Timestamp;
use crate::health::Health;
use core::time::Duration;
use fastrand::Rng;
use step::{Step, readmit};

/// How long a half-open trial is believed to be under way when nobody says that it is over: its worker may have died.
pub const LONGEST_TRIAL: Duration = Duration::from_secs(15);

/// One upstream as ejection sees it.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// What the operator set.
    pub settings: &'a Settings,
    /// Its endpoints, sorted.
    pub members: &'a [EndpointKey],
    /// How many of them the operator ejected by hand.
    pub ejected_by_hand: usize,
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
        /// How long a complete answer took.
        latency: Option<Duration>,
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
    /// A request asks for a half-open trial.
    Try,
    /// A half-open trial is over; it was let in during the period that began at `since`.
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
    /// How long it will be ejected; zero unless it was ejected.
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
    /// The request is a half-open trial.
    pub may_try: bool,
}

/// Why a verdict was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spared {
    /// Too many are ejected.
    Overflow,
    /// The `enforcing` percentage drew otherwise.
    NotEnforced,
}

impl Cluster<'_> {
    fn has(&self, key: EndpointKey) -> bool {
        self.members.binary_search(&key).is_ok()
    }

    /// Whether one more may go, with so many ejected.
    pub fn may_eject(&self, ejected: usize) -> bool {
        let (all, policy) = (self.members.len(), &self.settings.ejection);
        let stay = all.saturating_sub(self.ejected_by_hand + ejected + 1);
        let within = (ejected + 1) * 100 <= all * usize::from(policy.max_percent);
        let one_may = ejected == 0 && policy.max_percent > 0;
        stay >= policy.min_healthy && ejected < all && (within || one_may)
    }

    /// How many of its endpoints are ejected, half-open ones too.
    pub fn ejected(&self, ledger: &Ledger) -> usize {
        let counts = |record: &&Record| {
            record.is_out_of_rotation() && record.shadow == self.settings.shadow && self.has(record.key)
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
        if record.is_out_of_rotation() && record.shadow != self.settings.shadow {
            // Shadow mode was switched: what it ejected was never out of rotation, and the other way round.
            readmit(&mut record, Health::Healthy, Timestamp::default());
        }
        let ejected = self.ejected(ledger);
        let mut effects = Step { cluster: self, ejected, now, rng }.take(&mut record, event);
        effects.changed = record != before;
        if effects.changed {
            ledger.put(record);
            ledger.retain(|record| self.remembers(record, now));
        }
        effects
    }

    /// Records of endpoints that are no longer there are kept while they are ejected: the configuration may come back.
    fn remembers(&self, record: &Record, now: Timestamp) -> bool {
        let gone = now.since(record.until) > self.settings.ejection.max;
        !record.is_blank() && (self.has(record.key) || (record.is_out_of_rotation() && !gone))
    }
}
