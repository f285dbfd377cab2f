//! What all configurations in one VM share: the flights of this worker, and how other workers reach it.
//!
//! Invariant: flights outlive configurations. Old and new roots of one plugin live in one VM, and a message for a
//! flight that began under the old one may come to the new.

use crate::around::{Around, Surroundings};
use crate::body::AllBodies;
use crate::reach::FILTER;
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use switchyard_core::coalesce::{Flights, StreamId};
use switchyard_core::memory::Paid;
use switchyard_host::metrics::Counter;
use switchyard_host::reach;
use switchyard_host::{
    Bodies as BodyPort, Clock, Contexts, HeaderMap, MetricSink, Properties, Queues, Replies, RequestHeaders,
    ResponseHeaders, SharedData, Ticks,
};

/// What acting on flights asks of a host.
pub trait ActingHost:
    Clock
    + MetricSink
    + SharedData
    + Queues
    + Properties
    + Replies
    + Contexts
    + Ticks
    + RequestHeaders
    + ResponseHeaders
    + BodyPort
{
}

impl<
    T: Clock
        + MetricSink
        + SharedData
        + Queues
        + Properties
        + Replies
        + Contexts
        + Ticks
        + RequestHeaders
        + ResponseHeaders
        + BodyPort,
> ActingHost for T
{
}

/// Callbacks in a row that wake the next. Envoy takes messages to a worker's own queue before it looks at its connections.
const TURNS: u32 = 8;

/// One VM of one worker.
#[derive(Default)]
pub struct Vm {
    pub(crate) surroundings: Surroundings,
    pub(crate) flights: RefCell<Flights<Paid<HeaderMap>>>,
    pub(crate) bodies: AllBodies,
    /// This worker's number, once it has one.
    number: Cell<Option<u32>>,
    queue: Cell<Option<u32>>,
    /// The root that took the queue last.
    hears: Cell<Option<u32>>,
    /// That root is gone, and nobody hears the queue.
    deaf: Cell<bool>,
    /// Callbacks in a row that left work for another one.
    pub(crate) turns: Cell<u32>,
    /// A message that wakes the root is under way.
    woken: Cell<bool>,
    /// Something has happened since the last tick.
    pub(crate) stirred: Cell<bool>,
}

impl Vm {
    /// The VM that this runs in: one per thread.
    pub fn here() -> Rc<Self> {
        VM.with(Rc::clone)
    }

    /// Lets `act` change the flights; nothing if that is going on already.
    pub(crate) fn with<H: ActingHost, R>(
        &self,
        host: &H,
        act: impl FnOnce(&mut Flights<Paid<HeaderMap>>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        self.stirred.set(true);
        let mut flights = self.flights.try_borrow_mut().ok()?;
        Some(act(&mut flights, &mut Around::new(&self.surroundings, host)))
    }

    /// Makes this worker's queue wake this root, in whose name calls are made; `proxy`: and other workers know it.
    pub(crate) fn register(&self, root: u32, proxy: bool, host: &impl ActingHost) {
        self.hears.set(Some(root));
        self.deaf.set(false);
        let number = self.number.get().or_else(|| reach::take_number(FILTER, host));
        self.number.set(number);
        let queue = number.and_then(|number| Some((number, reach::register(FILTER, number, host).ok()?)));
        let Some((number, queue)) = queue else {
            self.degraded(host).increment();
            return;
        };
        self.queue.set(Some(queue));
        if let Ok(mut flights) = self.flights.try_borrow_mut()
            && proxy
            && !flights.is_reachable()
        {
            flights.reachable_at(reach::address(number, queue, host));
        }
    }

    /// Counts roots without a queue: their flights stay within the worker, and the tick alone wakes followers.
    fn degraded(&self, host: &impl MetricSink) -> Counter {
        self.surroundings.registry.counter(host, "switchyard.coalesce_without_queue")
    }

    /// Whether the queue has been somebody's who is gone.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.get()
    }

    /// A root is gone.
    pub(crate) fn root_ended(&self, root: u32) {
        if self.hears.get() == Some(root) {
            self.deaf.set(true);
            // The message that was to wake it is nobody's.
            self.awake();
        }
    }

    /// Whether this is the queue of this worker.
    pub(crate) fn is_queue(&self, queue: u32) -> bool {
        self.queue.get() == Some(queue)
    }

    /// The message that was to wake the root has come.
    pub(crate) fn awake(&self) {
        self.woken.set(false);
    }

    /// Sees to it that a callback of the root comes soon, if there is work for one: a message to the own queue is the
    /// quick way, the tick the sure one. Who has had many turns waits for the tick, and others have theirs.
    pub(crate) fn wake(&self, host: &impl ActingHost) {
        let has_work = self.flights.try_borrow().is_ok_and(|flights| flights.has_work());
        if has_work
            && !self.woken.get()
            && self.turns.get() < TURNS
            && let Some(queue) = self.queue.get()
        {
            self.woken.set(host.enqueue(queue, &[]).is_ok());
        }
    }

    /// The stream has ended.
    pub(crate) fn ended(&self, stream: StreamId, host: &impl ActingHost) {
        if let Ok(mut undescribed) = self.surroundings.undescribed.try_borrow_mut() {
            undescribed.remove(&stream);
        }
        self.with(host, |flights, around| flights.ended(around, stream));
    }
}

thread_local! {
    static VM: Rc<Vm> = Rc::default();
}
