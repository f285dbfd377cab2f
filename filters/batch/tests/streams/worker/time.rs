//! Time, ticks and messages of workers, and what they count.

use super::Worker;
use switchyard_core::Timestamp;
use switchyard_host::metrics::series_name;

pub(crate) const SET_TICK: &str = "proxy_set_tick_period_milliseconds";

impl Worker {
    /// The host counts a period from when it was asked for; `asked`: how often it had been before.
    pub(super) fn restart_timer(&mut self, asked: u64) {
        if self.host.calls(SET_TICK) > asked {
            self.ticked = self.now;
        }
    }

    /// A tick, now.
    pub(crate) fn tick(&mut self) {
        self.ticked = self.now;
        self.of_root(|root, host| root.tick(host));
    }

    /// Whether messages wait for this worker.
    pub(crate) fn has_messages(&self) -> bool {
        self.host.queue().is_some_and(|queue| self.host.queued(queue) > 0)
    }

    /// The callback of the messages that wait for this worker. Whether there were any.
    pub(crate) fn deliver(&mut self) -> bool {
        let Some(queue) = self.host.queue().filter(|_| self.has_messages()) else { return false };
        self.of_root(|root, host| root.on_queue_ready(host, queue));
        true
    }

    /// How often it ticks, in milliseconds; 0: never.
    pub(crate) fn period(&self) -> u64 {
        u64::try_from(self.host.tick_period().as_millis()).expect("a period")
    }

    /// The clock goes on, without a tick.
    pub(crate) fn set_time(&mut self, millis: u64) {
        self.now = millis;
        self.host.set_now(Timestamp::from_millis(millis));
    }

    /// What a counter or gauge of the route has come to once this worker has told; `label`: its name and value, none if empty.
    pub(crate) fn count(&mut self, metric: &str, (label, value): (&str, &str)) -> u64 {
        self.tick();
        let mut labels = vec![("route", "api")];
        labels.extend((!label.is_empty()).then_some((label, value)));
        self.host.counter(&series_name(metric, &labels))
    }
}

/// Delivers messages until there are none.
pub(crate) fn settle(workers: &mut [Worker]) {
    for _ in 0..1_000 {
        let delivered = workers.iter_mut().map(Worker::deliver).filter(|delivered| *delivered).count();
        if delivered == 0 {
            return;
        }
    }
    panic!("messages without end");
}

/// Lets time pass, with messages and the ticks that were asked for.
pub(crate) fn pass(workers: &mut [Worker], millis: u64) {
    for _ in 0..millis {
        for worker in &mut *workers {
            worker.set_time(worker.now + 1);
            let period = worker.period();
            if period > 0 && worker.now >= worker.ticked + period {
                worker.tick();
            }
        }
        settle(workers);
    }
}
