//! outlier-trap.wasm: outlier.wasm, but an attempt whose request has the header `x-trap` traps its VM.
//!
//! A scenario's way to kill a worker's VM under load. Another module is another VM, so what stands beside it lives on.

#![cfg(target_arch = "wasm32")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use switchyard_host::{Hostcalls, RequestHeaders as _};
use switchyard_outlier::{Root, Stream};

#[allow(missing_docs, reason = "the macro makes the entry point; it has no place for a docstring")]
mod start {
    use super::{LogLevel, TrapRoot};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|context_id| Box::new(TrapRoot(super::Root::new(context_id))));
    }}
}

struct TrapRoot(Root);

impl Context for TrapRoot {}

impl RootContext for TrapRoot {
    fn on_configure(&mut self, _plugin_configuration_size: usize) -> bool {
        self.0.configure(&Hostcalls)
    }

    fn on_tick(&mut self) {
        self.0.tick(&Hostcalls);
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(TrapStream(self.0.stream())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct TrapStream(Stream);

impl Drop for TrapStream {
    fn drop(&mut self) {
        self.0.on_done(&Hostcalls);
    }
}

impl Context for TrapStream {}

impl HttpContext for TrapStream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        if Hostcalls.request_headers().is_ok_and(|headers| headers.contains("x-trap")) {
            core::arch::wasm32::unreachable();
        }
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
