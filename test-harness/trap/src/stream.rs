//! A stream that traps.

use crate::phase::Phase;
use core::cell::Cell;
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_frame::{Head, Stream};
use switchyard_host::{Flow, Host};

/// A stream that traps, or holds its request's body.
pub struct Trapping<S> {
    stream: S,
    filter: &'static str,
    /// In which callback of its own.
    phase: Option<Phase>,
    /// In which callback of the root.
    armed: Rc<Cell<Option<Phase>>>,
    holds: bool,
}

impl<S> Trapping<S> {
    pub(crate) fn new(stream: S, filter: &'static str, armed: Rc<Cell<Option<Phase>>>) -> Self {
        Self { stream, filter, phase: None, armed, holds: false }
    }

    fn at(&self, phase: Phase) {
        if self.phase == Some(phase) {
            core::arch::wasm32::unreachable();
        }
    }
}

impl<S: Stream> Stream for Trapping<S> {
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        if let Some(headers) = head.headers(host) {
            self.phase = headers.header("x-trap").and_then(|said| Phase::of(said, self.filter));
            self.holds = headers.header("x-hold") == Some(self.filter.as_bytes());
        }
        if matches!(self.phase, Some(Phase::Tick | Phase::Call)) {
            self.armed.set(self.phase);
        }
        self.at(Phase::RequestHeaders);
        self.stream.on_request_headers(host, head, ended)
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.at(Phase::RequestBody);
        match self.stream.on_request_body(host, size, ended) {
            Flow::Continue if self.holds && !ended => Flow::Pause,
            passage => passage,
        }
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.stream.on_request_trailers(host)
    }

    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        self.at(Phase::ResponseHeaders);
        self.stream.on_response_headers(host, ended)
    }

    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.at(Phase::ResponseBody);
        self.stream.on_response_body(host, size, ended)
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.stream.on_response_trailers(host)
    }

    fn on_done<H: Host>(&mut self, host: &H) {
        self.at(Phase::Done);
        self.stream.on_done(host);
    }
}
