//! How many endpoints of a level, or of a locality, stand where.

use core::ops::{AddAssign, SubAssign};

/// Counts of endpoints. Those taken out by hand are no members: they are as good as not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that were not taken out by hand.
    pub members: u32,
    /// Those in rotation.
    pub healthy: u32,
    /// Those in rotation that serve only what the healthy ones cannot; they are not among these.
    pub degraded: u32,
    /// Those out of rotation but for trials.
    pub half_open: u32,
    /// Those taken out by hand.
    pub withdrawn: u32,
}

impl Tally {
    /// Whether every endpoint is in rotation, and none of them degraded.
    pub fn is_healthy_throughout(&self) -> bool {
        self.healthy == self.members && self.withdrawn == 0
    }

    /// The same as if the endpoints that take trials were in rotation.
    pub fn with_trials(self) -> Self {
        Self { healthy: self.healthy + self.half_open, half_open: 0, ..self }
    }

    fn change(&mut self, other: &Self, change: impl Fn(u32, u32) -> u32) {
        *self = Self {
            members: change(self.members, other.members),
            healthy: change(self.healthy, other.healthy),
            degraded: change(self.degraded, other.degraded),
            half_open: change(self.half_open, other.half_open),
            withdrawn: change(self.withdrawn, other.withdrawn),
        };
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.change(&other, u32::saturating_add);
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        self.change(&other, u32::saturating_sub);
    }
}
