//! A filter as it is, but a request with the header `x-trap` traps its VM.
//!
//! A scenario's way to kill a worker's VM under load, while requests wait in it and for it. Each filter of this kind is a
//! module of its own: another module is another VM, so what stands beside it lives on.

#![cfg(target_arch = "wasm32")]

use switchyard_host::entry::{Root, Stream};
use switchyard_host::{Hostcalls, Passage, RequestHeaders as _};

/// A root or a stream of a filter that traps.
pub struct Trap<T>(T);

impl<R: Root> Root for Trap<R> {
    type Stream = Trap<R::Stream>;

    fn new(context: u32) -> Self {
        Self(R::new(context))
    }

    fn configure(&mut self) -> bool {
        self.0.configure()
    }

    fn tick(&mut self) {
        self.0.tick();
    }

    fn stream(&self, context: u32) -> Self::Stream {
        Trap(self.0.stream(context))
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.0.on_queue_ready(queue);
    }

    fn on_call_response(&mut self, call: u32, headers: usize, body_size: usize) {
        self.0.on_call_response(call, headers, body_size);
    }

    fn on_done(&mut self) {
        self.0.on_done();
    }
}

impl<S: Stream> Stream for Trap<S> {
    fn on_request_headers(&mut self, ended: bool) -> Passage {
        if Hostcalls.request_headers().is_ok_and(|headers| headers.contains("x-trap")) {
            core::arch::wasm32::unreachable();
        }
        self.0.on_request_headers(ended)
    }

    fn on_request_body(&mut self, size: usize, ended: bool) -> Passage {
        self.0.on_request_body(size, ended)
    }

    fn on_request_trailers(&mut self) -> Passage {
        self.0.on_request_trailers()
    }

    fn on_response_headers(&mut self, ended: bool) -> Passage {
        self.0.on_response_headers(ended)
    }

    fn on_response_body(&mut self, size: usize, ended: bool) -> Passage {
        self.0.on_response_body(size, ended)
    }

    fn on_response_trailers(&mut self) -> Passage {
        self.0.on_response_trailers()
    }

    fn on_done(&mut self) {
        self.0.on_done();
    }
}
