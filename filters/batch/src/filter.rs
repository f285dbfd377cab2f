//! batch.wasm as the frame calls it.

use crate::plan::Plan;
use crate::site::Vm;
use crate::slots;
use crate::stream::Stream;
use crate::worker::Batch;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::budget::Concurrency;
use switchyard_frame::{Filter, Mailbox, Setup, prepare};
use switchyard_host::{Host, HostError};

impl Filter for Batch {
    const NAME: &'static str = "batch";
    type Vm = Vm;
    type Stream = Stream;

    fn new<H: Host>(document: &Document, setup: Setup<Vm>, host: &H) -> Result<Self, HostError> {
        let repeats = |route: &str| {
            let count = setup.own.repeats.try_borrow_mut().ok().map(|mut all| all.of(route));
            Concurrency::from(count.unwrap_or_default())
        };
        let plan = Plan::new(document, setup.configuration, &setup.memory, repeats, host);
        let proxy = plan.has_proxy_scope();
        let prepared = || {
            prepare(Self::NAME, host)?;
            if proxy { slots::prepare(host) } else { Ok(()) }
        };
        if !plan.is_empty()
            && let Err(error) = prepared()
        {
            log::warn!("switchyard.batch: no shared data, batches stay within their workers: {error}");
        }
        Ok(Self::with_plan(plan, setup))
    }

    fn summary(&self) -> String {
        format!("{} routes batch", self.site.plan.policies().count())
    }

    fn is_used(&self) -> bool {
        !self.site.plan.is_empty()
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        Stream::new(context, Rc::clone(self))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.on_tick(host);
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        Some(&self.mailbox)
    }

    fn message<H: Host>(&self, host: &H, message: &[u8]) {
        self.with(host, |gatherer, around| gatherer.message(around, message, self.site.plan.policies()));
    }

    fn act<H: Host>(&self, host: &H) {
        self.with(host, |gatherer, around| gatherer.act(around));
        self.acted(host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.on_answer(host, call, headers, body_size);
    }

    fn ended<H: Host>(&self, host: &H) {
        self.resign(host);
    }
}
