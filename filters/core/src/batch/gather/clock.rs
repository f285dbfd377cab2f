//! A time that never steps back.
//!
//! Invariant: two readings are never out of order, so nothing that is to happen at a time moves away from it. Trade-off: what is
//! told to other workers is by the wall, and counts from when they hear it.

use crate::Timestamp;
use core::time::Duration;

/// A worker's own time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    time: Timestamp,
    wall: Timestamp,
    /// How much it is ahead of the wall, which has stepped back so much.
    ahead: Duration,
}

impl Clock {
    /// The time, when the wall's is this.
    pub(super) fn read(&mut self, wall: Timestamp) -> Timestamp {
        self.wall = wall;
        let local = wall.plus(self.ahead);
        if local < self.time {
            self.ahead += self.time.since(local);
        } else {
            self.time = local;
        }
        self.time
    }

    /// The wall's time when it was read last: what other workers read.
    pub(super) fn wall(&self) -> Timestamp {
        self.wall
    }

    /// The same as [`Clock::read`], without keeping it.
    pub(super) fn at(&self, wall: Timestamp) -> Timestamp {
        wall.plus(self.ahead).max(self.time)
    }
}
