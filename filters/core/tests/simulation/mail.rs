//! Queues between workers, and who listens to them.
//!
//! None overtakes another: a message that comes late holds up those behind it. But who listens takes all that is there,
//! even what was to come a little later: a host's queue knows no better.

use fastrand::Rng;
use std::collections::VecDeque;
use switchyard_core::{Address, Timestamp};

/// Messages that one callback takes.
const AT_A_TIME: usize = 16;

/// Where a message says what it says, and the names of what it may say.
#[derive(Clone, Copy)]
pub(crate) struct Tongue {
    pub(crate) at: usize,
    pub(crate) says: &'static [&'static str],
}

impl Tongue {
    /// What is counted when this message is sent; nothing if it is empty and only wakes.
    pub(super) fn counts(&self, message: &[u8]) -> Option<String> {
        message.get(self.at).map(|says| format!("said {}", self.says[usize::from(*says)]))
    }

    /// All that may be counted.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        self.says.iter().map(|says| format!("said {says}"))
    }
}

#[derive(Default)]
struct Queue {
    /// Who listens; nobody after the end of a VM.
    worker: Option<usize>,
    messages: VecDeque<Vec<u8>>,
    gone: bool,
    /// When the last message comes.
    last: Timestamp,
}

/// All queues, by number.
#[derive(Default)]
pub(crate) struct Mail {
    queues: Vec<Queue>,
    /// VMs that there have been.
    epochs: u64,
}

impl Mail {
    fn queue(&mut self, number: u32) -> &mut Queue {
        &mut self.queues[usize::try_from(number).expect("queues are few")]
    }

    /// A worker's first VM begins, and listens to a queue of its own.
    pub(crate) fn begins(&mut self, worker: usize) -> Address {
        self.queues.push(Queue::default());
        let number = u32::try_from(self.queues.len() - 1).expect("queues are few");
        self.listens(worker, number)
    }

    /// The VM that listens ends, and the worker's next begins: it listens there again, or to a queue of its own. Then
    /// the old one is gone, or is there and nobody listens.
    pub(crate) fn begins_again(&mut self, worker: usize, number: u32, rng: &mut Rng) -> Address {
        let queue = self.queue(number);
        queue.worker = None;
        match rng.u8(0..3) {
            0 => return self.listens(worker, number),
            1 => queue.gone = true,
            _ => {}
        }
        self.begins(worker)
    }

    fn listens(&mut self, worker: usize, queue: u32) -> Address {
        self.queue(queue).worker = Some(worker);
        self.epochs += 1;
        Address { queue, epoch: self.epochs }
    }

    /// Puts a message in that comes at `at`, or when the one before it comes; returns when.
    pub(super) fn put(&mut self, number: u32, message: &[u8], at: Timestamp) -> Timestamp {
        let queue = self.queue(number);
        queue.messages.push_back(message.to_vec());
        queue.last = queue.last.max(at);
        queue.last
    }

    pub(super) fn is_gone(&mut self, number: u32) -> bool {
        self.queue(number).gone
    }

    /// Who listens, and what it takes in one callback; those that only wake say nothing.
    pub(crate) fn take(&mut self, number: u32) -> Option<(usize, Vec<Vec<u8>>)> {
        let queue = self.queue(number);
        let Some(worker) = queue.worker else {
            queue.messages.clear();
            return None;
        };
        let count = queue.messages.len().min(AT_A_TIME);
        let messages = queue.messages.drain(..count).filter(|message| !message.is_empty());
        Some((worker, messages.collect()))
    }
}
