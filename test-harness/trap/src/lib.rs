//! A filter as it is, but a request with the header `x-trap` traps its VM.
//!
//! A scenario's way to kill a worker's VM under load, while requests wait in it and for it. Each filter of this kind is a
//! module of its own, made by the feature of its name: another module is another VM, so what stands beside it lives on.

#![cfg(target_arch = "wasm32")]

use std::rc::Rc;
use switchyard_config::Document;
#[cfg(any(feature = "batch", feature = "coalesce"))]
use switchyard_frame::chain::Single;
use switchyard_frame::{Filter, Head, Mailbox, Setup, Stream};
use switchyard_host::{Flow, Host, HostError};

#[cfg(feature = "batch")]
switchyard_frame::start!(Single<Trap<switchyard_batch::Batch>>);
#[cfg(feature = "coalesce")]
switchyard_frame::start!(Single<Trap<switchyard_coalesce::Coalesce>>);
#[cfg(feature = "outlier")]
switchyard_frame::start!(Trap<switchyard_outlier::Outlier>);

/// A filter whose streams trap.
pub struct Trap<F>(Rc<F>);

/// A stream that traps.
pub struct Trapping<S>(S);

impl<F: Filter> Filter for Trap<F> {
    const NAME: &'static str = F::NAME;
    type Vm = F::Vm;
    type Stream = Trapping<F::Stream>;

    fn new<H: Host>(document: &Document, setup: Setup<F::Vm>, host: &H) -> Result<Self, HostError> {
        F::new(document, setup, host).map(|filter| Self(Rc::new(filter)))
    }

    fn summary(&self) -> String {
        self.0.summary()
    }

    fn stream(self: &Rc<Self>, context: u32) -> Self::Stream {
        Trapping(self.0.stream(context))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.0.tick(host);
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        self.0.mailbox()
    }

    fn message<H: Host>(&self, host: &H, message: &[u8]) {
        self.0.message(host, message);
    }

    fn act<H: Host>(&self, host: &H) {
        self.0.act(host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.0.called(host, call, headers, body_size);
    }

    fn ended<H: Host>(&self, host: &H) {
        self.0.ended(host);
    }
}

impl<S: Stream> Stream for Trapping<S> {
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        if head.headers(host).is_some_and(|headers| headers.contains("x-trap")) {
            core::arch::wasm32::unreachable();
        }
        self.0.on_request_headers(host, head, ended)
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.0.on_request_body(host, size, ended)
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.0.on_request_trailers(host)
    }

    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        self.0.on_response_headers(host, ended)
    }

    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.0.on_response_body(host, size, ended)
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.0.on_response_trailers(host)
    }

    fn on_done<H: Host>(&mut self, host: &H) {
        self.0.on_done(host);
    }
}
