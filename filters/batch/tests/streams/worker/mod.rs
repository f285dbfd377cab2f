//! Workers of batch.wasm, and what its tests have them do.

mod given;
mod upstream;

pub(crate) use given::*;
use serde_json::Value;
use switchyard_batch::{Passage, Root, Stream, Vm};
use switchyard_host::fake::{self, Callbacks, Called, Filter};
pub(crate) use switchyard_host::fake::{Head, ROOT, SET_TICK, pass, settle};
pub(crate) use upstream::*;

pub(crate) type Worker = fake::Worker<Batch>;
pub(crate) type Request = fake::Request<Batch>;

/// batch.wasm.
pub(crate) struct Batch;

impl Filter for Batch {
    type Root = Root;
    type Stream = Stream;
    type Vm = Vm;

    const CALLBACKS: Callbacks<Self> = Callbacks {
        in_vm: Root::in_vm,
        configure: Root::configure,
        stream: Root::stream,
        tick: Root::tick,
        on_queue_ready: Root::on_queue_ready,
        on_call_response: Root::on_call_response,
        on_root_done: Root::on_done,
        on_request_headers: Stream::on_request_headers,
        on_request_body: Stream::on_request_body,
        on_request_trailers: Stream::on_request_trailers,
        on_response_headers: |stream, host, ended| {
            stream.on_response_headers(host, ended);
            Passage::On
        },
        on_response_body: |stream, host, _, ended| stream.on_response_body(host, ended),
        on_response_trailers: Stream::on_response_trailers,
        on_done: Stream::on_done,
    };
    const STEP: u64 = 1;

    fn document(section: &str) -> String {
        document_with("", section)
    }
}

/// Requests that go by themselves or wait, and their answers.
pub(crate) trait Batching {
    /// A GET that goes on.
    fn goes(&mut self, path: &str) -> Request;
    /// A GET that waits.
    fn joins(&mut self, path: &str) -> Request;
    /// A request that has the upstream to itself is answered and ends.
    fn returns(&mut self, request: Request);
    /// The true answer to a call.
    fn serve(&mut self, call: &Called);
    /// Status and document that this stream was answered with.
    fn answer_to(&self, request: &Request) -> Option<(u16, Value)>;
}

impl Batching for Worker {
    fn goes(&mut self, path: &str) -> Request {
        self.send_on(&get(path))
    }

    fn joins(&mut self, path: &str) -> Request {
        self.send_held(&get(path))
    }

    fn returns(&mut self, mut request: Request) {
        self.respond(&mut request, OK, b"[]");
        self.end(request);
    }

    fn serve(&mut self, call: &Called) {
        self.answer_call(call, OK, &truth(call));
    }

    fn answer_to(&self, request: &Request) -> Option<(u16, Value)> {
        let fate = self.fate(request)?;
        Some((fate.status()?, serde_json::from_slice(fate.body()?).unwrap_or_default()))
    }
}
