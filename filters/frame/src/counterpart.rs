//! Whether a filter that this one works with has been heard of: told once if it has not for a while, and once when it is.
//!
//! Filters that do not share memory find each other by what they leave in shared data under one `vm_id`. Where they have different ones,
//! traffic goes on and both work by themselves; an operator must hear of that. Invariant: at most one word about each change, however
//! many requests come. Trade-off: the other side may be a moment late, so for [`Counterpart::GRACE`] nothing is said.

use crate::metrics::Registry;
use crate::metrics::catalogue::EJECTION_DISCONNECTED;
use core::cell::Cell;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_host::MetricSink;

/// The other side, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    /// Not heard of since then.
    Awaited(Timestamp),
    /// That has been told.
    Missing,
    Present,
}

/// A filter that this one works with.
#[derive(Debug, Default)]
pub struct Counterpart(Cell<State>);

impl Counterpart {
    /// How long it may be silent. Less than [`QUIET`](crate::QUIET): it is over while the ticks after a single request still come.
    pub const GRACE: Duration = Duration::from_millis(500);

    /// Whether it was there when somebody looked: it is not looked for again.
    pub fn is_present(&self) -> bool {
        self.0.get() == State::Present
    }

    /// Somebody has looked whether it is there, while it should be. `Some`: what is to be told, that it is missing or that it is there.
    pub fn seen(&self, is_there: bool, now: Timestamp) -> Option<bool> {
        let (next, told) = match (self.0.get(), is_there) {
            (State::Present, true) => (State::Present, None),
            (_, true) => (State::Present, Some(true)),
            (State::Awaited(since), false) if now.is_due(since, Self::GRACE) => (State::Missing, Some(false)),
            (State::Unknown | State::Present, false) => (State::Awaited(now), None),
            (state, false) => (state, None),
        };
        self.0.set(next);
        told
    }

    /// The same, told as the gauge of ejection that is disconnected, with these values of its labels; `true`: it is missing since now,
    /// which is worth a line in the log.
    pub fn watch(
        &self,
        is_there: bool,
        now: Timestamp,
        labels: [&str; 2],
        registry: &Registry,
        sink: &impl MetricSink,
    ) -> bool {
        let told = self.seen(is_there, now);
        if let Some(is_there) = told {
            registry.set_gauge(sink, &EJECTION_DISCONNECTED, labels, u64::from(!is_there));
        }
        told == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn who_is_missing_is_told_once_and_once_that_it_is_there() {
        let other = Counterpart::default();
        let seen = |is_there, millis| other.seen(is_there, at(millis));
        assert_eq!([seen(false, 1_000), seen(false, 1_499)], [None, None]);
        assert_eq!([seen(false, 1_500), seen(false, 9_000)], [Some(false), None]);
        assert_eq!([seen(true, 9_500), seen(true, 9_600)], [Some(true), None]);
        assert!(other.is_present());
    }

    #[test]
    fn who_is_a_moment_late_is_not_missing() {
        let other = Counterpart::default();
        assert_eq!(other.seen(false, at(1_000)), None);
        assert_eq!(other.seen(true, at(1_400)), Some(true));
    }
}
