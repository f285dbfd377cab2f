//! One configuration in one worker, as its root and its streams share it: what it gathers, and how its root is woken.
//!
//! Invariant: while anything waits, a callback of the root is to come: by a message to its own queue if there is work at once, by
//! the tick when something's time has come. The tick runs while anything waits or is to be told, and stops after.

use crate::around::Around;
use crate::plan::Plan;
use crate::report::tell_held;
use crate::site::{Site, Vm};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::batch::gather::{Event, Gatherer, Pass, Policy, StreamId};
use switchyard_core::memory::{MOST_ANSWER, length};
use switchyard_frame::held_bodies::{Missing, SharedBodies};
use switchyard_frame::metrics::catalogue::BATCH_WITHOUT_QUEUE;
use switchyard_frame::{Filter as _, Mailbox, Pacer, SHORTEST_TICK, Setup};
use switchyard_host::{HeaderMap, Host};

/// The tick by which counts are told.
const NEWS_TICK: Duration = Duration::from_millis(50);
/// So many answers to requests that had the upstream to themselves are learned from at first, and later one of so many.
const LEARNED: u32 = 64;
const ONE_OF: u32 = 8;

/// batch.wasm under one configuration.
pub struct Batch {
    pub(crate) site: Site,
    gatherer: RefCell<Gatherer<HeaderMap>>,
    pub(crate) bodies: SharedBodies<Rc<Policy>>,
    pub(crate) mailbox: Mailbox,
    pacer: Pacer,
    begun: Cell<bool>,
    /// Answers to requests that went alone.
    answers: Cell<u32>,
}

impl Batch {
    pub(crate) fn with_plan(plan: Plan, setup: Setup<Vm>) -> Self {
        Self {
            site: Site::new(plan, setup),
            gatherer: RefCell::default(),
            bodies: SharedBodies::default(),
            mailbox: Mailbox::default(),
            pacer: Pacer::default(),
            begun: Cell::default(),
            answers: Cell::default(),
        }
    }

