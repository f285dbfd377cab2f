//! Time, ticks and messages of workers, and what they count.

use super::{Subject, Worker};
use crate::metrics::series_name;
use core::time::Duration;
use switchyard_core::Timestamp;

impl<S: Subject> Worker<S> {
    /// A tick, now.
    pub fn tick(&mut self) {
        self.ticked = self.now;
        self.of_root(|root, host| root.tick(host));
    }

    /// Whether messages wait for this worker.
    pub fn has_messages(&self) -> bool {
        self.waiting_queue().is_some()
    }

    /// The newest of its queues with a message in it.
    fn waiting_queue(&self) -> Option<u32> {
        self.host.registered().into_iter().rev().find(|queue| self.host.queued(*queue) > 0)
    }

    /// The callback of the messages that wait for this worker. Whether there were any.
    pub fn deliver(&mut self) -> bool {
        let Some(queue) = self.waiting_queue() else { return false };
        self.of_root(|root, host| root.on_queue_ready(host, queue));
        true
    }

    /// How often it ticks, in milliseconds; 0: never.
    pub fn period(&self) -> u64 {
        millis(self.host.tick_period())
    }

    /// The clock goes on, without a tick.
    pub fn set_time(&mut self, millis: u64) {
        self.now = millis;
        self.host.set_now(Timestamp::from_millis(millis));
    }

    /// What a counter or gauge of the route has come to once this worker has told; `label`: its name and value, none if empty.
    pub fn count(&mut self, metric: &str, (label, value): (&str, &str)) -> u64 {
        self.tick();
        let mut labels = vec![("route", "api")];
        labels.extend((!label.is_empty()).then_some((label, value)));
        self.host.counter(&series_name(metric, &labels))
    }
}

/// A period in milliseconds.
pub(super) fn millis(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
}

/// Delivers messages until there are none.
pub fn settle<S: Subject>(workers: &mut [Worker<S>]) {
    let mut rounds = 0;
    // All of them have a turn, whoever had one before.
    while workers.iter_mut().map(Worker::deliver).filter(|delivered| *delivered).count() > 0 {
        rounds += 1;
        assert!(rounds < 1_000, "messages without end");
    }
}

/// Lets time pass, with messages and the ticks that were asked for.
pub fn pass<S: Subject>(workers: &mut [Worker<S>], millis: u64) {
    for _ in 0..millis / S::STEP {
        for worker in &mut *workers {
            worker.set_time(worker.now + S::STEP);
            let period = worker.period();
            if period > 0 && worker.now >= worker.ticked + period {
                worker.tick();
            }
        }
        settle(workers);
    }
}
