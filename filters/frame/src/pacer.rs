//! When a root ticks: as often as the filter wants, and not at all while it wants nothing.
//!
//! A filter wants ticks in one of two ways: a period, for as long as something waits ([`Pacer::every`], [`Pacer::at_least_every`]), or
//! the next tick by a time ([`Pacer::within`]). It uses one of the two.
//!
//! Invariant: the host is asked only for what it was not asked for already. Trade-off: a tick that is sooner than it must be finds
//! that out by itself, which costs less than asking for a later one.

use core::cell::Cell;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_host::Ticks;

/// The shortest tick: what the host's timer can tell apart.
pub const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// Any time that is wanted is sooner.
const UNKNOWN: Timestamp = Timestamp::from_nanos(u64::MAX);

/// The ticks of one root.
#[derive(Debug, Default)]
pub struct Pacer {
    /// The period that was asked for last.
    period: Cell<Duration>,
    /// When the next tick comes, if one does; [`UNKNOWN`] if it was asked for without a look at the clock.
    due: Cell<Option<Timestamp>>,
    /// Something has happened since the last tick.
    stirred: Cell<bool>,
}

impl Pacer {
    /// Something has happened that a tick is to look at, or to tell.
    pub fn stir(&self) {
        self.stirred.set(true);
    }

    /// Whether anything has happened since the last tick.
    pub fn is_stirred(&self) -> bool {
        self.stirred.get()
    }

    /// The period that was asked for last; zero: none.
    pub fn period(&self) -> Duration {
        self.period.get()
    }

    /// A tick has come. Whether anything has happened since the last one.
    pub fn ticked(&self) -> bool {
        self.due.set(None);
        self.stirred.replace(false)
    }

    /// What has happened since the tick came was the tick itself, and does not count; `stirred`: what had happened before does yet.
    pub fn rested(&self, stirred: bool) {
        self.stirred.set(stirred);
    }

    /// Ticks with this period from now on; zero: none.
    pub fn every(&self, period: Duration, host: &impl Ticks) {
        // Without ticks nobody would wake what waits; the host refuses none.
        if self.period.get() != period && host.set_tick_period(period).is_ok() {
            self.period.set(period);
        }
    }

    /// Ticks at least this often; `None`: at least those by which counts are told, every `news`.
    pub fn at_least_every(&self, wanted: Option<Duration>, news: Duration, host: &impl Ticks) {
        let period = self.period.get();
        if period.is_zero() || wanted.is_some_and(|wanted| wanted < period) {
            self.every(wanted.unwrap_or(news), host);
        }
    }

    /// A tick within this time from `now`; `None`: nobody has looked at the clock, and any tick will do.
    pub fn within(&self, wanted: Duration, now: Option<Timestamp>, host: &impl Ticks) {
        let at = now.map_or(UNKNOWN, |now| now.plus(wanted.max(SHORTEST_TICK)));
        let is_sooner = |due| now.is_some() && at.plus(SHORTEST_TICK) < due;
        if self.due.get().is_none_or(is_sooner) {
            // Rounded up: a tick before its time would have to be followed by another.
            let millis = wanted.max(SHORTEST_TICK).as_nanos().div_ceil(1_000_000);
            let period = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
            if host.set_tick_period(period).is_ok() {
                self.due.set(Some(at));
            }
        }
    }

    /// After a tick: if nobody wants one by a time, the next comes in `rest`; zero: none does. The host repeats the last one until it
    /// is told not to.
    pub fn otherwise_every(&self, rest: Duration, host: &impl Ticks) {
        if self.due.get().is_none() {
            let _ = host.set_tick_period(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::fake::FakeHost;

    const ASKED: &str = "proxy_set_tick_period_milliseconds";

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_period_is_asked_for_once_and_only_a_quicker_one_takes_its_place() {
        let (pacer, host) = (Pacer::default(), FakeHost::default());
        pacer.at_least_every(None, millis(500), &host);
        assert_eq!(host.tick_period(), millis(500));
        pacer.at_least_every(Some(millis(10)), millis(500), &host);
        pacer.at_least_every(Some(millis(20)), millis(500), &host);
        pacer.at_least_every(None, millis(500), &host);
        assert_eq!((host.tick_period(), host.calls(ASKED)), (millis(10), 2));
        pacer.every(Duration::ZERO, &host);
        pacer.every(Duration::ZERO, &host);
        assert_eq!((host.tick_period(), host.calls(ASKED)), (Duration::ZERO, 3));
    }

    #[test]
    fn a_tick_by_a_time_gives_way_to_a_sooner_one_alone() {
        let (pacer, host) = (Pacer::default(), FakeHost::default());
        let at = |at| Some(Timestamp::from_millis(at));
        pacer.within(millis(50), None, &host);
        pacer.within(millis(40), None, &host);
        assert_eq!((host.tick_period(), host.calls(ASKED)), (millis(50), 1));
        pacer.within(millis(30), at(1_000), &host);
        pacer.within(millis(25), at(1_010), &host);
        pacer.within(millis(20), at(1_010), &host);
        assert_eq!((host.tick_period(), host.calls(ASKED)), (millis(30), 2), "it would come no sooner");
        pacer.within(Duration::from_micros(2_100), at(1_010), &host);
        assert_eq!((host.tick_period(), host.calls(ASKED)), (millis(3), 3));
        pacer.otherwise_every(Duration::ZERO, &host);
        assert_eq!(host.tick_period(), millis(3), "a tick is wanted");
        pacer.stir();
        assert!(pacer.ticked() && !pacer.is_stirred());
        pacer.otherwise_every(Duration::ZERO, &host);
        assert_eq!(host.tick_period(), Duration::ZERO);
    }
}
