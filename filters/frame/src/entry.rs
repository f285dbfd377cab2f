//! A filter as the SDK's entry calls it, with the real host.
//!
//! Invariant: nothing is decided here.

use crate::{Filter, Head, Root, Stream};
use switchyard_host::{Flow, Hostcalls, entry};

/// Makes a crate the module whose filter is `$filter`, which is a [`Filter`](crate::Filter).
#[macro_export]
macro_rules! start {
    ($filter:ty) => {
        $crate::switchyard_host::start!($crate::Root<$filter>);
    };
}

/// One request; without a configuration it passes.
pub struct Request<S>(Option<S>);

impl<F: Filter> entry::Root for Root<F> {
    type Stream = Request<F::Stream>;

    fn new(context: u32) -> Self {
        Self::new(context)
    }

    fn configure(&mut self) -> bool {
        self.configure(&Hostcalls)
    }

    fn tick(&mut self) {
        self.tick(&Hostcalls);
    }

    fn stream(&self, context: u32) -> Self::Stream {
        self.serves(&Hostcalls);
        Request(self.stream(context))
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

impl<S: Stream> Request<S> {
    fn pass(&mut self, act: impl FnOnce(&mut S) -> Flow) -> Flow {
        self.0.as_mut().map_or(Flow::Continue, act)
    }
}

impl<S: Stream> entry::Stream for Request<S> {
    fn on_request_headers(&mut self, ended: bool) -> Flow {
        self.pass(|stream| stream.on_request_headers(&Hostcalls, &Head::default(), ended))
    }

    fn on_request_body(&mut self, size: usize, ended: bool) -> Flow {
        self.pass(|stream| stream.on_request_body(&Hostcalls, size, ended))
    }

    fn on_request_trailers(&mut self) -> Flow {
        self.pass(|stream| stream.on_request_trailers(&Hostcalls))
    }

    fn on_response_headers(&mut self, ended: bool) -> Flow {
        self.pass(|stream| stream.on_response_headers(&Hostcalls, ended))
    }

    fn on_response_body(&mut self, size: usize, ended: bool) -> Flow {
        self.pass(|stream| stream.on_response_body(&Hostcalls, size, ended))
    }

    fn on_response_trailers(&mut self) -> Flow {
        self.pass(|stream| stream.on_response_trailers(&Hostcalls))
    }

    fn on_done(&mut self) {
        if let Some(stream) = &mut self.0 {
            stream.on_done(&Hostcalls);
        }
    }
}
