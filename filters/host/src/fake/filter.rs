//! A filter as the workers of tests see it.
//!
//! Invariant: nothing is decided here; the table hands each callback on to the filter as it is. Trade-off: the filters' roots and
//! streams are foreign to their tests as the host's traits are, so each test crate has a marker of its own with this table.

use super::FakeHost;
use crate::Passage;
use std::rc::Rc;

/// What a request or an answer begins with.
pub type Head<'a> = &'a [(&'a str, &'a str)];

/// A filter whose workers tests make.
pub trait Filter: Sized + 'static {
    /// One configuration in one worker.
    type Root;
    /// One request under it.
    type Stream;
    /// What the roots of a worker share.
    type Vm: Default;

    /// What Envoy calls of it.
    const CALLBACKS: Callbacks<Self>;
    /// How far the clock goes at a time, in milliseconds.
    const STEP: u64;

    /// A document whose route `api` has this section of the filter's.
    fn document(section: &str) -> String;
}

/// What Envoy calls of a filter, with the host that it is called from.
#[allow(missing_docs, reason = "they are the callbacks of the ABI entry, by name")]
pub struct Callbacks<F: Filter> {
    pub in_vm: fn(u32, Rc<F::Vm>) -> F::Root,
    pub configure: fn(&mut F::Root, &FakeHost) -> bool,
    pub stream: fn(&F::Root, u32) -> F::Stream,
    pub tick: fn(&mut F::Root, &FakeHost),
    pub on_queue_ready: fn(&mut F::Root, &FakeHost, u32),
    pub on_call_response: fn(&mut F::Root, &FakeHost, u32, usize, usize),
    pub on_root_done: fn(&mut F::Root, &FakeHost),
    pub on_request_headers: fn(&mut F::Stream, &FakeHost, bool) -> Passage,
    pub on_request_body: fn(&mut F::Stream, &FakeHost, usize, bool) -> Passage,
    pub on_request_trailers: fn(&mut F::Stream, &FakeHost),
    pub on_response_headers: fn(&mut F::Stream, &FakeHost, bool) -> Passage,
    pub on_response_body: fn(&mut F::Stream, &FakeHost, usize, bool),
    pub on_response_trailers: fn(&mut F::Stream, &FakeHost),
    pub on_done: fn(&mut F::Stream, &FakeHost),
}
