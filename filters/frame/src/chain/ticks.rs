//! One timer for all stages: it ticks as soon as the first of them wants, and a tick is given to those whose period has passed.
//!
//! Invariants: no stage's tick comes later than it would by itself by more than the period that the timer had when it was asked for; a
//! stage that wants none gets none. Trade-offs: periods are counted by the clock of the last callback that asked for the time, so a tick
//! may be sooner than it must be, which its stage finds out by itself; and while the timer is at most twice as quick as it must be it is
//! left alone. A chain of which one stage is used has that stage's own timer, and asks for no time.

use crate::timer::Wanted;
use core::cell::Cell;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_host::HostError;

/// The timer of one root.
#[derive(Debug)]
pub(super) struct Ticks<const N: usize> {
    stages: [Cell<Wanted>; N],
    /// The chain's own wish.
    own: Cell<Wanted>,
    /// What the host was asked for.
    period: Cell<Duration>,
    /// The last time that anybody has been told.
    now: Cell<Timestamp>,
    /// Stages that may tick.
    concerned: Cell<[bool; N]>,
    /// In a tick: the host is asked when all have said what they want.
    ticking: Cell<bool>,
}

impl<const N: usize> Default for Ticks<N> {
    fn default() -> Self {
        Self {
            stages: core::array::from_fn(|_| Cell::default()),
            own: Cell::default(),
            period: Cell::default(),
            now: Cell::default(),
            concerned: Cell::new([true; N]),
            // Until it is known which stages there are.
            ticking: Cell::new(true),
        }
    }
}

impl<const N: usize> Ticks<N> {
    /// These stages tick if they want to; what they have asked for while they were made is asked of the host.
    ///
    /// # Errors
    /// If the host refuses.
    pub(super) fn concern(
        &self,
        used: [bool; N],
        host: &impl switchyard_host::Ticks,
    ) -> Result<(), HostError> {
        self.concerned.set(used);
        self.ticking.set(false);
        self.ask(host)
    }

    /// Whether ticks are of several.
    pub(super) fn several(&self) -> bool {
        let concerned = self.concerned.get().iter().filter(|concerned| **concerned).count();
        concerned > 1 || !self.own.get().period.is_zero()
    }

    /// Somebody has asked the clock.
    pub(super) fn set_now(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// A stage wants a tick every `period` from now on; zero: none.
    ///
    /// # Errors
    /// If the host refuses.
    pub(super) fn set(
        &self,
        stage: usize,
        period: Duration,
        host: &impl switchyard_host::Ticks,
    ) -> Result<(), HostError> {
        let Some(wanted) = self.stages.get(stage) else { return Ok(()) };
        let before = wanted.replace(Wanted { period, since: self.now.get() });
        let asked = if self.several() || self.ticking.get() {
            self.ask(host)
        } else {
            host.set_tick_period(period).inspect(|()| self.period.set(period))
        };
        if asked.is_err() {
            // The stage goes by the period that it had, and asks again.
            wanted.set(before);
        }
        asked
    }

    /// The chain itself wants one.
    pub(super) fn set_own(&self, period: Duration, host: &impl switchyard_host::Ticks) {
        if self.own.get().period != period {
            let before = self.own.replace(Wanted { period, since: self.now.get() });
            // Without ticks nobody would wake what waits; a host that refuses is asked again with the next message.
            if self.ask(host).is_err() {
                self.own.set(before);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = Wanted> + '_ {
        let concerned = self.concerned.get();
        let stages = self.stages.iter().zip(concerned).filter(|(_, concerned)| *concerned);
        stages.map(|(wanted, _)| wanted.get()).chain([self.own.get()])
    }

    /// Asks the host for what is wanted first.
    fn ask(&self, host: &impl switchyard_host::Ticks) -> Result<(), HostError> {
        if self.ticking.get() {
            return Ok(());
        }
        let (now, period) = (self.now.get(), self.period.get());
        let next = self.all().filter_map(|wanted| wanted.left(now)).min().unwrap_or_default();
        let does = if next.is_zero() { period.is_zero() } else { period <= next && next < period * 2 };
        if does {
            return Ok(());
        }
        // Whole milliseconds, and none too late.
        let millis = u64::try_from(next.as_millis()).unwrap_or(u64::MAX);
        host.set_tick_period(Duration::from_millis(millis))?;
        self.period.set(next);
        Ok(())
    }

    /// A tick has come, at `now` if anybody knows: whose period has passed. They begin anew.
    pub(super) fn ticked(&self, now: Option<Timestamp>) -> [bool; N] {
        let several = self.several();
        if let Some(now) = now {
            self.now.set(now);
        }
        self.ticking.set(several);
        let mut due = [false; N];
        for (wanted, due) in self.stages.iter().zip(&mut due) {
            let this = wanted.get();
            *due = !this.period.is_zero() && (!several || now.is_none_or(|now| this.is_due(now)));
            if *due {
                wanted.set(Wanted { since: self.now.get(), ..this });
            }
        }
        due
    }

    /// The tick is over; `rests`: the chain itself wants no more.
    pub(super) fn rest(&self, rests: bool, host: &impl switchyard_host::Ticks) {
        let ceases = rests && !self.own.replace(Wanted::default()).period.is_zero();
        if self.ticking.replace(false) || ceases {
            let _ = self.ask(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::Status;
    use switchyard_host::fake::FakeHost;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn a_stage_ticks_as_before_while_the_host_refuses_it_another_period() {
        let (ticks, host) = (Ticks::<1>::default(), FakeHost::default());
        assert!(ticks.concern([true], &host).is_ok() && ticks.set(0, TICK, &host).is_ok());
        host.fail("proxy_set_tick_period_milliseconds", Status::InternalFailure);
        assert!(ticks.set(0, Duration::ZERO, &host).is_err());
        assert_eq!(ticks.ticked(None), [true], "the host's timer is the one that it was");
        ticks.rest(true, &host);
        host.recover("proxy_set_tick_period_milliseconds");
        assert!(ticks.set(0, Duration::ZERO, &host).is_ok());
        assert_eq!(ticks.ticked(None), [false]);
    }

    #[test]
    fn what_the_chain_holds_is_asked_for_again_when_the_host_has_refused() {
        let (ticks, host) = (Ticks::<2>::default(), FakeHost::default());
        assert!(ticks.concern([true, true], &host).is_ok());
        host.fail("proxy_set_tick_period_milliseconds", Status::InternalFailure);
        ticks.set_own(TICK, &host);
        assert_eq!(ticks.period.get(), Duration::ZERO);
        host.recover("proxy_set_tick_period_milliseconds");
        ticks.set_own(TICK, &host);
        assert_eq!(ticks.period.get(), TICK);
    }
}
