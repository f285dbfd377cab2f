//! Whom a look wakes, and who is given up: what one status page remembers between looks.
//!
//! Invariants: a worker that has just spoken is not woken, so no number of watchers costs it more; one that has been asked and stays silent for [`FRESH`] is gone,
//! and one that nobody has asked is not, however long ago it spoke. What is remembered is of workers that the last look has seen, and no more. Trade-off: each
//! page asks for itself, so what one of them has waited for, another has not.

use super::snapshot::Worker;
use super::{FRESH, SHORTEST_LOOK, is_fresh};
use crate::Timestamp;
use core::time::Duration;
use hashbrown::HashMap;

/// Who was asked longer ago than that, and is silent, is not waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be done about a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It has just spoken: nothing.
    JustHeard,
    /// It is to be woken. What it has said is of now.
    Wake,
    /// It is to be woken, and has not said anything for long.
    WakeSilent,
    /// It has been woken and says nothing: its place is free.
    Gone,
}

/// Whom one page has asked that has not answered: since when, by module and number.
#[derive(Debug, Default)]
pub struct Asking {
    asked: HashMap<(&'static str, u32), Timestamp>,
    /// The same, as the look that is under way finds it.
    found: HashMap<(&'static str, u32), Timestamp>,
}

impl Asking {
    /// What this look is to do about this worker of this module.
    pub fn look(&mut self, module: &'static str, worker: &Worker, now: Timestamp) -> Look {
        let has_spoken = worker.written > Timestamp::default();
        if has_spoken && !now.is_due(worker.written, SHORTEST_LOOK) {
            return Look::JustHeard;
        }
        if is_fresh(worker, now) {
            return Look::Wake;
        }
        let key = (module, worker.number);
        let asked = self.asked.get(&key).copied();
        // A clock that has stepped back says nothing about how long it is silent.
        let since = asked.filter(|at| *at <= now && worker.written < *at).unwrap_or(now);
        self.found.insert(key, since);
        if now.since(since) < FRESH { Look::WakeSilent } else { Look::Gone }
    }

    /// The look is over; whether it has asked somebody who may answer yet.
    pub fn is_over(&mut self, now: Timestamp) -> bool {
        self.asked = core::mem::take(&mut self.found);
        self.asked.values().any(|since| now.since(*since) < PATIENCE)
    }
}
