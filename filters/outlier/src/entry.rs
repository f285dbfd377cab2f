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

    fn stream(&self, _context: u32) -> Stream {
        self.stream()
    }
}

impl entry::Stream for Stream {
    fn on_request_headers(&mut self, _ended: bool) -> Passage {
        self.on_request_headers(&Hostcalls);
        Passage::On
    }

    fn on_response_headers(&mut self, ended: bool) -> Passage {
        self.on_response_headers(&Hostcalls, ended);
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
