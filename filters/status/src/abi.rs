//! The module as the SDK's entry calls it, with the real host.
//!
//! Invariant: nothing is decided here but that there is nothing to configure.

use crate::answer;
use switchyard_host::{Flow, Hostcalls, PluginConfiguration as _, entry};

switchyard_host::start!(Root);

struct Root;

struct Stream;

impl entry::Root for Root {
    type Stream = Stream;

    fn new(_context: u32) -> Self {
        Self
    }

    fn configure(&mut self) -> bool {
        let bytes = Hostcalls.plugin_configuration();
        let is_empty = bytes.is_ok_and(|bytes| matches!(bytes.trim_ascii(), b"" | b"{}"));
        if !is_empty {
            log::error!(
                "switchyard.status: configuration refused: there is nothing to configure; take it off"
            );
        }
        is_empty
    }

    fn tick(&mut self) {}

    fn stream(&self, _context: u32) -> Stream {
        Stream
    }
}

impl entry::Stream for Stream {
    fn on_request_headers(&mut self, _ended: bool) -> Flow {
        answer(&Hostcalls)
    }

    fn on_response_headers(&mut self, _ended: bool) -> Flow {
        Flow::Continue
    }

    fn on_done(&mut self) {}
}
