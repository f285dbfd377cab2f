//! batch-trap.wasm: batch.wasm, but a request with the header `x-trap` traps its VM.
//!
//! A scenario's way to kill a worker's VM while requests wait in it and for it. Another module is another VM, so what
//! stands beside it lives on.

#![cfg(target_arch = "wasm32")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use switchyard_batch::{Passage, Root, Stream};
use switchyard_host::{Hostcalls, RequestHeaders as _};

#[allow(missing_docs, reason = "the macro makes the entry point; it has no place for a docstring")]
mod start {
    use super::{LogLevel, TrapRoot};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|context_id| Box::new(TrapRoot(super::Root::new(context_id))));
    }}
}

struct TrapRoot(Root);

impl Context for TrapRoot {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        self.0.on_call_response(&Hostcalls, token, headers, body_size);
    }
}

impl RootContext for TrapRoot {
    fn on_configure(&mut self, _plugin_configuration_size: usize) -> bool {
        self.0.configure(&Hostcalls)
    }

    fn on_tick(&mut self) {
        self.0.tick(&Hostcalls);
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.0.on_queue_ready(&Hostcalls, queue);
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(TrapStream(self.0.stream(context_id))))
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
    fn on_http_request_headers(&mut self, _headers: usize, end_of_stream: bool) -> Action {
        if Hostcalls.request_headers().is_ok_and(|headers| headers.contains("x-trap")) {
            core::arch::wasm32::unreachable();
        }
        action(self.0.on_request_headers(&Hostcalls, end_of_stream))
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        action(self.0.on_request_body(&Hostcalls, body_size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.0.on_request_trailers(&Hostcalls);
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _headers: usize, end_of_stream: bool) -> Action {
        self.0.on_response_headers(&Hostcalls, end_of_stream);
        Action::Continue
    }

    fn on_http_response_body(&mut self, _body_size: usize, end_of_stream: bool) -> Action {
        self.0.on_response_body(&Hostcalls, end_of_stream);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _trailers: usize) -> Action {
        self.0.on_response_trailers(&Hostcalls);
        Action::Continue
    }
}

fn action(passage: Passage) -> Action {
    match passage {
        Passage::On => Action::Continue,
        Passage::Held => Action::Pause,
    }
}
