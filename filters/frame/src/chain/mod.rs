//! Several filters as one: a [`Filter`] whose stages are filters, all in one root and one context per request.
//!
//! [`Chained`] is that filter: the document is parsed once for all stages, there is one root, one timer, one context. What Envoy's
//! filter manager does between filters, [`switchyard_core::chain`] does between stages; a request's chain and the stages' streams are its
//! `Journey`. Each stage runs unchanged on a host of its own, `StageHost`, which is the real one
//! but for what stages must share: when requests and answers go on, local replies, bodies, the request's head, calls, ticks.
//!
//! Invariants: nothing that goes on or is answered passes by the chain; a chain that waits is found by its context, under whichever
//! configuration it began; nothing is borrowed while a stage is called but that stage's own. Trade-off: all stages of a stream live as long
//! as the stream, and each keeps metrics, queue and state of its own, so that it is in a chain what it is by itself.

mod desk;
mod edits;
mod filters;
mod host;
mod journey;
mod ports;
mod ticks;
mod written;

pub use filters::Filters;
pub use journey::ChainStream;

use crate::{Filter, Setup};
use desk::{Desk, Journeys};
use host::StageHost;
use journey::Journey;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::contract::decisions_property;
use switchyard_core::status::SnapshotWriter;
use switchyard_host::{Host, HostError};

/// What a module's chains share: their stages' own, and those that are under way.
pub struct ChainVm<T: Filters<N>, const N: usize> {
    /// Of each stage, once there is a configuration.
    vms: core::cell::OnceCell<T::Vms>,
    journeys: Journeys<T, N>,
}

impl<T: Filters<N>, const N: usize> Default for ChainVm<T, N> {
    fn default() -> Self {
        Self { vms: core::cell::OnceCell::new(), journeys: Journeys::default() }
    }
}

/// The filters `T`, in the order of a request's way, as one.
pub struct Chained<T: Filters<N>, const N: usize> {
    stages: T::Made,
    /// The stages that any route uses.
    used: [bool; N],
    desk: Desk<N>,
    setup: Setup<ChainVm<T, N>>,
    /// The property in which it says what was decided for a request, if it is to say so.
    decisions: Option<Box<str>>,
}

/// A filter by itself, as its own module has it: the only stage of a chain.
pub type Single<F> = Chained<(F,), 1>;

impl<T: Filters<N>, const N: usize> Chained<T, N> {
    /// The host of a stage in a callback of the root.
    fn host<'a, H>(&'a self, stage: usize, host: &'a H) -> StageHost<'a, H, T, N> {
        StageHost::of_root(self, stage, host)
    }

    fn used(&self) -> impl Iterator<Item = usize> + '_ {
        (0..N).filter(|stage| self.used.get(*stage) == Some(&true))
    }

    /// Writes what was decided in this callback of the root for requests that have not gone on.
    fn write_down<H: Host>(&self, host: &H) {
        for context in self.setup.own.journeys.take_noted() {
            let journey = self.setup.own.journeys.get(context).filter(|journey| journey.has_news());
            if let Some(journey) = journey
                && self.setup.effective_context.enter(context, host)
            {
                journey.write_down(host);
            }
        }
    }

    /// A stage of the root has done what there was to do: the next one acts in the root's name.
    fn acted<H: Host>(&self, host: &H) {
        self.write_down(host);
        self.setup.effective_context.come_back(host);
    }

    /// What the chain itself holds goes on.
    fn let_go<H: Host>(&self, host: &H) {
        for (context, direction) in self.setup.own.journeys.take_owed() {
            let Some(journey) = self.setup.own.journeys.get(context) else { continue };
            if journey.is_owed(direction) && self.setup.effective_context.enter(context, host) {
                journey.let_go(direction, &self.desk, host);
            }
        }
    }
}

impl<T: Filters<N>, const N: usize> Filter for Chained<T, N> {
    const NAME: &'static str = T::NAME;
    type Vm = ChainVm<T, N>;
    type Stream = ChainStream<T, N>;

    fn new<H: Host>(document: &Document, setup: Setup<Self::Vm>, host: &H) -> Result<Self, HostError> {
        let vms = setup.own.vms.get_or_init(|| T::vms(&setup.memory));
        setup.own.journeys.callback_begins();
        let desk = Desk::of(&setup);
        let stages = T::make(document, vms, &setup, &desk, host)?;
        let used = T::used(&stages);
        desk.ticks.concern(used, &desk.timer(host))?;
        let decisions = document.log_decisions().then(|| decisions_property(Self::NAME).into());
        Ok(Self { stages, used, desk, setup, decisions })
    }

    fn summary(&self) -> String {
        T::summary(&self.stages)
    }

    fn stream(self: &Rc<Self>, context: u32) -> Self::Stream {
        ChainStream::new(Rc::new(Journey::new(context, Rc::clone(self))))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.setup.own.journeys.callback_begins();
        let now = self.desk.ticks.several().then(|| self.setup.own.journeys.now(host).ok()).flatten();
        let due = self.desk.ticks.ticked(now);
        for stage in self.used().filter(|stage| due.get(*stage) == Some(&true)) {
            T::tick(&self.stages, stage, &self.host(stage, host));
            self.acted(host);
        }
        self.let_go(host);
        self.acted(host);
        self.desk.ticks.rest(self.setup.own.journeys.owes_nothing(), &self.desk.timer(host));
    }

    fn look<H: Host>(&self, host: &H, queue: u32) {
        self.setup.own.journeys.callback_begins();
        for stage in self.used() {
            T::look(&self.stages, stage, &self.host(stage, host), queue);
            self.acted(host);
        }
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.setup.own.journeys.callback_begins();
        // A call that nobody waits for is nobody's.
        if let Some(stage) = self.desk.answered(call) {
            T::called(&self.stages, stage, &self.host(stage, host), (call, headers, body_size));
            self.acted(host);
        }
    }

    fn snapshot<H: Host>(&self, host: &H, into: &mut SnapshotWriter) {
        // A stage says what it knows and does nothing to streams, so it needs no host of its own.
        if let Some(vms) = self.setup.own.vms.get() {
            T::snapshot(&self.stages, vms, host, into);
        }
    }

    fn ended<H: Host>(&self, host: &H) {
        self.setup.own.journeys.callback_begins();
        for stage in 0..N {
            T::ended(&self.stages, stage, &self.host(stage, host));
        }
    }
}
