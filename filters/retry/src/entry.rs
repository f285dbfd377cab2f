//! A stream as the frame calls it.

use crate::Stream;
use switchyard_frame as frame;
use switchyard_host::{Host, Passage};

impl frame::Stream for Stream {
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &frame::Head, ended: bool) -> Passage {
        self.on_request_headers(host, head, ended);
        Passage::On
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Passage {
        self.on_request_body(host, size, ended);
        Passage::On
    }

    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Passage {
        self.on_response_headers(host, ended)
    }

    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Passage {
        self.on_response_body(host, size, ended)
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Passage {
        self.on_response_trailers(host)
    }

    fn on_done<H: Host>(&mut self, host: &H) {
        self.on_done(host);
    }
}
