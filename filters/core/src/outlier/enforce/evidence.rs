//! What attempts, heartbeats and windows add to the case against an endpoint, or for it.

use super::Effects;
use super::step::Step;
use crate::health::Health;
use crate::outlier::classify::{Failure, Outcome};
use crate::outlier::decide::Verdict;
use crate::outlier::ledger::Record;
use crate::outlier::reason::Reason;
use crate::outlier::settings::{Readmission, Threshold};
use crate::outlier::window::Counts;
use core::time::Duration;

impl Step<'_, '_> {
    /// An attempt that began in the state that the endpoint is in.
    pub(super) fn attempt(
        &mut self,
        record: &mut Record,
        outcome: Outcome,
        latency: Option<Duration>,
    ) -> Effects {
        let slow = !record.limit.is_zero() && latency.is_some_and(|latency| latency > record.limit);
        let outcome = match outcome {
            // It was ejected for its latency, and it is no faster.
            Outcome::Success if slow && record.health == Health::HalfOpen => Outcome::Failure(Failure::Slow),
            other => other,
        };
        match (record.health, outcome) {
            (_, Outcome::Neutral(_)) | (Health::Ejected | Health::Withdrawn, _) => Effects::default(),
            (Health::Healthy, Outcome::Success) => {
                record.streaks = [0; 3];
                Effects::default()
            }
            (Health::Healthy, Outcome::Failure(failure)) => self.streak(record, failure),
            (Health::HalfOpen, Outcome::Success) => {
                record.successes = record.successes.saturating_add(1);
                match self.cluster.settings.readmission {
                    Readmission::HalfOpen { successes, .. } if record.successes < successes => {
                        Effects::default()
                    }
                    _ => self.moved(record, Health::Healthy),
                }
            }
            (Health::HalfOpen, Outcome::Failure(failure)) => {
                let evidence = format!("{} while it was tried", failure_name(failure));
                self.eject(record, Verdict::new(Reason::Trial, evidence))
            }
        }
    }

    /// Consecutive failures, counted as Envoy counts them; the first streak that is long enough decides.
    fn streak(&mut self, record: &mut Record, failure: Failure) -> Effects {
        let settings = self.cluster.settings;
        let local_origin = failure.is_local_origin();
        let split = settings.failure.split_external_local_origin_errors;
        let policy = settings.consecutive;
        let counts = |threshold: Threshold, more: bool, streak: u16| {
            // A streak that is switched off is not kept: it would be written and never read.
            if more && threshold.count > 0 { streak.saturating_add(1) } else { 0 }
        };
        let [any, gateway, local] = &mut record.streaks;
        if !(split && local_origin) {
            *any = counts(policy.any_5xx, true, *any);
            *gateway = counts(policy.gateway_failure, failure.is_gateway(), *gateway);
        }
        // As in Envoy, the streak of local origin failures is looked at only where it is split off; and whatever was
        // answered, there was a connection.
        *local = counts(policy.local_origin_failure, split && local_origin, *local);
        let streaks = [
            (Reason::Consecutive5xx, settings.consecutive.any_5xx, "5xx"),
            (Reason::ConsecutiveGatewayFailure, settings.consecutive.gateway_failure, "gateway failures"),
            (
                Reason::ConsecutiveLocalOriginFailure,
                settings.consecutive.local_origin_failure,
                "local origin failures",
            ),
        ];
        let mut effects = Effects::default();
        for (place, (reason, threshold, what)) in streaks.into_iter().enumerate() {
            let Some(streak) = record.streaks.get_mut(place) else { continue };
            if threshold.count == 0 || *streak < threshold.count {
                continue;
            }
            let evidence = format!("{streak} consecutive {what}");
            *streak = 0;
            let verdict = Verdict::new(reason, evidence);
            effects = self.convict(record, verdict);
            if effects.transition.is_some() {
                break;
            }
        }
        effects
    }

    /// A heartbeat of the router's.
    pub(super) fn heartbeat(&mut self, record: &mut Record, healthy: bool) -> Effects {
        let Some(policy) = &self.cluster.settings.heartbeat else { return Effects::default() };
        let [good, bad] = &mut record.heartbeats;
        if healthy {
            // In rotation the streak of good ones decides nothing; counting it would write on every heartbeat.
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
            Health::HalfOpen if !healthy => self.eject(record, Verdict::new(Reason::Heartbeat, evidence())),
            Health::Healthy if bad >= policy.unhealthy_threshold => {
                record.heartbeats = [0; 2];
                self.convict(record, Verdict::new(Reason::Heartbeat, evidence()))
            }
            _ => Effects::default(),
        }
    }

    /// One step of the multiplier for an interval in rotation in which most attempts succeeded.
    pub(super) fn forgive(&self, record: &mut Record, lately: &Counts) -> Effects {
        let rested = self.now.since(record.since.max(record.marked)) >= self.cluster.settings.interval;
        let works = lately.failures.saturating_mul(2) < lately.attempts;
        if record.health == Health::Healthy && record.multiplier > 0 && rested && works {
            record.multiplier -= 1;
            record.marked = self.now;
        }
        Effects::default()
    }
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
