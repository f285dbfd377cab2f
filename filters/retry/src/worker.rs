//! What the root and its streams share in one worker: the plan, the requests that wait, and the calls under way.
//!
//! Invariants: the tick runs only while something waits or is to be told, and stops a while after; what is kept of
//! bodies in a VM stays below [`MOST_KEPT`], and all that is kept within its accounts.

use crate::exchange::Exchange;
use crate::plan::{Plan, Route, Upstream};
use crate::purse::Place;
use core::cell::{Cell, RefCell, RefMut};
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_core::memory::{Account, Memory};
use switchyard_core::retry::{Denied, World, pick};
use switchyard_core::{EndpointIndex, Timestamp};
use switchyard_host::metrics::Registry;
use switchyard_host::{Clock, SharedData, Ticks};

/// The tick while a request waits: the grain of waits and hedges.
pub const TICK: Duration = Duration::from_millis(5);
/// The tick while there are only counts to be told.
pub const NEWS_TICK: Duration = Duration::from_millis(50);
/// The tick stops when nothing has waited, and nothing has been told, for so long.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes of bodies that one VM keeps: requests that may have to be sent again.
pub const MOST_KEPT: u64 = 16 << 20;

/// A request that waits, or that a call of ours is under way for.
pub(crate) type Waiting = Rc<RefCell<Exchange>>;

/// A call of ours.
pub(crate) struct Outstanding {
    /// The request that it is for.
    pub(crate) exchange: Waiting,
    /// The attempt's number.
    pub(crate) number: u32,
    pub(crate) hedge: bool,
    /// Its places among the budgets' retries under way.
    pub(crate) places: Vec<Place>,
}

/// One configuration in one worker.
pub(crate) struct Worker {
    pub(crate) plan: Plan,
    pub(crate) registry: Rc<Registry>,
    pub(crate) memory: Memory,
    /// Bytes of bodies that this VM keeps.
    bodies: Account,
    pub(crate) waiting: RefCell<HashMap<u32, Waiting>>,
    pub(crate) calls: RefCell<HashMap<u32, Outstanding>>,
    rng: RefCell<fastrand::Rng>,
    period: Cell<Duration>,
    /// The time of the last tick of the present period, or when it was asked for first.
    ticked: Cell<Option<Timestamp>>,
    busy: Cell<Timestamp>,
    waited: Cell<Timestamp>,
    /// Something has begun to wait since the last tick.
    begun: Cell<bool>,
}

impl Worker {
    /// A worker that nothing waits in.
    pub(crate) fn new(
        plan: Plan,
        registry: Rc<Registry>,
        (memory, bodies): (Memory, Account),
        seed: u64,
    ) -> Self {
        Self {
            plan,
            registry,
            memory,
            bodies,
            waiting: RefCell::default(),
            calls: RefCell::default(),
            rng: RefCell::new(fastrand::Rng::with_seed(seed)),
            period: Cell::default(),
            ticked: Cell::default(),
            busy: Cell::default(),
            waited: Cell::default(),
            begun: Cell::default(),
        }
    }

    /// The time: while the tick is quick as of the last one, or of whoever asked first; else by the host's clock.
    pub(crate) fn now(&self, host: &impl Clock) -> Timestamp {
        let ticked = self.ticked.get().filter(|_| self.period.get() == TICK);
        ticked.unwrap_or_else(|| {
            let now = host.now().ok();
            self.ticked.set(now);
            now.unwrap_or_default()
        })
    }

    /// A request waits from now on.
    pub(crate) fn wait(&self, context: u32, exchange: &Waiting, host: &impl Ticks) {
        if let Ok(mut waiting) = self.waiting.try_borrow_mut() {
            waiting.insert(context, Rc::clone(exchange));
        }
        self.begun.set(true);
        self.tick_every(TICK, host);
    }

    /// It waits no more.
    pub(crate) fn settle(&self, context: u32) {
        if let Ok(mut waiting) = self.waiting.try_borrow_mut() {
            waiting.remove(&context);
        }
    }

