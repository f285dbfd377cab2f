//! Work that is done at most once in a while, by a clock that may step back.

use core::cell::Cell;
use core::time::Duration;
use switchyard_core::Timestamp;

/// When something was done last.
#[derive(Debug, Default)]
pub struct Interval(Cell<Timestamp>);

impl Interval {
    /// It was done at `now`.
    pub fn begin(&self, now: Timestamp) {
        self.0.set(now);
    }

    /// Whether `period` has passed since it was done; it is done then. A clock that steps back lets nobody wait.
    pub fn passes(&self, period: Duration, now: Timestamp) -> bool {
        let is_over = now.is_due(self.0.get(), period);
        if is_over {
            self.begin(now);
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_once_a_period_and_at_once_when_the_clock_steps_back() {
        let (interval, period) = (Interval::default(), Duration::from_millis(250));
        interval.begin(Timestamp::from_millis(1_000));
        let passes = [1_249, 1_250, 1_499, 1_500, 200, 449, 450];
        let passes = passes.map(|millis| interval.passes(period, Timestamp::from_millis(millis)));
        assert_eq!(passes, [false, true, false, true, true, false, true]);
    }
}
