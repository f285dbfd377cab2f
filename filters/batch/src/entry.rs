//! The ABI entry: what Envoy calls, handed on with the real host.

use crate::{Root, Stream};
use switchyard_host::{Hostcalls, Passage, entry};

#[cfg(feature = "abi")]
switchyard_host::start!(Root);

impl entry::Root for Root {
    type Stream = Stream;

    fn new(context: u32) -> Self {
        Self::new(context)
    }

    fn configure(&mut self) -> bool {
        self.configure(&Hostcalls)
    }

    fn tick(&mut self) {
        self.tick(&Hostcalls);
    }

    fn stream(&self, context: u32) -> Stream {
        self.stream(context)
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.on_queue_ready(&Hostcalls, queue);
    }

    fn on_call_response(&mut self, call: u32, headers: usize, body_size: usize) {
        self.on_call_response(&Hostcalls, call, headers, body_size);
    }

    fn on_done(&mut self) {
        self.on_done(&Hostcalls);
    }
}

impl entry::Stream for Stream {
    fn on_request_headers(&mut self, ended: bool) -> Passage {
        self.on_request_headers(&Hostcalls, ended)
    }

    fn on_request_body(&mut self, size: usize, ended: bool) -> Passage {
        self.on_request_body(&Hostcalls, size, ended)
    }

    fn on_request_trailers(&mut self) -> Passage {
        self.on_request_trailers(&Hostcalls);
        Passage::On
    }

    fn on_response_headers(&mut self, ended: bool) -> Passage {
        self.on_response_headers(&Hostcalls, ended);
        Passage::On
    }

    fn on_response_body(&mut self, _size: usize, ended: bool) -> Passage {
        self.on_response_body(&Hostcalls, ended);
        Passage::On
    }

    fn on_response_trailers(&mut self) -> Passage {
        self.on_response_trailers(&Hostcalls);
        Passage::On
    }

    fn on_done(&mut self) {
        self.on_done(&Hostcalls);
    }
}
