//! What a call costs, and whose turn it is.
//!
//! Invariant: calls take their turns in the order in which they came, `at_a_time` of them at once, and each ends so long
//! after it began as it costs: the end is reckoned when the call arrives, so a late wake-up does not delay those behind it.
//! Trade-offs: a caller that gives up keeps its turn, as with a server that does not notice. Tokio's timers count in whole
//! milliseconds, so a thread of its own waits for the ends; it is late by as much as the kernel's timers are, about 0.1 ms.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How long the service works on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// For the call.
    pub call: Duration,
    /// More for each of its items.
    pub item: Duration,
    /// Calls that are worked on at a time; the others queue. At least 1.
    pub at_a_time: usize,
}

impl Cost {
    /// No work, and no queue.
    pub const FREE: Self = Self { call: Duration::ZERO, item: Duration::ZERO, at_a_time: usize::MAX };

    /// One call at a time, at this cost.
    #[must_use]
    pub fn new(call: Duration, item: Duration) -> Self {
        Self { call, item, at_a_time: 1 }
    }

    /// What a call with so many items takes.
    #[must_use]
    pub fn of(&self, items: usize) -> Duration {
        self.call + self.item * u32::try_from(items).unwrap_or(u32::MAX)
    }
}

/// The queue in front of a service.
pub(super) struct Turns {
    alarms: Sender<Alarm>,
    /// When each of those that work will be free, the first to be so on top.
    busy: Mutex<BinaryHeap<Reverse<Instant>>>,
}

impl Turns {
    pub(super) fn new() -> std::io::Result<Self> {
        let (alarms, set) = channel();
        std::thread::Builder::new().name("turns".to_owned()).spawn(move || ring(&set))?;
        Ok(Self { alarms, busy: Mutex::default() })
    }

    /// Waits for a turn and works for so long.
    pub(super) async fn work(&self, time: Duration, at_a_time: usize) {
        if time.is_zero() && at_a_time == usize::MAX {
            return;
        }
        let (woken, wake) = oneshot::channel();
        // Fails only if the thread is gone; then so is the receiver's wait.
        let _ = self.alarms.send(Alarm { at: self.end(time, at_a_time.max(1)), woken });
        let _ = wake.await;
    }

    /// When work that comes now will be done.
    fn end(&self, time: Duration, at_a_time: usize) -> Instant {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while busy.peek().is_some_and(|free| free.0 <= now) {
            busy.pop();
        }
        let mut begin = now;
        while busy.len() >= at_a_time {
            // More than one only after a change of how many work at a time.
            begin = busy.pop().map_or(begin, |free| free.0);
        }
        busy.push(Reverse(begin + time));
        begin + time
    }
}

struct Alarm {
    at: Instant,
    woken: oneshot::Sender<()>,
}

/// Wakes each when its time has come. Ends with the last of the senders.
fn ring(set: &Receiver<Alarm>) {
    let mut alarms: Vec<Alarm> = Vec::new();
    loop {
        let next = alarms.iter().map(|alarm| alarm.at).min();
        let received = match next {
            Some(at) => set.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => set.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(alarm) => alarms.push(alarm),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        for alarm in alarms.extract_if(.., |alarm| alarm.at <= now) {
            // Its caller may have given up.
            let _ = alarm.woken.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const MS: Duration = Duration::from_millis(1);

    /// When each of so many calls that come together ends.
    async fn ends(calls: usize, time: Duration, at_a_time: usize) -> Vec<Duration> {
        let turns = Arc::new(Turns::new().unwrap());
        let begun = Instant::now();
        let call = |_| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                turns.work(time, at_a_time).await;
                begun.elapsed()
            })
        };
        let calls: Vec<_> = (0..calls).map(call).collect();
        let mut ends = Vec::new();
        for call in calls {
            ends.push(call.await.unwrap());
        }
        ends.sort_unstable();
        ends
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_take_turns_and_lateness_does_not_add_up() {
        // Others may need the machine for a while, but not always.
        let mut last = Vec::new();
        for _ in 0..3 {
            let ends = ends(50, MS * 2, 1).await;
            for (number, end) in ends.iter().enumerate() {
                assert!(*end >= MS * 2 * (number as u32 + 1), "{number}: {end:?}");
            }
            last.push(ends[49]);
        }
        assert!(last.iter().any(|last| *last < MS * 120), "50 turns of 2 ms: {last:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn as_many_work_at_a_time_as_may() {
        let ends = ends(6, MS * 20, 3).await;
        assert!(ends[2] >= MS * 20 && ends[0] < MS * 40, "{ends:?}");
        assert!(ends[3] >= MS * 40, "{ends:?}");
    }

    #[tokio::test]
    async fn a_cost_is_that_of_the_call_and_of_each_item() {
        assert_eq!(Cost::new(MS * 10, MS / 5).of(50), MS * 20);
        let turns = Turns::new().unwrap();
        let begun = Instant::now();
        turns.work(Cost::FREE.of(1000), Cost::FREE.at_a_time).await;
        assert!(begun.elapsed() < MS * 20);
    }
}
