//! When queues are to be looked at.
//!
//! Invariants: an alarm never comes early; there are no more than twice as many as queues, and a few. Trade-off: one of a queue
//! that is no more, or was to be looked at sooner, stays until its time comes or there are too many.

use super::{BatchHead, Gatherer, Key};
use crate::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// So few are never looked through.
const FEW: usize = 64;

/// Alarms by their time.
#[derive(Debug, Default)]
pub(super) struct Alarms(BinaryHeap<Reverse<(Timestamp, Key)>>);

impl Alarms {
    fn set(&mut self, at: Timestamp, key: Key) {
        self.0.push(Reverse((at, key)));
    }

    /// The next one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one whose time has come.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Key)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(alarm)| alarm)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// Sees to it that a queue is looked at in time.
    pub(super) fn set_alarm(&mut self, key: &Key) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        let Some(at) = queue.looked_at() else { return };
        if queue.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        queue.alarm = Some(at);
        self.alarms.set(at, Rc::clone(key));
        if self.alarms.len() > 2 * self.queues.len() + FEW {
            let queues = &self.queues;
            self.alarms
                .0
                .retain(|Reverse((at, key))| queues.get(key).is_some_and(|queue| queue.alarm == Some(*at)));
        }
    }

    /// Queues whose time has come are looked at in the root's next turn.
    pub(super) fn ring(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.alarms.take(now) {
            if let Some(queue) = self.queues.get_mut(&key)
                && queue.alarm == Some(at)
            {
                queue.alarm = None;
                self.schedule(&key);
            }
        }
    }
}
