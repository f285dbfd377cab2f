//! router.wasm as the frame calls it.

use crate::stream::Stream;
use crate::worker::{Router, Vm};
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::status::SnapshotWriter;
use switchyard_frame::{Filter, Setup};
use switchyard_host::{Host, HostError};

impl Filter for Router {
    const NAME: &'static str = "router";
    type Vm = Vm;
    type Stream = Stream;

    fn new<H: Host>(document: &Document, setup: Setup<Vm>, host: &H) -> Result<Self, HostError> {
        Self::of(document, setup, host)
    }

    fn summary(&self) -> String {
        let (upstreams, routes) = self.plan.size();
        format!("{upstreams} upstreams, {routes} routes")
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        self.serves();
        Stream::new(context, Rc::clone(self))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.on_tick(host);
    }

    fn look<H: Host>(&self, host: &H, queue: u32) {
        self.on_queue(queue, host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.on_call_response((call, headers, body_size), host);
    }

    fn snapshot<H: Host>(&self, host: &H, into: &mut SnapshotWriter) {
        self.say(host, into);
    }

    fn ended<H: Host>(&self, _host: &H) {
        self.on_ended();
    }
}
