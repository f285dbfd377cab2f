//! One configuration in one worker, as its root and its streams share it.
//!
//! Invariant: while anything waits, a callback of a root is to come: by a message to the worker's own queue if there is work at once,
//! by the tick when something's time has come. The tick runs while anything waits or is to be told, and stops after.

use crate::around::Around;
use crate::plan::{Coalesced, Plan};
use crate::report::tell_held;
use crate::vm::Vm;
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::coalesce::{Event, Flights, Pass, Policy, QUICK_TICK, SLOW_TICK, StreamId, World};
use switchyard_core::memory::Paid;
use switchyard_core::status::SnapshotWriter;
use switchyard_frame::held_bodies::{Missing, SharedBodies};
use switchyard_frame::metrics::catalogue::COALESCE_WITHOUT_QUEUE;
use switchyard_frame::metrics::series_name;
use switchyard_frame::{Filter as _, Pacer, Setup};
use switchyard_host::{HeaderMap, Host};

/// coalesce.wasm under one configuration.
pub struct Coalesce {
    pub(crate) plan: Plan,
    pub(crate) setup: Setup<Vm>,
    pub(crate) bodies: Rc<SharedBodies<Rc<Policy>>>,
    pacer: Pacer,
    /// This root has taken this worker's queue, if only for a time.
    registered: Cell<bool>,
}

impl Coalesce {
    pub(crate) fn with_plan(plan: Plan, setup: Setup<Vm>) -> Self {
        let bodies = setup.own.bodies.of_another_configuration();
        Self { plan, setup, bodies, pacer: Pacer::default(), registered: Cell::default() }
    }

    /// Lets `act` change the flights; nothing if that is going on already.
    pub(crate) fn with<H: Host, R>(
        &self,
        host: &H,
        act: impl FnOnce(&mut Flights<Paid<HeaderMap>>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        self.pacer.stir();
        let mut flights = self.setup.own.flights.try_borrow_mut().ok()?;
        Some(act(&mut flights, &mut Around::new(&self.setup, host)))
    }

    /// Before the first request: workers have numbers and queues, the main thread has none. And when the root is gone
    /// that took the queue last, which may be an older one whose first request came late.
    pub(crate) fn begin(&self, host: &impl Host) {
        let (mailbox, first) = (&self.setup.own.mailbox, !self.registered.replace(true));
        if !mailbox.is_deaf() && !first {
            return;
        }
        // Without a queue flights stay within the worker, and the tick alone wakes followers.
        let queue = mailbox.open(
            Self::NAME,
            self.setup.number,
            (&self.setup.registry, &COALESCE_WITHOUT_QUEUE),
            host,
        );
        if let Some(queue) = queue
            && self.plan.has_proxy_scope()
            && let Ok(mut flights) = self.setup.own.flights.try_borrow_mut()
            && !flights.is_reachable()
        {
            flights.reachable_at(queue.address(host));
        }
    }

    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        self.pacer.stir();
        self.bodies.hold(stream, Rc::clone(policy), policy.settings().body_timeout)
    }

    /// Does what is to be done to streams.
    pub(crate) fn act_for_streams(&self, host: &impl Host) {
        let more = self.with(host, |flights, around| {
            flights.act(around);
            flights.has_work()
        });
        self.setup.own.mailbox.acted(more == Some(true));
        self.setup.effective_context.come_back(host);
    }

    /// After every event: wakes a root if there is work for it, and keeps the tick as quick as it must be.
    pub(crate) fn settle(&self, host: &impl Host) {
        self.wake(host);
        self.pacer.at_least_every(self.wanted_tick(), SLOW_TICK, host);
    }

    fn wake(&self, host: &impl Host) {
        let has_work = self.setup.own.flights.try_borrow().is_ok_and(|flights| flights.has_work());
        self.setup.own.mailbox.wake(has_work, host);
    }

