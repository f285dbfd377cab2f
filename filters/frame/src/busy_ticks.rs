//! Ticks while requests come, and for a while after; then as rarely as what is left to do allows, which mostly is never.
//!
//! For filters whose requests need what a tick brings: the time without a host call, news of other workers. Invariant: whoever
//! is told that nothing had happened for a while knows neither, and asks for them itself; so nothing is missed at rest, and the main
//! thread and canaries, where no request comes, never tick. Trade-off: that first request pays for what a tick would have brought.

use crate::Pacer;
use core::cell::Cell;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_host::{HostError, Ticks};

/// How long the quick ticks go on after the last request: requests that come at least so often find them running.
pub const QUIET: Duration = Duration::from_secs(1);

/// The ticks of one root.
#[derive(Debug)]
pub struct BusyTicks {
    pacer: Pacer,
    quick: Duration,
    /// The last tick before which something had happened.
    busy: Cell<Timestamp>,
}

impl BusyTicks {
    /// Ticks every `quick` while something happens; none yet.
    ///
    /// # Errors
    /// When there can be no ticks: then nothing would ever be told.
    pub fn new(quick: Duration, host: &impl Ticks) -> Result<Self, HostError> {
        host.set_tick_period(Duration::ZERO)?;
        Ok(Self { pacer: Pacer::default(), quick, busy: Cell::default() })
    }

    /// Something happens. Whether there are no quick ticks until now, so that what they bring is not known.
    pub fn rouse(&self, host: &impl Ticks) -> bool {
        self.pacer.stir();
        if self.is_awake() {
            return false;
        }
        self.pacer.every(self.quick, host);
        true
    }

    /// Whether the quick ticks run.
    pub fn is_awake(&self) -> bool {
        self.pacer.period() == self.quick
    }

    /// A tick is over, and nothing but what it left to do wants the next one: in `rest`; `None`: nothing does. Whether the quick ticks
    /// go on.
    pub fn settle(&self, now: Timestamp, rest: Option<Duration>, host: &impl Ticks) -> bool {
        // A clock that steps back lets the ticks go on.
        if self.pacer.ticked() || now < self.busy.get() {
            self.busy.set(now);
        }
        if self.is_awake() && now.since(self.busy.get()) < QUIET {
            return true;
        }
        self.pacer.every(rest.map_or(Duration::ZERO, |rest| whole_millis(rest.max(self.quick))), host);
        false
    }
}

/// Rounded up: a tick before its time would have to be followed by another.
fn whole_millis(period: Duration) -> Duration {
    Duration::from_millis(u64::try_from(period.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::fake::FakeHost;

    const TICK: Duration = Duration::from_millis(20);

    fn tick(busy_ticks: &BusyTicks, host: &FakeHost, at: u64, rest: Option<u64>) -> Duration {
        busy_ticks.settle(Timestamp::from_millis(at), rest.map(Duration::from_micros), host);
        host.tick_period()
    }

    #[test]
    fn it_ticks_from_the_first_request_until_a_while_after_the_last() {
        let host = FakeHost::default();
        let busy_ticks = BusyTicks::new(TICK, &host).unwrap();
        assert_eq!(host.tick_period(), Duration::ZERO);
        assert_eq!([busy_ticks.rouse(&host), busy_ticks.rouse(&host)], [true, false]);
        assert_eq!(tick(&busy_ticks, &host, 10_000, None), TICK);
        assert_eq!(tick(&busy_ticks, &host, 10_980, None), TICK);
        assert!(!busy_ticks.rouse(&host));
        assert_eq!(tick(&busy_ticks, &host, 11_000, None), TICK);
        assert_eq!(tick(&busy_ticks, &host, 11_999, None), TICK);
        assert_eq!(tick(&busy_ticks, &host, 12_000, None), Duration::ZERO);
        assert!(busy_ticks.rouse(&host), "what ticks bring is not known");
    }

    #[test]
    fn at_rest_it_ticks_as_is_left_to_do_and_a_request_brings_the_quick_ticks_back() {
        let host = FakeHost::default();
        let busy_ticks = BusyTicks::new(TICK, &host).unwrap();
        busy_ticks.rouse(&host);
        tick(&busy_ticks, &host, 1_000, None);
        assert_eq!(tick(&busy_ticks, &host, 2_000, Some(500_100)), Duration::from_millis(501));
        assert_eq!(tick(&busy_ticks, &host, 2_501, Some(3)), TICK, "no quicker than while awake");
        assert_eq!(tick(&busy_ticks, &host, 2_521, Some(100_000)), Duration::from_millis(100));
        assert!(busy_ticks.rouse(&host));
        assert_eq!(host.tick_period(), TICK);
    }

    #[test]
    fn a_host_without_ticks_leaves_nobody_in_the_belief_that_there_are_some() {
        let host = FakeHost::default();
        let busy_ticks = BusyTicks::new(TICK, &host).unwrap();
        host.fail("proxy_set_tick_period_milliseconds", switchyard_host::Status::InternalFailure);
        assert!(busy_ticks.rouse(&host) && busy_ticks.rouse(&host));
        assert!(BusyTicks::new(TICK, &host).is_err());
    }
}
