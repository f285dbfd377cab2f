//! A time that never steps back.
//!
//! Invariant: two readings are never out of order, so nothing that is to happen at a time moves away from it. Trade-off: what is
//! told to other workers is by the wall, and counts from when they hear it.

use super::Timestamp;
use core::time::Duration;

/// A worker's own time, by readings of the wall's.
///
/// ```
/// use core::time::Duration;
/// use switchyard_core::{SteadyClock, Timestamp};
/// let (mut clock, at) = (SteadyClock::default(), Timestamp::from_millis);
/// assert_eq!(clock.read(at(500)), at(500));
/// assert_eq!(clock.read(at(100)), at(500), "the wall has stepped back");
/// assert_eq!(clock.read(at(130)).since(at(500)), Duration::from_millis(30));
/// assert_eq!(clock.read(at(0)), clock.time(), "a host that does not know has not set it back");
/// assert_eq!(clock.read(at(131)).since(at(500)), Duration::from_millis(31));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SteadyClock {
    time: Timestamp,
    wall: Timestamp,
    /// How much it is ahead of the wall, which has stepped back so much.
    ahead: Duration,
}

impl SteadyClock {
    /// The time, when the wall's is this.
    pub fn read(&mut self, wall: Timestamp) -> Timestamp {
        if wall == Timestamp::default() {
            return self.time;
        }
        self.wall = wall;
        let local = wall.plus(self.ahead);
        if local < self.time {
            self.ahead += self.time.since(local);
        } else {
            self.time = local;
        }
        self.time
    }

    /// The time when it was read last.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// How much it is ahead of the wall's.
    pub fn ahead(&self) -> Duration {
        self.ahead
    }

    /// The wall's time when it was read last: what other workers read.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// The same as [`SteadyClock::read`], without keeping it.
    pub fn at(&self, wall: Timestamp) -> Timestamp {
        wall.plus(self.ahead).max(self.time)
    }
}