    /// How often the tick is wanted by what waits.
    fn wanted_tick(&self) -> Option<Duration> {
        let flights = self.setup.own.flights.try_borrow();
        let flights = flights.map(|flights| flights.tick_period()).unwrap_or(QUICK_TICK);
        let flights = Some(flights).filter(|period| !period.is_zero());
        self.setup.own.bodies.next_look().into_iter().chain(flights).min()
    }

    /// The periodic work.
    pub(crate) fn on_tick(&self, host: &impl Host) {
        if self.setup.own.mailbox.is_deaf() {
            self.begin(host);
        }
        let stirred = self.pacer.ticked();
        self.setup.own.mailbox.ticked();
        self.with(host, |flights, around| flights.tick(around));
        self.end_body_waits(host);
        self.act_for_streams(host);
        self.wake(host);
        self.tell(host);
        let rest =
            if stirred { SLOW_TICK } else { self.setup.registry.next_look_at_gauges().unwrap_or_default() };
        self.pacer.every(self.wanted_tick().unwrap_or(rest), host);
        self.pacer.rested(false);
    }

    /// Lets those go on whose body is late.
    fn end_body_waits(&self, host: &impl Host) {
        self.setup.own.bodies.end_waits(&self.setup.effective_context, host, |missing, policy| {
            let why = match missing {
                Missing::All => Pass::NoBody,
                Missing::End => Pass::BodyTimeout,
            };
            self.count(&policy, Event::Passed(why), host);
        });
    }

    pub(crate) fn count(&self, policy: &Policy, event: Event, host: &impl Host) {
        self.pacer.stir();
        Around::new(&self.setup, host).count(policy, event);
    }

    /// Tells what was counted, and what is held under this configuration.
    fn tell(&self, host: &impl Host) {
        let now = self.setup.own.flights.try_borrow().map(|flights| flights.time()).unwrap_or_default();
        self.tell_held(|coalesced| {
            let passes = u64::try_from(coalesced.policy.passes(now)).unwrap_or(u64::MAX);
            (coalesced.policy.held(), passes)
        });
        self.setup.registry.tell_gauges(Self::NAME, host);
        self.setup.registry.flush(host);
    }

    /// The root has ended: nothing is held under its configuration any more. That is told at once, since nobody may tick after it.
    pub(crate) fn resign(&self, host: &impl Host) {
        self.tell_held(|_| (0, 0));
        if self.registered.get() {
            self.setup.registry.tell_gauges(Self::NAME, host);
        }
        self.setup.registry.flush(host);
    }

    /// Says of each route that so many bytes are held, and so many keys pass.
    fn tell_held(&self, held: impl Fn(&Coalesced) -> (u64, u64)) {
        let registry = &self.setup.registry;
        self.plan.coalesced().for_each(|coalesced| tell_held(registry, coalesced, held(coalesced)));
    }

    /// Says how many flights there are in this worker, and who waits for them, by route. A flight that another worker leads is its leader's.
    pub(crate) fn say(&self, into: &mut SnapshotWriter) {
        let Ok(flights) = self.setup.own.flights.try_borrow() else { return };
        for policy in self.plan.policies() {
            let own = flights.under_way().filter(|flight| Rc::ptr_eq(flight.policy, policy));
            let (led, waiting) = own.fold((0_u64, 0_u64), |(led, waiting), flight| {
                (led.saturating_add(u64::from(flight.is_led)), waiting.saturating_add(flight.waiting))
            });
            let route = [("route", policy.route())];
            into.amount(&series_name("coalesce_flights", &route), led);
            into.amount(&series_name("coalesce_waiting", &route), waiting);
        }
    }

    /// The stream has ended.
    pub(crate) fn stream_ended(&self, stream: StreamId, host: &impl Host) {
        if let Ok(mut undescribed) = self.setup.own.undescribed.try_borrow_mut() {
            undescribed.remove(&stream);
        }
        self.with(host, |flights, around| flights.ended(around, stream));
    }
}
