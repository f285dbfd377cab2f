//! The one timer of a root, in which several may want to tick: the configuration that serves, those before it whose requests are still
//! under way, and the root itself.
//!
//! Invariants: who is alone has the host's timer as it is, and nobody asks for the time; of several, nobody's tick comes later than it was asked
//! for by more than the shortest of their periods, and who wants none gets none. Trade-off: since when a period runs is known as of the last
//! tick, so a tick may be sooner than it must be, which whoever gets it finds out by itself.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_host::{HostError, Ticks};

/// How often a worker looks whether another one has taken another document or found a cluster.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// The same before its first request: on the main thread, for ever.
pub(crate) const IDLE_LOOK: Duration = Duration::from_secs(1);
/// What the host's timer can tell apart.
pub(crate) const SLACK: Duration = Duration::from_millis(1);

/// When one of them is to tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// Zero: never.
    pub(crate) period: Duration,
    pub(crate) since: Timestamp,
}

impl Wanted {
    /// How long until then.
    pub(crate) fn left(self, now: Timestamp) -> Option<Duration> {
        let left = self.period.saturating_sub(now.since(self.since)).max(SLACK);
        (!self.period.is_zero()).then_some(left)
    }

    /// Whether it is time.
    pub(crate) fn is_due(self, now: Timestamp) -> bool {
        let over = now.since(self.since).saturating_add(SLACK) >= self.period || now < self.since;
        !self.period.is_zero() && over
    }
}

/// The timer of one root.
#[derive(Debug, Default)]
pub struct Timer {
    /// By the numbers of those who may tick.
    wanted: RefCell<Vec<(u32, Wanted)>>,
    /// What the host was asked for.
    period: Cell<Duration>,
    /// When the last tick came.
    now: Cell<Timestamp>,
}

/// The timer as one of them has it.
#[derive(Debug)]
pub struct Timed<'a, H> {
    timer: &'a Timer,
    number: u32,
    host: &'a H,
}

impl<H: Ticks> Ticks for Timed<'_, H> {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        self.timer.set(self.number, period, self.host)
    }
}

impl Timer {
    /// The timer as the one with this number has it.
    pub fn of<'a, H>(&'a self, number: u32, host: &'a H) -> Timed<'a, H> {
        Timed { timer: self, number, host }
    }

    fn set(&self, number: u32, period: Duration, host: &impl Ticks) -> Result<(), HostError> {
        let before = self.replace(number, Some(Wanted { period, since: self.now.get() }));
        let asked = self.ask(host);
        if asked.is_err() {
            // It goes by the period that it had, and asks again.
            self.replace(number, before);
        }
        asked
    }

    /// Gives one another wish, or takes it away.
    fn replace(&self, number: u32, wish: Option<Wanted>) -> Option<Wanted> {
        let mut wanted = self.wanted.try_borrow_mut().ok()?;
        let place = wanted.iter().position(|(known, _)| *known == number);
        let before = place.map(|place| wanted.swap_remove(place).1);
        wanted.extend(wish.map(|wish| (number, wish)));
        before
    }

    /// Asks the host for what is wanted first.
    fn ask(&self, host: &impl Ticks) -> Result<(), HostError> {
        let Ok(wanted) = self.wanted.try_borrow() else { return Ok(()) };
        let periods = wanted.iter().map(|(_, wanted)| wanted.period).filter(|period| !period.is_zero());
        let period = periods.min().unwrap_or_default();
        // Who is alone knows what it has asked for, and a period that is asked for again begins again.
        if wanted.len() > 1 && period == self.period.get() {
            return Ok(());
        }
        host.set_tick_period(period)?;
        self.period.set(period);
        Ok(())
    }

    /// A tick has come at `now`: the numbers of those whose period has passed, which begins anew.
    pub(crate) fn ticked(&self, now: Timestamp) -> Vec<u32> {
        self.now.set(now);
        let Ok(mut wanted) = self.wanted.try_borrow_mut() else { return Vec::new() };
        let due = wanted.iter_mut().filter(|(_, wanted)| wanted.is_due(now));
        due.map(|(number, wanted)| {
            wanted.since = now;
            *number
        })
        .collect()
    }

    /// Whoever has this number is no more.
    pub(crate) fn leave(&self, number: u32, host: &impl Ticks) {
        // A host that refuses ticks more often than anybody wants.
        if self.replace(number, None).is_some() {
            let _ = self.ask(host);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use switchyard_host::Status;
    use switchyard_host::fake::FakeHost;

    const ASKED: &str = "proxy_set_tick_period_milliseconds";

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn who_is_alone_has_the_hosts_timer_as_it_is() {
        let (timer, host) = (Timer::default(), FakeHost::default());
        for period in [20, 20, 0, 10] {
            timer.of(1, &host).set_tick_period(millis(period)).unwrap();
            assert_eq!(host.tick_period(), millis(period));
        }
        assert_eq!(host.calls(ASKED), 4);
    }

    #[test]
    fn of_several_each_ticks_when_its_own_period_has_passed() {
        let (timer, host) = (Timer::default(), FakeHost::default());
        timer.of(1, &host).set_tick_period(millis(250)).unwrap();
        timer.of(2, &host).set_tick_period(millis(20)).unwrap();
        timer.of(3, &host).set_tick_period(Duration::ZERO).unwrap();
        assert_eq!((host.tick_period(), host.calls(ASKED)), (millis(20), 2));
        let mut ticks = [0; 4];
        let start = 1_000_000;
        timer.ticked(Timestamp::from_millis(start));
        for at in (start + 20..=start + 1_000).step_by(20) {
            for number in timer.ticked(Timestamp::from_millis(at)) {
                ticks[number as usize] += 1;
            }
        }
        assert_eq!(ticks, [0, 3, 50, 0]);
        timer.leave(2, &host);
        assert_eq!(host.tick_period(), millis(250));
        timer.leave(3, &host);
        timer.leave(1, &host);
        assert_eq!(host.tick_period(), Duration::ZERO);
    }

    #[test]
    fn who_is_refused_keeps_the_period_that_it_had() {
        let (timer, host) = (Timer::default(), FakeHost::default());
        timer.of(1, &host).set_tick_period(millis(250)).unwrap();
        timer.of(2, &host).set_tick_period(Duration::ZERO).unwrap();
        host.fail(ASKED, Status::InternalFailure);
        assert!(timer.of(2, &host).set_tick_period(millis(10)).is_err());
        host.recover(ASKED);
        timer.of(1, &host).set_tick_period(millis(100)).unwrap();
        assert_eq!(host.tick_period(), millis(100), "nobody wants 10 ms");
    }

    #[test]
    fn a_clock_that_steps_back_puts_no_tick_off() {
        let (timer, host) = (Timer::default(), FakeHost::default());
        timer.ticked(Timestamp::from_millis(9_000));
        timer.of(1, &host).set_tick_period(millis(50)).unwrap();
        assert_eq!(timer.ticked(Timestamp::from_millis(10)), [1]);
    }
}