    /// Nothing waits any more, and no call is answered.
    pub(crate) fn forget_all(&self) {
        self.waiting.take();
        self.calls.take();
    }

    /// There is something to be told.
    pub(crate) fn has_news(&self, host: &impl Ticks) {
        if self.period.get().is_zero() {
            self.tick_every(NEWS_TICK, host);
        }
    }

    fn tick_every(&self, period: Duration, host: &impl Ticks) {
        // Without ticks nobody would wake what waits; the host refuses none.
        if self.period.get() != period && host.set_tick_period(period).is_ok() {
            self.period.set(period);
            self.ticked.set(None);
        }
    }

    /// A tick has come.
    pub(crate) fn ticked(&self, now: Timestamp) {
        self.ticked.set(Some(now));
    }

    /// Chooses the next tick's period; `told`: there was something to be told with this one.
    pub(crate) fn rest(&self, told: bool, now: Timestamp, host: &impl Ticks) {
        // What waited for less than a tick will not be the last; a call that nobody waits for needs no ticks.
        let waits = self.begun.take() || !self.waiting.borrow().is_empty();
        // Wall time may step back.
        if waits || now < self.waited.get() {
            self.waited.set(now);
        }
        if told || waits || now < self.busy.get() {
            self.busy.set(now);
        }
        if now.since(self.busy.get()) >= IDLE {
            self.tick_every(Duration::ZERO, host);
        } else if now.since(self.waited.get()) >= NEWS_TICK {
            self.tick_every(NEWS_TICK, host);
        }
    }

    /// Whether so many bytes more may be kept; they are then.
    pub(crate) fn keep(&self, bytes: u64) -> bool {
        self.bodies.take(bytes)
    }

    /// So many bytes are kept no more.
    pub(crate) fn let_go(&self, bytes: u64) {
        self.bodies.give_back(bytes);
    }

    /// The world around a request of this route and upstream, at `now`.
    pub(crate) fn around<'a, H>(
        &'a self,
        route: &'a Route,
        upstream: &'a Upstream,
        candidates: &'a [EndpointIndex],
        now: Timestamp,
        host: &'a H,
    ) -> Option<Around<'a, H>> {
        let rng = self.rng.try_borrow_mut().ok()?;
        Some(Around { route, upstream, candidates, now, host, rng, places: Vec::new() })
    }
}

/// What decisions ask of this worker.
pub(crate) struct Around<'a, H> {
    route: &'a Route,
    upstream: &'a Upstream,
    candidates: &'a [EndpointIndex],
    now: Timestamp,
    host: &'a H,
    rng: RefMut<'a, fastrand::Rng>,
    /// Of the retry that was withdrawn.
    pub(crate) places: Vec<Place>,
}

impl<H: SharedData> World for Around<'_, H> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    fn withdraw(&mut self) -> Result<(), Denied> {
        let budget = self.upstream.budget.as_ref();
        let in_vain = self.upstream.retries_are_in_vain();
        let of_upstream = budget.map(|budget| budget.withdraw(in_vain, self.host, self.now)).transpose()?;
        let of_route = self.route.budget.withdraw(in_vain, self.host, self.now).inspect_err(|_| {
            if let Some(budget) = budget {
                budget.give_back(self.host, self.now);
            }
        })?;
        self.places.extend(of_upstream);
        self.places.push(of_route);
        Ok(())
    }

    fn pick(&mut self, tried: &[EndpointIndex]) -> Option<EndpointIndex> {
        let upstream = self.upstream;
        pick(self.candidates, upstream.endpoints().len(), |index| upstream.rotation.has(index), tried)
    }

    fn least_time(&self) -> Duration {
        let quickest = self.upstream.latency.try_borrow_mut().ok();
        let quickest = quickest.and_then(|mut latency| latency.quantile(5, self.now));
        self.route.settings.deadline.floor.max(quickest.unwrap_or_default())
    }
}
