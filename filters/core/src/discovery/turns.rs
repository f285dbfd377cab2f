//! Whose turn it is: ours to ask, or the source's to answer.
//!
//! Invariants: one ask is under way at most, and it has a deadline; what was given up says nothing any more when it comes after all.

use super::ask::Ask;
use super::pace::Pace;
use crate::Timestamp;
use core::time::Duration;

/// How much longer than Envoy an ask waits for its answer, which is Envoy's to break off.
const GRACE: Duration = Duration::from_secs(1);

/// The asks of one source.
#[derive(Debug)]
pub(super) struct Turns {
    /// When the next is due.
    pub(super) pace: Pace,
    under_way: Option<UnderWay>,
    asked: u64,
}

/// An ask that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    number: u64,
    /// When.
    pub(super) at: Timestamp,
    timeout: Duration,
}

impl Turns {
    /// The first is due at once, and the next after this long.
    pub(super) fn new(interval: Duration) -> Self {
        Self { pace: Pace::new(interval), under_way: None, asked: 0 }
    }

    /// See [`Pace::hint`].
    pub(super) fn hint(&mut self) {
        self.pace.hint(self.under_way.is_some());
    }

    /// How long until there is something to do.
    pub(super) fn due_in(&self, now: Timestamp) -> Duration {
        match self.under_way {
            Some(ask) if now < ask.at => Duration::ZERO,
            Some(ask) => (ask.timeout + GRACE).saturating_sub(now.since(ask.at)),
            None => self.pace.due_in(now),
        }
    }

    /// The number of the ask that was not answered in time.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<u64> {
        self.under_way.filter(|ask| now.is_due(ask.at, ask.timeout + GRACE)).map(|ask| ask.number)
    }

    /// Asks, if that is due.
    pub(super) fn ask(&mut self, now: Timestamp, ask: impl FnOnce() -> Ask) -> Option<Ask> {
        if self.under_way.is_some() || !self.pace.is_due(now) {
            return None;
        }
        let mut ask = ask();
        self.asked = self.asked.wrapping_add(1);
        ask.number = self.asked;
        self.under_way = Some(UnderWay { number: ask.number, at: now, timeout: ask.timeout });
        Some(ask)
    }

    /// The ask of this number has ended; `None`: it had already.
    pub(super) fn end(&mut self, number: u64) -> Option<UnderWay> {
        self.under_way.take_if(|ask| ask.number == number)
    }
}

impl UnderWay {
    /// Whether its time is over: Envoy does not say so when it breaks a call off or answers for one.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) >= self.timeout
    }
}
