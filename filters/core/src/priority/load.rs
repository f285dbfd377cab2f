//! How the traffic is shared out between levels.
//!
//! A level's health is the percentage of its endpoints in rotation times the overprovisioning factor, at most 100; likewise of those
//! that are degraded. Levels take their health of the traffic in order until all is taken, the healthy ones of all levels before the
//! degraded ones of any; if all of it together is less than 100, each gets its part. Then a level whose own share in rotation is
//! below the panic threshold ignores health (is in panic); if all are, traffic goes by their sizes.
//!
//! Invariants: shares sum to 100; a level without anybody has none, unless nobody is anywhere (then the first has all of it). For the
//! same counts, Envoy's shares (`load_balancer_impl.cc`): whole numbers, and what rounding leaves over is the first one's.
//! Trade-off: shares are worked out anew with each choice, O(levels), and never kept: so they cannot be out of date.

use super::Tally;

/// Which endpoints of a level are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Those in rotation that are not degraded.
    Healthy,
    /// Those in rotation that are.
    Degraded,
}

use Availability::{Degraded, Healthy};

/// The shares of the levels at one moment, in percent.
#[derive(Clone, Copy, Debug)]
pub struct PriorityLoad<'a> {
    levels: &'a [Tally],
    overprovisioning_factor: u32,
    panic_threshold: u8,
    /// Endpoints that take trials count as in rotation.
    trials: bool,
    /// Health of all levels together, 0..=100.
    available: u32,
    /// All levels are in panic; so many endpoints.
    total_panic: Option<u64>,
    /// Who gets what rounding leaves over, and how much.
    rest: (usize, Availability, u32),
}

impl<'a> PriorityLoad<'a> {
    /// The load of levels that have these endpoints; the factor is Envoy's, in percent, and the threshold in percent of members.
    pub fn new(levels: &'a [Tally], overprovisioning_factor: u32, panic_threshold: u8, trials: bool) -> Self {
        let mut load = Self {
            levels,
            overprovisioning_factor,
            panic_threshold,
            trials,
            available: 0,
            total_panic: None,
            rest: (0, Healthy, 0),
        };
        let health = |(level, availability)| load.health(level, availability);
        load.available = load.each().map(health).sum::<u32>().min(100);
        if (0..levels.len()).all(|level| load.is_panic(level)) {
            load.total_panic = Some(levels.iter().map(|level| u64::from(level.members)).sum());
        }
        let has_some = |(level, availability): &(usize, Availability)| match load.total_panic {
            Some(_) => load.tally(*level).members > 0,
            None => load.health(*level, *availability) > 0,
        };
        let (level, availability) = load.each().find(has_some).unwrap_or((0, Healthy));
        let taken: u32 = load.shares().map(|(.., share)| share).sum();
        load.rest = (level, availability, 100_u32.saturating_sub(taken));
        load
    }

    /// Every level's share of the traffic, of its healthy endpoints in the order of the levels, then of its degraded ones.
    pub fn shares(&self) -> impl Iterator<Item = (usize, Availability, u32)> + '_ {
        let mut left = 100;
        let (rests, availability_of_rest, rest) = self.rest;
        self.each().map(move |(level, availability)| {
            let share = self.part(level, availability).min(left);
            left -= share;
            let rest = if (level, availability) == (rests, availability_of_rest) { rest } else { 0 };
            (level, availability, share + rest)
        })
    }

    /// Whether so few of a level's endpoints are in rotation that their health is ignored, or its traffic is to fail.
    pub fn is_panic(&self, level: usize) -> bool {
        let tally = self.tally(level);
        let in_rotation = u64::from(tally.healthy) + u64::from(tally.degraded);
        let (threshold, members) = (u64::from(self.panic_threshold), u64::from(tally.members));
        self.available < 100 && (in_rotation * 100 < threshold * members || (members == 0 && threshold > 0))
    }

    /// Whether all levels are in panic.
    pub fn is_total_panic(&self) -> bool {
        self.total_panic.is_some()
    }

    /// The level that a request goes to: `hash` is its key, or drawn at random.
    pub fn choose(&self, hash: u64) -> (usize, Availability) {
        let point = u32::try_from(hash % 100).unwrap_or_default();
        let mut sum = 0;
        let mut shares = self.shares().map(|(level, availability, share)| {
            sum += share;
            (level, availability, sum)
        });
        shares.find(|(.., upper)| point < *upper).map_or((0, Healthy), |(level, which, _)| (level, which))
    }

    fn each(&self) -> impl Iterator<Item = (usize, Availability)> + use<> {
        let levels = self.levels.len();
        [Healthy, Degraded].into_iter().flat_map(move |which| (0..levels).map(move |level| (level, which)))
    }

    fn tally(&self, level: usize) -> Tally {
        let tally = self.levels.get(level).copied().unwrap_or_default();
        if self.trials { tally.with_trials() } else { tally }
    }

    fn health(&self, level: usize, availability: Availability) -> u32 {
        let tally = self.tally(level);
        let count = if availability == Healthy { tally.healthy } else { tally.degraded };
        let percent = u64::from(self.overprovisioning_factor) * u64::from(count);
        percent.checked_div(u64::from(tally.members)).unwrap_or_default().min(100) as u32
    }

    /// What a level would take of the traffic if those before it left enough.
    fn part(&self, level: usize, availability: Availability) -> u32 {
        match (self.total_panic, availability) {
            (Some(_), Degraded) => 0,
            (Some(all), Healthy) => {
                let members = 100 * u64::from(self.tally(level).members);
                members.checked_div(all).unwrap_or_default() as u32
            }
            (None, _) => {
                (self.health(level, availability) * 100).checked_div(self.available).unwrap_or_default()
            }
        }
    }
}
