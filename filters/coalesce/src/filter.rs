//! coalesce.wasm as the frame calls it.

use crate::board;
use crate::plan::Plan;
use crate::stream::Stream;
use crate::vm::Vm;
use crate::worker::Coalesce;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::status::SnapshotWriter;
use switchyard_frame::{Filter, Mailbox, Setup, prepare};
use switchyard_host::{Host, HostError};

impl Filter for Coalesce {
    const NAME: &'static str = "coalesce";
    type Vm = Vm;
    type Stream = Stream;

    fn new<H: Host>(document: &Document, setup: Setup<Vm>, host: &H) -> Result<Self, HostError> {
        let plan = Plan::new(document, &setup.memory);
        let proxy = plan.has_proxy_scope();
        let prepared = || {
            prepare(Self::NAME, host)?;
            if proxy { board::prepare(host) } else { Ok(()) }
        };
        if !plan.is_empty()
            && let Err(error) = prepared()
        {
            log::warn!("switchyard.coalesce: no shared data, flights stay within their workers: {error}");
        }
        Ok(Self::with_plan(plan, setup))
    }

    fn summary(&self) -> String {
        format!("{} routes coalesce", self.plan.policies().count())
    }

    fn is_used(&self) -> bool {
        !self.plan.is_empty()
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        Stream::new(context, Rc::clone(self))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.on_tick(host);
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        Some(&self.setup.own.mailbox)
    }

    fn message<H: Host>(&self, host: &H, message: &[u8]) {
        self.with(host, |flights, around| flights.message(around, message));
    }

    fn act<H: Host>(&self, host: &H) {
        self.act_for_streams(host);
        self.settle(host);
    }

    fn snapshot<H: Host>(&self, _host: &H, into: &mut SnapshotWriter) {
        self.say(into);
    }

    /// Envoy wakes nobody for a queue whose root is gone.
    fn ended<H: Host>(&self, host: &H) {
        self.resign(host);
        self.setup.own.mailbox.root_ended(self.setup.number);
    }
}
