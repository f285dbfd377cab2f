//! How a worker is written to: its number, its queue, and the root that the queue wakes.
//!
//! A filter keeps one for each of its roots, if each has work of its own, or one for its VM, if any root does the work of all.
//!
//! Invariants: while there is work and room in its turns, a message to the own queue is under way, which wakes the root within
//! microseconds; whoever has had [`TURNS`] consecutive callbacks waits for the tick, and others have theirs.
//! Trade-off: a message may be lost with the root that it would have woken. The tick does what it was for.

use crate::metrics::catalogue::Metric;
use crate::metrics::{Counter, Registry, parts};
use crate::shared::reach;
use core::cell::Cell;
use switchyard_core::Address;
use switchyard_host::{Clock, Host, HostError, Queues, SharedData};

/// Consecutive callbacks that wake the next. Envoy takes messages to a worker's own queue before it looks at its connections.
const TURNS: u32 = 8;
/// Messages that one callback takes; each message has a callback of its own.
const AT_A_TIME: usize = 64;

/// Makes the count of a filter's workers and the places of their gauges, without which they have no mailboxes; what is there stays.
///
/// # Errors
/// If shared data cannot be had.
pub fn prepare(filter: &str, host: &impl SharedData) -> Result<(), HostError> {
    reach::prepare(filter, host)?;
    parts::prepare(filter, host)
}

/// The mailbox of one worker.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// This worker's number, once it has one.
    number: Cell<Option<u32>>,
    queue: Cell<Option<u32>>,
    /// The root that took the queue last.
    hears: Cell<Option<u32>>,
    /// That root is gone, and nobody hears the queue.
    deaf: Cell<bool>,
    /// A message that wakes the root is under way.
    woken: Cell<bool>,
    /// Consecutive callbacks that left work for another one.
    turns: Cell<u32>,
}

/// What others need to write to it.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    number: u32,
    queue: u32,
}

impl Queue {
    /// The address to be given to others. Asks for the time.
    pub fn address(self, host: &impl Clock) -> Address {
        reach::address(self.number, self.queue, host)
    }
}

impl Mailbox {
    /// The queue wakes this root, in whose name calls are made, from now on. Before the first request: workers have numbers and
    /// queues, the main thread has none. `None`: there can be no queue, which `without` counts, and the tick alone wakes the root.
    pub fn open(
        &self,
        filter: &str,
        root: u32,
        (registry, without): (&Registry, &Metric<Counter, 0>),
        host: &impl Host,
    ) -> Option<Queue> {
        self.hears.set(Some(root));
        self.deaf.set(false);
        let number = self.number.get().or_else(|| reach::take_number(filter, host));
        self.number.set(number);
        let queue = number
            .and_then(|number| Some(Queue { number, queue: reach::register(filter, number, host).ok()? }));
        match queue {
            Some(queue) => self.queue.set(Some(queue.queue)),
            None => registry.counter(host, without, []).increment(),
        }
        queue
    }

    /// Whether its queue has been somebody's who is gone.
    pub fn is_deaf(&self) -> bool {
        self.deaf.get()
    }

    /// A root is gone.
    pub fn root_ended(&self, root: u32) {
        if self.hears.get() == Some(root) {
            self.deaf.set(true);
            // The message that was to wake it is nobody's.
            self.woken.set(false);
        }
    }

    /// Looks into the queue, if it is this one: `read` gets what others wrote. Whether it is.
    pub(crate) fn look(&self, queue: u32, host: &impl Queues, mut read: impl FnMut(&[u8])) -> bool {
        if self.queue.get() != Some(queue) {
            return false;
        }
        self.woken.set(false);
        for _ in 0..AT_A_TIME {
            let Ok(Some(message)) = host.dequeue(queue) else { break };
            if message.is_empty() {
                // Its own word; what others say has callbacks of its own.
                break;
            }
            read(&message);
        }
        true
    }

