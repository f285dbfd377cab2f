//! Workers of batch.wasm, and what its tests have them do.

mod given;
mod upstream;

pub(crate) use given::*;
use serde_json::Value;
use switchyard_frame::chain::Single;
use switchyard_frame::fake::{self, Subject};
pub(crate) use switchyard_frame::fake::{Head, ROOT, SET_TICK, pass, settle};
use switchyard_host::fake::Called;
pub(crate) use upstream::*;

pub(crate) type Worker = fake::Worker<Batch>;
pub(crate) type Request = fake::Request<Batch>;

/// batch.wasm.
pub(crate) struct Batch;

impl Subject for Batch {
    type Filter = Single<switchyard_batch::Batch>;
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
