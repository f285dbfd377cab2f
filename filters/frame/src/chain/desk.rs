//! What the stages of one configuration share, and the chains of a VM that are under way.

use super::filters::Filters;
use super::journey::Journey;
use super::ticks::Ticks;
use crate::Setup;
use crate::timer::{Timed, Timer};
use core::cell::{Cell, RefCell};
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::chain::Direction;
use switchyard_host::{Clock, HostError};

/// One configuration's calls and ticks.
pub struct Desk<const N: usize> {
    pub(super) ticks: Ticks<N>,
    /// The root's timer, and the number by which it knows the configuration.
    timer: (Rc<Timer>, u32),
    /// Whose call it is that is under way. As many as stages make, which bound them.
    calls: RefCell<HashMap<u32, usize>>,
}

impl<const N: usize> Desk<N> {
    /// That of a configuration which has nothing under way.
    pub(super) fn of<V>(setup: &Setup<V>) -> Self {
        let timer = (Rc::clone(&setup.timer), setup.number);
        Self { ticks: Ticks::default(), timer, calls: RefCell::default() }
    }

    /// The root's timer, as this configuration has it.
    pub(super) fn timer<'a, H>(&'a self, host: &'a H) -> Timed<'a, H> {
        let (timer, number) = &self.timer;
        timer.of(*number, host)
    }

    /// A stage has made this call.
    pub(super) fn calls(&self, call: u32, stage: usize) {
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.insert(call, stage);
        }
    }

    /// The stage whose call it was that is answered now.
    pub(super) fn answered(&self, call: u32) -> Option<usize> {
        self.calls.try_borrow_mut().ok()?.remove(&call)
    }
}

/// The chains that are under way in a VM, by their contexts, whatever configuration they are of; and the time of the present callback.
pub(super) struct Journeys<T: Filters<N>, const N: usize> {
    by_context: RefCell<HashMap<u32, Rc<Journey<T, N>>>>,
    now: Cell<Option<Timestamp>>,
    /// Messages that a chain itself holds, of whichever configuration: a stage may let a stream of another go, whose root may be gone.
    owed: RefCell<Vec<(u32, Direction)>>,
    /// Requests of which something was said in another callback than their own, and is not written yet.
    noted: RefCell<Vec<u32>>,
}

impl<T: Filters<N>, const N: usize> Default for Journeys<T, N> {
    fn default() -> Self {
        Self {
            by_context: RefCell::default(),
            now: Cell::default(),
            owed: RefCell::default(),
            noted: RefCell::default(),
        }
    }
}

impl<T: Filters<N>, const N: usize> Journeys<T, N> {
    pub(super) fn begin(&self, context: u32, journey: &Rc<Journey<T, N>>) {
        if let Ok(mut journeys) = self.by_context.try_borrow_mut() {
            journeys.insert(context, Rc::clone(journey));
        }
    }

    pub(super) fn end(&self, context: u32) {
        let ended = self.by_context.try_borrow_mut().ok().and_then(|mut all| all.remove(&context));
        // What its streams do when they are dropped they do with nothing borrowed.
        drop(ended);
    }

    pub(super) fn get(&self, context: u32) -> Option<Rc<Journey<T, N>>> {
        self.by_context.try_borrow().ok()?.get(&context).map(Rc::clone)
    }

    /// Something was said of a request outside its own callbacks.
    pub(super) fn noted(&self, context: u32) {
        if let Ok(mut noted) = self.noted.try_borrow_mut()
            && noted.last() != Some(&context)
        {
            noted.push(context);
        }
    }

    pub(super) fn take_noted(&self) -> Vec<u32> {
        self.noted.try_borrow_mut().map(|mut noted| core::mem::take(&mut *noted)).unwrap_or_default()
    }

    pub(super) fn owes(&self, context: u32, direction: Direction) {
        if let Ok(mut owed) = self.owed.try_borrow_mut()
            && !owed.contains(&(context, direction))
        {
            owed.push((context, direction));
        }
    }

    pub(super) fn take_owed(&self) -> Vec<(u32, Direction)> {
        self.owed.try_borrow_mut().map(|mut owed| core::mem::take(&mut *owed)).unwrap_or_default()
    }

    pub(super) fn owes_nothing(&self) -> bool {
        self.owed.try_borrow().is_ok_and(|owed| owed.is_empty())
    }

    /// Envoy calls: the time is not known any more.
    pub(super) fn callback_begins(&self) {
        self.now.set(None);
    }

    /// The time of this callback, for which the host is asked once.
    pub(super) fn now(&self, host: &impl Clock) -> Result<Timestamp, HostError> {
        if let Some(now) = self.now.get() {
            return Ok(now);
        }
        let now = host.now()?;
        self.now.set(Some(now));
        Ok(now)
    }
}
