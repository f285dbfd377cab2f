//! What the root and its streams share in one worker: the plan, the requests that may be tried again, and the tick.
//!
//! Invariants: the tick runs only while something waits or is to be told, and stops a while after; the machine is borrowed for
//! one callback at a time.

use crate::plan::Plan;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::memory::{Account, Memory};
use switchyard_core::retry::exchanges::{NEWS_TICK, Retries, TICK};
use switchyard_core::{SteadyClock, Timestamp};
use switchyard_frame::held_bodies::SharedBodies;
use switchyard_frame::metrics::Registry;
use switchyard_frame::{EffectiveContext, Pacer};
use switchyard_host::{Clock, HeaderMap, Ticks};

/// The tick stops when nothing has waited, and nothing has been told, for so long.
const IDLE: Duration = Duration::from_secs(1);

/// One configuration in one worker.
pub(crate) struct Worker {
    pub(crate) effective_context: Rc<EffectiveContext>,
    pub(crate) plan: Plan,
    pub(crate) registry: Rc<Registry>,
    pub(crate) retries: RefCell<(Retries<HeaderMap>, fastrand::Rng)>,
    /// Requests that wait for their bodies, by their streams.
    pub(crate) bodies: SharedBodies<u32>,
    pacer: Pacer,
    /// The time of the last tick of the present period, or when it was asked for first: by the wall, and by `clock`.
    ticked: Cell<Option<(Timestamp, Timestamp)>>,
    /// By which requests wait.
    clock: RefCell<SteadyClock>,
    busy: Cell<Timestamp>,
    waited: Cell<Timestamp>,
}

impl Worker {
    /// A worker that nothing waits in.
    pub(crate) fn new(
        effective_context: Rc<EffectiveContext>,
        plan: Plan,
        registry: Rc<Registry>,
        accounts: (Memory, Account),
        seed: u64,
    ) -> Self {
        let retries = RefCell::new((Retries::new(accounts), fastrand::Rng::with_seed(seed)));
        let (ticked, busy, waited) = (Cell::default(), Cell::default(), Cell::default());
        let (pacer, clock) = (Pacer::default(), RefCell::default());
        let bodies = SharedBodies::default();
        Self { effective_context, plan, registry, retries, bodies, pacer, ticked, clock, busy, waited }
    }

    /// The time: while the tick is quick as of the last one, or of whoever asked first; else by the host's clock.
    pub(crate) fn now(&self, host: &impl Clock) -> Timestamp {
        self.read(host).0
    }

    /// The same by the wall, and by what requests wait by.
    fn read(&self, host: &impl Clock) -> (Timestamp, Timestamp) {
        let ticked = self.ticked.get().filter(|_| self.pacer.period() == TICK);
        ticked.unwrap_or_else(|| {
            let now = host.now().ok().map(|wall| (wall, self.time(wall)));
            self.ticked.set(now);
            now.unwrap_or_else(|| (Timestamp::default(), self.time(Timestamp::default())))
        })
    }

    /// The time by which requests wait, when the wall's is this: as it was just read.
    pub(crate) fn time(&self, wall: Timestamp) -> Timestamp {
        self.clock.try_borrow_mut().map_or(wall, |mut clock| clock.read(wall))
    }

    /// The same as of the last tick, or of whoever asked first.
    pub(crate) fn recent_time(&self, host: &impl Clock) -> Timestamp {
        self.read(host).1
    }

    /// A moment of the wall's in the time by which requests wait.
    pub(crate) fn own_time(&self, wall: Timestamp) -> Timestamp {
        self.clock.try_borrow().map_or(wall, |clock| wall.plus(clock.ahead()))
    }

    /// There is something to be told.
    pub(crate) fn tick_for_news(&self, host: &impl Ticks) {
        if self.pacer.period().is_zero() {
            self.tick_every(NEWS_TICK, host);
        }
    }

    pub(crate) fn tick_every(&self, period: Duration, host: &impl Ticks) {
        let before = self.pacer.period();
        self.pacer.every(period, host);
        if self.pacer.period() != before {
            self.ticked.set(None);
        }
    }

    /// A tick has come.
    pub(crate) fn ticked(&self, now: Timestamp) {
        self.ticked.set(Some((now, self.time(now))));
    }

    /// Chooses the next tick's period; `told`: there was something to be told with this one.
    pub(crate) fn rest(&self, told: bool, now: Timestamp, host: &impl Ticks) {
        // What waited for less than a tick will not be the last; a call that nobody waits for needs no ticks.
        let waits = self.retries.try_borrow_mut().is_ok_and(|mut both| both.0.take_begun() || both.0.waits());
        // Wall time may step back.
        if waits || now < self.waited.get() {
            self.waited.set(now);
        }
        let is_awaited = self.bodies.next_look().is_some();
        if told || waits || is_awaited || now < self.busy.get() {
            self.busy.set(now);
        }
        if now.since(self.busy.get()) >= IDLE {
            self.tick_every(Duration::ZERO, host);
        } else if now.since(self.waited.get()) >= NEWS_TICK {
            self.tick_every(NEWS_TICK, host);
        }
    }
}
