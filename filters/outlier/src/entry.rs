//! The ABI entry: the SDK's callbacks handed on to [`Root`] and [`Stream`], and nothing decided here.

use crate::{Root, Stream};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use switchyard_host::Hostcalls;

#[allow(missing_docs, reason = "the macro makes the entry point; it has no place for a docstring")]
mod start {
    use super::{LogLevel, OutlierRoot};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|context_id| Box::new(OutlierRoot(crate::Root::new(context_id))));
    }}
}

struct OutlierRoot(Root);

impl Context for OutlierRoot {}

impl RootContext for OutlierRoot {
    fn on_configure(&mut self, _plugin_configuration_size: usize) -> bool {
        self.0.configure(&Hostcalls)
    }

    fn on_tick(&mut self) {
        self.0.tick(&Hostcalls);
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(OutlierStream(self.0.stream())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct OutlierStream(Stream);

/// The end of an attempt is its `on_delete`, in which the SDK drops it; see router.wasm.
impl Drop for OutlierStream {
    fn drop(&mut self) {
        self.0.on_done(&Hostcalls);
    }
}

impl Context for OutlierStream {}

impl HttpContext for OutlierStream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        self.0.on_request_headers(&Hostcalls);
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _headers: usize, end_of_stream: bool) -> Action {
        self.0.on_response_headers(&Hostcalls, end_of_stream);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _trailers: usize) -> Action {
        self.0.on_response_trailers(&Hostcalls);
        Action::Continue
    }
}
