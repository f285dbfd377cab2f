//! What is around the gatherer of one configuration in one worker: its plan, its VM, its time.
//!
//! Invariant: the clock is asked only by who needs the time, and everybody in a callback goes by what it said.

use crate::plan::Plan;
use crate::report::Reports;
use core::cell::{Cell, RefCell};
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{Event, Policy};
use switchyard_core::lasting::Lasting;
use switchyard_frame::Setup;
use switchyard_frame::shared::tables::announced;
use switchyard_host::{Clock, MetricSink, SharedData};

/// What outlives a configuration.
#[derive(Default)]
pub struct Vm {
    pub(crate) reports: RefCell<Reports>,
    /// Repeats of batches that failed, under way, by route.
    pub(crate) repeats: RefCell<Lasting<Cell<u32>>>,
}

/// One configuration in one worker, as its gatherer's world is made of it.
pub(crate) struct Site {
    pub(crate) plan: Plan,
    pub(crate) setup: Setup<Vm>,
    /// What the clock said last.
    time: Cell<Timestamp>,
    /// It has been asked in this callback.
    is_now: Cell<bool>,
    /// Of outlier's announcements, the last that was heard.
    heard: Cell<Option<u32>>,
}

impl Site {
    pub(crate) fn new(plan: Plan, setup: Setup<Vm>) -> Self {
        Self { plan, setup, time: Cell::default(), is_now: Cell::default(), heard: Cell::default() }
    }

    /// The time; what it was last, if the host does not say.
    pub(crate) fn now(&self, host: &impl Clock) -> Timestamp {
        if let Ok(now) = host.now() {
            self.time.set(now);
        }
        self.is_now.set(true);
        self.time.get()
    }

    /// What the clock said last, and whether anybody has asked it in this callback, which is over.
    pub(crate) fn end_of_callback(&self) -> (Timestamp, bool) {
        (self.time.get(), self.is_now.replace(false))
    }

    /// Takes in what outlier says about endpoints, if it has said something.
    pub(crate) fn look_at_health(&self, host: &impl SharedData) {
        if !self.plan.has_followers() {
            return;
        }
        let news = announced(host);
        if news != self.heard.replace(news) {
            self.plan.look(host);
        }
    }

    pub(crate) fn count(&self, policy: &Policy, event: Event, host: &impl MetricSink) {
        if let Ok(mut reports) = self.setup.own.reports.try_borrow_mut() {
            reports.count(&self.setup.registry, policy, event, host);
        }
    }
}
