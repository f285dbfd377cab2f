//! The module as the SDK's entry calls it, with the real host.
//!
//! Invariant: nothing is decided here but that there is nothing to configure.

use crate::Looks;
use std::rc::Rc;
use switchyard_host::{Flow, Hostcalls, PluginConfiguration as _, entry};

switchyard_host::start!(Root);

struct Root(Rc<Looks>);

struct Stream(Rc<Looks>);

impl entry::Root for Root {
    type Stream = Stream;

    fn new(_context: u32) -> Self {
        Self(Rc::default())
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
        Stream(Rc::clone(&self.0))
    }
}

impl entry::Stream for Stream {
    fn on_request_headers(&mut self, _ended: bool) -> Flow {
        self.0.answer(&Hostcalls)
    }

    fn on_response_headers(&mut self, _ended: bool) -> Flow {
        Flow::Continue
    }

    fn on_done(&mut self) {}
}
