//! The view of the endpoints' health that one request gets.

use super::table::{Entry, HealthPolicy, HealthTable};
use super::{Health, SlowStart};
use crate::priority::{Availability, PriorityLoad};
use crate::{EndpointIndex, Timestamp};

/// Which endpoints one request may go to, and at what part of their share.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    view: View<'a>,
    /// Endpoints are asked after by their place in this list.
    members: Option<&'a [EndpointIndex]>,
}

#[derive(Clone, Copy, Debug)]
enum View<'a> {
    Everyone,
    /// Health is ignored, but for the operator's own word.
    Panic {
        entries: &'a [Entry],
        withdrawn: bool,
    },
    /// Traffic is to fail; only trials may be let through.
    Nobody {
        entries: &'a [Entry],
        trials: bool,
    },
    Each {
        entries: &'a [Entry],
        slow_start: Option<SlowStart>,
        now: Timestamp,
        trials: bool,
        /// Of those in rotation the degraded ones, and not the others.
        degraded: bool,
    },
    /// It depends on the level.
    Levels {
        table: &'a HealthTable,
        policy: HealthPolicy,
        now: Timestamp,
        trials: bool,
    },
}

impl HealthTable {
    /// What a balancer may choose from at `now`.
    pub fn admission(&self, policy: &HealthPolicy, now: Timestamp) -> Admission<'_> {
        let slow_start = policy.slow_start.filter(|_| self.ramping > 0);
        if self.all.is_healthy_throughout() && slow_start.is_none() {
            return Admission::everyone();
        }
        if self.levels.len() > 1 || self.all.degraded > 0 || !self.parts.is_empty() {
            let policy = HealthPolicy { slow_start, ..*policy };
            return Admission::of(View::Levels { table: self, policy, now, trials: false });
        }
        let threshold = u64::from(policy.panic_threshold);
        let panics = u64::from(self.all.healthy) * 100 < u64::from(self.all.members) * threshold;
        self.view(panics, &HealthPolicy { slow_start, ..*policy }, now)
    }

    /// The endpoints without regard to levels, of which this `policy` is in panic or not.
    fn view(&self, panics: bool, policy: &HealthPolicy, now: Timestamp) -> Admission<'_> {
        let (entries, slow_start) = (&*self.entries, policy.slow_start);
        Admission::of(match (panics, policy.fail_traffic_on_panic) {
            (false, _) => View::Each { entries, slow_start, now, trials: false, degraded: false },
            (true, true) => View::Nobody { entries, trials: false },
            (true, false) => View::Panic { entries, withdrawn: self.all.withdrawn > 0 },
        })
    }

    /// What each level takes of the traffic.
    fn load(&self, policy: &HealthPolicy, trials: bool) -> PriorityLoad<'_> {
        let levels = if self.levels.is_empty() { core::slice::from_ref(&self.all) } else { &*self.levels };
        PriorityLoad::new(levels, policy.overprovisioning_factor, policy.panic_threshold, trials)
    }
}

impl Admission<'static> {
    /// All endpoints at their full share.
    pub const fn everyone() -> Self {
        Self { view: View::Everyone, members: None }
    }
}

impl<'a> Admission<'a> {
    fn of(view: View<'a>) -> Self {
        Self { view, members: None }
    }

    /// The same, and endpoints that take half-open trials are admitted too: to find whose keys are theirs.
    pub fn with_trials(mut self) -> Self {
        if let View::Each { trials, .. } | View::Nobody { trials, .. } | View::Levels { trials, .. } =
            &mut self.view
        {
            *trials = true;
        }
        self
    }

    /// Whether too few endpoints are in rotation, so that health is ignored or traffic is to fail; of several levels, in all of them.
    pub fn is_panic(&self) -> bool {
        match self.view {
            View::Levels { .. } => self.load().is_some_and(|load| load.is_total_panic()),
            view => matches!(view, View::Panic { .. } | View::Nobody { .. }),
        }
    }

    /// Whether health is ignored; of several levels, in all of them.
    pub fn ignores_health(&self) -> bool {
        match self.view {
            View::Levels { policy, .. } => !policy.fail_traffic_on_panic && self.is_panic(),
            view => matches!(view, View::Panic { .. }),
        }
    }

    /// Whether all endpoints are admitted at their full share.
    pub fn admits_everyone(&self) -> bool {
        matches!(self.view, View::Everyone | View::Panic { withdrawn: false, .. })
    }

    /// Whether any endpoint is at part of its share.
    pub fn is_ramping(&self) -> bool {
        matches!(
            self.view,
            View::Each { slow_start: Some(_), .. }
                | View::Levels { policy: HealthPolicy { slow_start: Some(_), .. }, .. }
        )
    }

