//! The ABI entry that all filters share: the SDK's callbacks handed on to a filter's root and streams.
//!
//! Invariants: nothing is decided here, and every stream and root is told of its end exactly once; a message for a root that is no more wakes
//! nobody ([`is_root`]). Trade-off: a module has all
//! callbacks in it, also those that its filter leaves at their defaults; `cargo xtask build` removes the exports
//! that a filter does not list, so that Envoy never makes the crossing.

use crate::Flow;
use core::cell::RefCell;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

/// A filter under one configuration, as Envoy calls it: a root context.
pub trait Root: Sized + 'static {
    /// What one request is to it.
    type Stream: Stream;

    /// The root of this context, without a configuration yet.
    fn new(context: u32) -> Self;
    /// Takes the plugin's configuration; `false` refuses it.
    fn configure(&mut self) -> bool;
    /// The period that it asked for has passed.
    fn tick(&mut self);
    /// The stream of this context.
    fn stream(&self, context: u32) -> Self::Stream;
    /// A message waits in a queue.
    fn on_queue_ready(&mut self, _queue: u32) {}
    /// A call of its own has been answered, or has failed: then with no headers.
    fn on_call_response(&mut self, _call: u32, _headers: usize, _body_size: usize) {}
    /// It has ended, after its last stream.
    fn on_done(&mut self) {}
}

/// One request in a filter, as Envoy calls it: a stream context.
pub trait Stream: 'static {
    /// The request's headers; `ended` if nothing follows.
    fn on_request_headers(&mut self, ended: bool) -> Flow;
    /// More of the request's body: `size` bytes of it are at hand.
    fn on_request_body(&mut self, _size: usize, _ended: bool) -> Flow {
        Flow::Continue
    }
    /// The request's trailers.
    fn on_request_trailers(&mut self) -> Flow {
        Flow::Continue
    }
    /// The answer's headers; `ended` if nothing follows.
    fn on_response_headers(&mut self, ended: bool) -> Flow;
    /// More of the answer's body: `size` bytes of it are at hand.
    fn on_response_body(&mut self, _size: usize, _ended: bool) -> Flow {
        Flow::Continue
    }
    /// The answer's trailers.
    fn on_response_trailers(&mut self) -> Flow {
        Flow::Continue
    }
    /// It has ended, however.
    fn on_done(&mut self);
}

/// Makes a crate the module whose root contexts are `$root`, which is a [`Root`].
#[macro_export]
macro_rules! start {
    ($root:ty) => {
        const _: () = {
            $crate::proxy_wasm::main! {{
                $crate::entry::begin::<$root>();
            }}
        };
    };
}

/// What a module does when it is loaded; [`start!`](crate::start) calls it.
pub fn begin<R: Root>() {
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(RootEntry::<R>::new(context)));
}

thread_local! {
    /// The contexts of the roots of this VM: as many as listeners and clusters have a plugin under its `vm_id`.
    static ROOTS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Whether a root of this VM has this context.
///
/// Envoy keeps for a queue the VM's key and the context of the root that registered it. When a VM traps, its successor in the thread has the same key,
/// and numbers its contexts anew: the number of a root that is no more may be that of a stream now, for which the SDK would trap again.
pub fn is_root(context: u32) -> bool {
    ROOTS.try_with(|roots| roots.try_borrow().is_ok_and(|roots| roots.contains(&context))).unwrap_or(false)
}

struct RootEntry<R: Root> {
    root: R,
    context: u32,
}

impl<R: Root> RootEntry<R> {
    fn new(context: u32) -> Self {
        change_roots(|roots| roots.push(context));
        Self { root: R::new(context), context }
    }
}

fn change_roots(change: impl FnOnce(&mut Vec<u32>)) {
    // It is borrowed for no longer than one change or look takes.
    let _ = ROOTS.try_with(|roots| roots.try_borrow_mut().map(|mut roots| change(&mut roots)));
}

/// As that of a stream.
impl<R: Root> Drop for RootEntry<R> {
    fn drop(&mut self) {
        change_roots(|roots| roots.retain(|root| *root != self.context));
        self.root.on_done();
    }
}

impl<R: Root> Context for RootEntry<R> {
    fn on_http_call_response(&mut self, call: u32, headers: usize, body_size: usize, _trailers: usize) {
        self.root.on_call_response(call, headers, body_size);
    }
}

impl<R: Root> RootContext for RootEntry<R> {
    fn on_configure(&mut self, _plugin_configuration_size: usize) -> bool {
        self.root.configure()
    }

    fn on_tick(&mut self) {
        self.root.tick();
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.root.on_queue_ready(queue);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(StreamEntry(self.root.stream(context))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct StreamEntry<S: Stream>(S);

/// The end of a stream is its `on_delete`, in which the SDK drops it: that comes for every stream, right behind `on_done`
/// and with the same attributes to read, so `on_done` would be a crossing for nothing.
impl<S: Stream> Drop for StreamEntry<S> {
    fn drop(&mut self) {
        self.0.on_done();
    }
}

impl<S: Stream> Context for StreamEntry<S> {}

impl<S: Stream> HttpContext for StreamEntry<S> {
    fn on_http_request_headers(&mut self, _headers: usize, ended: bool) -> Action {
        action(self.0.on_request_headers(ended))
    }

    fn on_http_request_body(&mut self, size: usize, ended: bool) -> Action {
        action(self.0.on_request_body(size, ended))
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        action(self.0.on_request_trailers())
    }

    fn on_http_response_headers(&mut self, _headers: usize, ended: bool) -> Action {
        action(self.0.on_response_headers(ended))
    }

    fn on_http_response_body(&mut self, size: usize, ended: bool) -> Action {
        action(self.0.on_response_body(size, ended))
    }

    fn on_http_response_trailers(&mut self, _trailers: usize) -> Action {
        action(self.0.on_response_trailers())
    }
}

fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}
