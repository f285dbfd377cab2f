//! What is known of each endpoint's health, and the view of it that one request gets.

use super::{Health, SlowStart};
use crate::{EndpointIndex, Timestamp};

/// How health bears on choices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthPolicy {
    /// Percentage of endpoints in rotation below which health is ignored, 0..=100; 0 never panics.
    pub panic_threshold: u8,
    /// Ramp of endpoints that are new or were readmitted; `None`: full share at once.
    pub slow_start: Option<SlowStart>,
    /// Below the threshold nobody is chosen, instead of anybody.
    pub fail_traffic_on_panic: bool,
}

impl Default for HealthPolicy {
    /// Envoy's defaults: panic below 50 %, no slow start.
    fn default() -> Self {
        Self { panic_threshold: 50, slow_start: None, fail_traffic_on_panic: false }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    health: Health,
    since: Option<Timestamp>,
}

impl Entry {
    fn is_ramping(&self) -> bool {
        self.health == Health::Healthy && self.since.is_some()
    }
}

/// Health of every endpoint of one upstream.
#[derive(Clone, Debug, Default)]
pub struct HealthTable {
    entries: Vec<Entry>,
    healthy: usize,
    half_open: usize,
    withdrawn: usize,
    ramping: usize,
}

impl HealthTable {
    /// `endpoints` healthy endpoints, in rotation since long ago.
    pub fn new(endpoints: usize) -> Self {
        Self {
            entries: vec![Entry::default(); endpoints],
            healthy: endpoints,
            half_open: 0,
            withdrawn: 0,
            ramping: 0,
        }
    }

    /// Notes where `index` stands, and since when it is in rotation (`None`: long ago). Out of range: nothing.
    pub fn set(&mut self, index: EndpointIndex, health: Health, since: Option<Timestamp>) {
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = Entry { health, since };
            self.recount();
        }
    }

    /// Where `index` stands; `Withdrawn` if there is no such endpoint.
    pub fn get(&self, index: EndpointIndex) -> Health {
        self.entries.get(index).map_or(Health::Withdrawn, |entry| entry.health)
    }

    /// Forgets the ramps that are over at `now`. Called on ticks.
    pub fn settle(&mut self, now: Timestamp, slow_start: &SlowStart) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_ramping()) {
            entry.since = entry.since.filter(|since| now.since(*since) < slow_start.window);
        }
        self.recount();
    }

    /// Endpoints that take half-open trials.
    pub fn half_open(&self) -> impl Iterator<Item = EndpointIndex> + '_ {
        let entries = self.entries.iter().enumerate().filter(|_| self.half_open > 0);
        entries.filter(|(_, entry)| entry.health == Health::HalfOpen).map(|(index, _)| index)
    }

    /// Whether any endpoint takes half-open trials.
    pub fn has_half_open(&self) -> bool {
        self.half_open > 0
    }

    /// Whether any endpoint in rotation has come into it lately.
    pub fn is_ramping(&self) -> bool {
        self.ramping > 0
    }

    /// Whether [`HealthTable::admission`] depends on the time now.
    pub fn needs_time(&self) -> bool {
        self.is_ramping()
    }

    /// What a balancer may choose from at `now`.
    pub fn admission(&self, policy: &HealthPolicy, now: Timestamp) -> Admission<'_> {
        let slow_start = policy.slow_start.filter(|_| self.ramping > 0);
        if self.healthy == self.entries.len() && slow_start.is_none() {
            return Admission(View::Everyone);
        }
        let entries = &*self.entries;
        let (threshold, members) = (usize::from(policy.panic_threshold), entries.len() - self.withdrawn);
        if self.healthy.saturating_mul(100) >= members.saturating_mul(threshold) {
            return Admission(View::Each { entries, slow_start, now, trials: false });
        }
        Admission(match policy.fail_traffic_on_panic {
            true => View::Nobody { entries, trials: false },
            false => View::Panic { entries, withdrawn: self.withdrawn > 0 },
        })
    }

    /// Whether all are in rotation: then it is no matter where a request goes when it is sent again.
    pub fn all_in_rotation(&self) -> bool {
        self.healthy == self.entries.len()
    }

    // Health changes are rare; requests are not, so the counts are made here.
    fn recount(&mut self) {
        self.healthy = self.entries.iter().filter(|entry| entry.health == Health::Healthy).count();
        self.half_open = self.entries.iter().filter(|entry| entry.health == Health::HalfOpen).count();
        self.withdrawn = self.entries.iter().filter(|entry| entry.health == Health::Withdrawn).count();
        self.ramping = self.entries.iter().filter(|entry| entry.is_ramping()).count();
    }
}

/// Which endpoints one request may go to, and at what part of their share.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a>(View<'a>);

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
    },
}

impl Admission<'static> {
    /// All endpoints at their full share.
    pub const fn everyone() -> Self {
        Self(View::Everyone)
    }
}

impl Admission<'_> {
    /// The same, and endpoints that take half-open trials are admitted too: to find whose keys are theirs.
    pub fn with_trials(mut self) -> Self {
        if let View::Each { trials, .. } | View::Nobody { trials, .. } = &mut self.0 {
            *trials = true;
        }
        self
    }

    /// Whether too few endpoints are in rotation, so that health is ignored or traffic is to fail.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, View::Panic { .. } | View::Nobody { .. })
    }

    /// Whether health is ignored.
    pub fn ignores_health(&self) -> bool {
        matches!(self.0, View::Panic { .. })
    }

    /// Whether all endpoints are admitted at their full share.
    pub fn admits_everyone(&self) -> bool {
        matches!(self.0, View::Everyone | View::Panic { withdrawn: false, .. })
    }

    /// Whether any endpoint is at part of its share.
    pub fn is_ramping(&self) -> bool {
        matches!(self.0, View::Each { slow_start: Some(_), .. })
    }

    /// The part of its share that `index` gets, 0..=1; 0 means that it is out of rotation.
    pub fn factor(&self, index: EndpointIndex) -> f64 {
        let (entries, slow_start, now, trials) = match &self.0 {
            View::Everyone => return 1.0,
            View::Panic { entries, .. } => {
                return entries
                    .get(index)
                    .map_or(0.0, |entry| f64::from(u8::from(entry.health.serves_in_panic())));
            }
            View::Nobody { entries, trials } => {
                let tried = |entry: &Entry| *trials && entry.health == Health::HalfOpen;
                return f64::from(u8::from(entries.get(index).is_some_and(tried)));
            }
            View::Each { entries, slow_start, now, trials } => (entries, slow_start, now, trials),
        };
        let Some(entry) = entries.get(index) else { return 0.0 };
        match entry.health {
            Health::Healthy => {}
            Health::HalfOpen if *trials => return 1.0,
            _ => return 0.0,
        }
        match (slow_start, entry.since) {
            (Some(slow_start), Some(since)) => slow_start.factor(now.since(since)),
            _ => 1.0,
        }
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

/// A number in 0..1 that is independent of the hash's own order (the ring's), by splitmix64's finaliser
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
fn unit(hash: u64) -> f64 {
    let mixed = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