    /// Lets `act` change what is gathered; nothing if that is going on already.
    pub(crate) fn with<H: Host, R>(
        &self,
        host: &H,
        act: impl FnOnce(&mut Gatherer<HeaderMap>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        self.pacer.stir();
        let mut gatherer = self.gatherer.try_borrow_mut().ok()?;
        Some(act(&mut gatherer, &mut Around::new(&self.site, host)))
    }

    /// Counts an event that the gatherer knows nothing of.
    pub(crate) fn count(&self, policy: &Policy, event: Event, host: &impl Host) {
        self.pacer.stir();
        self.site.count(policy, event, host);
    }

    /// Before the first request: workers have numbers and queues, the main thread has none.
    pub(crate) fn begin(&self, host: &impl Host) {
        if self.begun.replace(true) {
            return;
        }
        let setup = &self.site.setup;
        let queue =
            self.mailbox.open(Self::NAME, setup.number, (&setup.registry, &BATCH_WITHOUT_QUEUE), host);
        if let Some(queue) = queue.filter(|_| self.site.plan.has_proxy_scope()) {
            self.with(host, |gatherer, _| gatherer.reachable_at(queue.address(host)));
        }
    }

    /// Whether it is to be learned how long the answer took that comes now to a request that went alone; to see that costs as
    /// much as all else that is done for it. Of those that share the upstream with others each is: others' times depend on it.
    pub(crate) fn learns(&self, is_only_one: bool) -> bool {
        let answers = self.answers.get().wrapping_add(1);
        self.answers.set(answers);
        !is_only_one || answers <= LEARNED || answers.is_multiple_of(ONE_OF)
    }

    /// A request's head is held until its body is whole; `false`: none would come.
    pub(crate) fn await_body(&self, stream: StreamId, policy: &Rc<Policy>) -> bool {
        self.pacer.stir();
        self.bodies.hold(stream, Rc::clone(policy), policy.settings().body_timeout)
    }

    /// Lets those go on whose body is late.
    fn end_body_waits(&self, host: &impl Host) {
        self.bodies.end_waits(&self.site.setup.effective_context, host, |missing, policy| {
            let why = match missing {
                Missing::All => Pass::NoBody,
                Missing::End => Pass::BodyTimeout,
            };
            self.site.count(&policy, Event::Passed(why), host);
        });
    }

    /// The stream has ended.
    pub(crate) fn stream_ended(&self, stream: StreamId, host: &impl Host) {
        self.with(host, |gatherer, around| gatherer.gone(around, stream));
    }

    /// A callback of the root has done what there was to do, or as much of it as one may.
    pub(crate) fn acted(&self, host: &impl Host) {
        let more = self.gatherer.try_borrow().is_ok_and(|gatherer| gatherer.has_work());
        self.mailbox.acted(more);
        self.site.setup.effective_context.come_back(host);
        self.settle(host);
    }

    /// After every event: sees to it that a callback of the root comes when there is work for one.
    pub(crate) fn settle(&self, host: &impl Host) {
        let Ok(gatherer) = self.gatherer.try_borrow() else { return };
        let woken = self.mailbox.wake(gatherer.has_work(), host);
        // Without a queue the tick alone does the work, and others have their turn before it goes on with much.
        let work = (gatherer.has_work() && !woken).then_some(SHORTEST_TICK);
        let news = self.pacer.is_stirred().then_some(NEWS_TICK);
        let (now, is_now) = self.site.end_of_callback();
        if !is_now && work.is_none() {
            // Without a look at the clock nothing got a time at which it is due.
            if let Some(news) = news {
                self.pacer.within(news, None, host);
            }
            return;
        }
        let wanted =
            [gatherer.next_tick(now), self.bodies.next_look(), work, news].into_iter().flatten().min();
        if let Some(wanted) = wanted {
            self.pacer.within(wanted, Some(now), host);
        }
    }

    /// The periodic work.
    pub(crate) fn on_tick(&self, host: &impl Host) {
        let stirred = self.pacer.ticked();
        self.mailbox.ticked();
        self.with(host, |gatherer, around| gatherer.tick(around));
        self.end_body_waits(host);
        self.site.setup.effective_context.come_back(host);
        self.tell(host);
        // While there is but to be said that this worker lives, any other tick takes its place.
        self.pacer.rested(stirred);
        self.settle(host);
        let look = self.site.setup.registry.next_look_at_gauges();
        self.pacer.otherwise_every(look.unwrap_or_default(), host);
        self.pacer.rested(false);
    }

    /// Tells what was counted, and what is held.
    fn tell(&self, host: &impl Host) {
        let registry = &self.site.setup.registry;
        if let Ok(mut reports) = self.site.setup.own.reports.try_borrow_mut() {
            self.site.plan.batched().for_each(|batched| reports.gauge(registry, batched, host));
        }
        registry.tell_gauges(Self::NAME, host);
        registry.flush(host);
    }

    /// The answer to a call has come, or the call has failed.
    pub(crate) fn on_answer(&self, host: &impl Host, call: u32, headers: usize, body_size: usize) {
        // Before it is taken into the VM.
        let fits = body_size <= MOST_ANSWER && self.site.setup.memory.kept.has_room(length(body_size));
        let answer = (headers > 0 && fits).then(|| {
            let head = host.call_headers().unwrap_or_default();
            let body = if body_size > 0 { host.call_body(body_size).unwrap_or_default() } else { Vec::new() };
            (head, body)
        });
        self.with(host, |gatherer, around| match answer {
            None if headers > 0 => gatherer.answered_too_much(around, call),
            None => gatherer.answered(around, call, None),
            Some((head, body)) => gatherer.answered(around, call, Some((&head, body))),
        });
        self.acted(host);
    }

    /// The root has ended: nothing is held any more, what it counted is told, and what it gathered is for others to gather.
    pub(crate) fn resign(&self, host: &impl Host) {
        self.with(host, |gatherer, around| gatherer.resign(around));
        let registry = &self.site.setup.registry;
        self.site.plan.batched().for_each(|batched| tell_held(registry, batched, (0, 0)));
        if self.begun.get() {
            registry.tell_gauges(Self::NAME, host);
        }
        registry.flush(host);
    }
}
