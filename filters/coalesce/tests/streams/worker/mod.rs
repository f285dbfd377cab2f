//! Workers of coalesce.wasm, and what its tests have them do.

mod given;

pub(crate) use given::*;
use switchyard_coalesce::{Root, Stream, Vm};
use switchyard_host::fake::{self, Callbacks, Filter};
pub(crate) use switchyard_host::fake::{Head, ROOT, pass, settle};

pub(crate) type Worker = fake::Worker<Coalesce>;
pub(crate) type Request = fake::Request<Coalesce>;

/// coalesce.wasm.
pub(crate) struct Coalesce;

impl Filter for Coalesce {
    type Root = Root;
    type Stream = Stream;
    type Vm = Vm;

    const CALLBACKS: Callbacks<Self> = Callbacks {
        in_vm: Root::in_vm,
        configure: Root::configure,
        stream: Root::stream,
        tick: Root::tick,
        on_queue_ready: Root::on_queue_ready,
        on_call_response: |_, _, call, _, _| panic!("nobody made call {call}"),
        // What a root does at its end it does when it is dropped.
        on_root_done: |_, _| {},
        on_request_headers: Stream::on_request_headers,
        on_request_body: Stream::on_request_body,
        on_request_trailers: Stream::on_request_trailers,
        on_response_headers: Stream::on_response_headers,
        on_response_body: Stream::on_response_body,
        on_response_trailers: Stream::on_response_trailers,
        on_done: Stream::on_done,
    };
    const STEP: u64 = 10;

    fn document(section: &str) -> String {
        document(section)
    }
}

/// Requests that lead or follow.
pub(crate) trait Coalescing {
    /// A request begins that leads or goes by itself.
    fn lead(&mut self, head: Head<'_>) -> Request;
    /// A request begins that waits.
    fn follow(&mut self, head: Head<'_>) -> Request;
}

impl Coalescing for Worker {
    fn lead(&mut self, head: Head<'_>) -> Request {
        self.send_on(head)
    }

    fn follow(&mut self, head: Head<'_>) -> Request {
        self.send_held(head)
    }
}
