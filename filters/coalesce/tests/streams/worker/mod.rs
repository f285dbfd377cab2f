//! Workers of coalesce.wasm, and what its tests have them do.

mod given;

pub(crate) use given::*;
use switchyard_frame::chain::Single;
use switchyard_frame::fake::{self, Subject};
pub(crate) use switchyard_frame::fake::{Head, ROOT, pass, settle};

pub(crate) type Worker = fake::Worker<Coalesce>;
pub(crate) type Request = fake::Request<Coalesce>;

/// coalesce.wasm.
pub(crate) struct Coalesce;

impl Subject for Coalesce {
    type Filter = Single<switchyard_coalesce::Coalesce>;
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