    /// Sees to it that a callback of the root comes soon, if there is work for one. Whether one does.
    pub fn wake(&self, has_work: bool, host: &impl Queues) -> bool {
        if has_work
            && !self.woken.get()
            && self.turns.get() < TURNS
            && let Some(queue) = self.queue.get()
        {
            self.woken.set(host.enqueue(queue, &[]).is_ok());
        }
        self.woken.get()
    }

    /// A callback of the root is over; `more`: it left work for another one.
    pub fn acted(&self, more: bool) {
        self.turns.set(if more { self.turns.get().saturating_add(1) } else { 0 });
    }

    /// A tick has come, which does what a message was to wake the root for.
    pub fn ticked(&self) {
        self.turns.set(0);
        self.woken.set(false);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may fail by panicking")]

    use super::*;
    use switchyard_host::Status;
    use switchyard_host::fake::FakeHost;

    const FILTER: &str = "some";
    const WITHOUT: &Metric<Counter, 0> = &crate::metrics::catalogue::BATCH_WITHOUT_QUEUE;

    fn opened() -> (Mailbox, FakeHost, u32) {
        let (mailbox, host) = (Mailbox::default(), FakeHost::default());
        prepare(FILTER, &host).expect("shared data");
        assert!(mailbox.open(FILTER, 1, (&Registry::default(), WITHOUT), &host).is_some());
        let queue = host.queue().expect("a queue");
        (mailbox, host, queue)
    }

    #[test]
    fn one_message_is_under_way_while_there_is_work_and_none_after_many_turns() {
        let (mailbox, host, queue) = opened();
        assert!(!mailbox.wake(false, &host));
        for turn in 0..2 * TURNS {
            let woken = mailbox.wake(true, &host);
            assert_eq!(mailbox.wake(true, &host), woken, "once is enough");
            assert_eq!((woken, host.queued(queue)), (turn < TURNS, usize::from(turn < TURNS)), "{turn}");
            assert!(mailbox.look(queue, &host, |_| {}));
            mailbox.acted(true);
        }
        mailbox.ticked();
        assert!(mailbox.wake(true, &host), "others have had their turn");
    }

    #[test]
    fn who_looks_gets_what_others_wrote_up_to_its_own_word() {
        let (mailbox, host, queue) = opened();
        let mut read = Vec::new();
        for message in [&b"one"[..], b"two", b"", b"three"] {
            host.enqueue(queue, message).expect("a queue");
        }
        assert!(!mailbox.look(queue + 1, &host, |_| {}), "another's");
        for _ in 0..2 {
            assert!(mailbox.look(queue, &host, |message| read.push(message.to_vec())));
            read.push(b"-".to_vec());
        }
        assert_eq!(read.concat(), b"onetwo-three-");
    }

    #[test]
    fn a_mailbox_is_deaf_when_the_root_is_gone_that_took_it_last() {
        let (mailbox, host, queue) = opened();
        let registry = Registry::default();
        assert!(mailbox.open(FILTER, 2, (&registry, WITHOUT), &host).is_some());
        mailbox.root_ended(1);
        assert!(!mailbox.is_deaf());
        assert!(mailbox.wake(true, &host));
        mailbox.root_ended(2);
        assert!(mailbox.is_deaf());
        assert!(mailbox.open(FILTER, 3, (&registry, WITHOUT), &host).is_some());
        assert_eq!((mailbox.is_deaf(), host.queue()), (false, Some(queue)), "the same queue");
        assert!(
            mailbox.wake(true, &host) && host.queued(queue) == 2,
            "the message for the last one is nobody's"
        );
    }

    #[test]
    fn a_worker_that_can_have_no_queue_is_counted() {
        for call in ["proxy_get_shared_data", "proxy_register_shared_queue"] {
            let (mailbox, host, registry) = (Mailbox::default(), FakeHost::default(), Registry::default());
            prepare(FILTER, &host).expect("shared data");
            host.fail(call, Status::InternalFailure);
            assert!(mailbox.open(FILTER, 1, (&registry, WITHOUT), &host).is_none());
            registry.flush(&host);
            assert_eq!(host.counter("switchyard.batch_without_queue_total"), 1, "{call}");
            assert!(!mailbox.wake(true, &host));
        }
    }
}
