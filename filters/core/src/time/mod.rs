//! A point in time as a filter sees it: an argument, never a clock.

mod steady;

pub use steady::SteadyClock;

use core::time::Duration;

/// Nanoseconds since the Unix epoch, by the host's clock.
///
/// The host's clock is wall time and may step back, so differences saturate at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time from `earlier` to `self`; zero when the clock has stepped back.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Whether what was done at `earlier`, and is done `every` so often, is to be done again. Where the clock has stepped back before
    /// `earlier` it is: nobody knows how long ago that was, and a step must not put it off.
    pub fn is_due(self, earlier: Self, every: Duration) -> bool {
        self < earlier || self.since(earlier) >= every
    }

    /// The moment `after` this one.
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_every_so_often_is_not_put_off_by_a_clock_that_steps_back() {
        let (at, every) = (Timestamp::from_millis, Duration::from_millis(10));
        assert_eq!(
            [0, 9, 10, 11].map(|now| at(100 + now).is_due(at(100), every)),
            [false, false, true, true]
        );
        assert!(at(99).is_due(at(100), every));
        assert!(at(100).is_due(at(100), Duration::ZERO));
    }
}