    /// What each level takes of the traffic; `None` where there is one level and nobody in it is degraded.
    pub fn load(&self) -> Option<PriorityLoad<'a>> {
        match self.view {
            View::Levels { table, policy, trials, .. } => Some(table.load(&policy, trials)),
            _ => None,
        }
    }

    /// Whether anybody is in rotation for what the others cannot serve.
    pub fn has_degraded(&self) -> bool {
        matches!(self.view, View::Levels { table, .. } if table.all.degraded > 0)
    }

    /// Of one level the endpoints of this availability, or, if the level `panics`, what that leaves.
    pub fn of_level(self, level: usize, availability: Availability, panics: bool) -> Self {
        let View::Levels { table, policy, now, trials } = self.view else { return self };
        let tally = table.levels.get(level).copied().unwrap_or(table.all);
        let (entries, slow_start) = (&*table.entries, policy.slow_start);
        let degraded = availability == Availability::Degraded;
        let view = match (panics, policy.fail_traffic_on_panic) {
            (true, true) => View::Nobody { entries, trials },
            (true, false) => View::Panic { entries, withdrawn: tally.withdrawn > 0 },
            (false, _) if !degraded && slow_start.is_none() && tally.is_healthy_throughout() => {
                View::Everyone
            }
            (false, _) => View::Each { entries, slow_start, now, trials, degraded },
        };
        Self { view, ..self }
    }

    /// The same for somebody who knows the endpoints by their places in this list.
    pub(crate) fn within<'b>(self, members: Option<&'b [EndpointIndex]>) -> Admission<'b>
    where
        'a: 'b,
    {
        Admission { view: self.view, members }
    }

    /// How many endpoints of a locality of the first level are in rotation; `None`: all.
    pub(crate) fn healthy_in_part(&self, part: usize) -> Option<u32> {
        match self.view {
            View::Levels { table, .. } => table.parts.get(part).map(|tally| tally.healthy),
            View::Each { .. } | View::Panic { .. } | View::Nobody { .. } => Some(0),
            View::Everyone => None,
        }
    }

    /// The part of its share that `index` gets, 0..=1; 0 means that it is out of rotation.
    pub fn factor(&self, index: EndpointIndex) -> f64 {
        if matches!(self.view, View::Everyone) {
            return 1.0;
        }
        let index = match self.members {
            None => Some(index),
            Some(members) => members.get(index).copied(),
        };
        index.map_or(0.0, |index| self.view.factor(index))
    }

    /// Whether `index` may be chosen at all.
    pub fn admits(&self, index: EndpointIndex) -> bool {
        self.factor(index) > 0.0
    }

    /// Whether `index` may be chosen for the key hashed to `hash`. While an endpoint ramps up its keys come
    /// one by one: a key once admitted stays admitted.
    pub fn admits_key(&self, index: EndpointIndex, hash: u64) -> bool {
        let factor = self.factor(index);
        factor >= 1.0 || (factor > 0.0 && unit(hash) < factor)
    }
}

impl View<'_> {
    fn factor(&self, index: EndpointIndex) -> f64 {
        let whether = |is: bool| f64::from(u8::from(is));
        match self {
            View::Everyone => 1.0,
            View::Panic { entries, .. } => {
                whether(entries.get(index).is_some_and(|entry| entry.health.serves_in_panic()))
            }
            View::Nobody { entries, trials } => {
                let tried = |entry: &Entry| *trials && entry.health == Health::HalfOpen;
                whether(entries.get(index).is_some_and(tried))
            }
            View::Each { entries, slow_start, now, trials, degraded } => {
                let Some(entry) = entries.get(index) else { return 0.0 };
                match entry.health {
                    Health::Healthy if entry.degraded == *degraded => {}
                    Health::HalfOpen if *trials => return 1.0,
                    _ => return 0.0,
                }
                match (slow_start, entry.since) {
                    (Some(slow_start), Some(since)) => slow_start.factor(now.since(since)),
                    _ => 1.0,
                }
            }
            View::Levels { table, policy, trials, .. } => {
                let Some(entry) = table.entries.get(index) else { return 0.0 };
                let level = usize::from(entry.level);
                let panics = table.load(policy, *trials).is_panic(level);
                let which = if entry.degraded { Availability::Degraded } else { Availability::Healthy };
                Admission::of(*self).of_level(level, which, panics).view.factor(index)
            }
        }
    }
}

/// A number in 0..1 that is independent of the hash's own order (the ring's), by splitmix64's finaliser
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
fn unit(hash: u64) -> f64 {
    let mixed = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
