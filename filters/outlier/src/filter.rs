//! outlier.wasm as the frame calls it.

use crate::stream::Stream;
use crate::vm::Vm;
use crate::worker::Outlier;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_frame::{Filter, Setup};
use switchyard_host::{Host, HostError};

impl Filter for Outlier {
    const NAME: &'static str = "outlier";
    type Vm = Vm;
    type Stream = Stream;

    fn new<H: Host>(document: &Document, setup: Setup<Vm>, host: &H) -> Result<Self, HostError> {
        Self::of(document, setup, host)
    }

    fn summary(&self) -> String {
        Self::summary(self)
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        Stream::new(Rc::clone(self), context)
    }

    fn tick<H: Host>(&self, host: &H) {
        self.on_tick(host);
    }
}
