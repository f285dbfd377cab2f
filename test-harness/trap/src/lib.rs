//! A filter as it is, but a request with the header `x-trap` traps its VM.
//!
//! A scenario's way to kill a worker's VM under load, while requests wait in it and for it. Each filter of this kind is a
//! module of its own, made by the feature of its name: another module is another VM, so what stands beside it lives on.
//! In chain-trap.wasm two stages of the chain do so, and the header says which, and when (`phase.rs`): `router:response-body`. There
//! `x-hold: router` makes that stage hold the request's body until it is whole, as a filter behind others may.

#![cfg(target_arch = "wasm32")]

mod phase;
mod stream;

use core::cell::Cell;
use phase::Phase;
use std::rc::Rc;
use stream::Trapping;
use switchyard_config::Document;
#[cfg(any(feature = "batch", feature = "coalesce"))]
use switchyard_frame::chain::Single;
use switchyard_frame::{Filter, Mailbox, Setup};
use switchyard_host::{Host, HostError};

#[cfg(feature = "batch")]
switchyard_frame::start!(Single<Trap<switchyard_batch::Batch>>);
#[cfg(feature = "coalesce")]
switchyard_frame::start!(Single<Trap<switchyard_coalesce::Coalesce>>);
#[cfg(feature = "outlier")]
switchyard_frame::start!(Trap<switchyard_outlier::Outlier>);
#[cfg(feature = "chain")]
switchyard_frame::start!(Chain);

/// The four downstream filters, of which the last two trap.
#[cfg(feature = "chain")]
type Chain = switchyard_frame::chain::Chained<
    (
        switchyard_coalesce::Coalesce,
        switchyard_batch::Batch,
        Trap<switchyard_router::Router>,
        Trap<switchyard_retry::Retry>,
    ),
    4,
>;

/// A filter that traps.
pub struct Trap<F> {
    filter: Rc<F>,
    /// In which of the root's callbacks it is going to.
    armed: Rc<Cell<Option<Phase>>>,
}

impl<F> Trap<F> {
    fn at(&self, phase: Phase) {
        if self.armed.get() == Some(phase) {
            core::arch::wasm32::unreachable();
        }
    }
}

impl<F: Filter> Filter for Trap<F> {
    const NAME: &'static str = F::NAME;
    type Vm = F::Vm;
    type Stream = Trapping<F::Stream>;

    fn new<H: Host>(document: &Document, setup: Setup<F::Vm>, host: &H) -> Result<Self, HostError> {
        let filter = Rc::new(F::new(document, setup, host)?);
        Ok(Self { filter, armed: Rc::default() })
    }

    fn summary(&self) -> String {
        self.filter.summary()
    }

    fn is_used(&self) -> bool {
        self.filter.is_used()
    }

    fn stream(self: &Rc<Self>, context: u32) -> Self::Stream {
        Trapping::new(self.filter.stream(context), F::NAME, Rc::clone(&self.armed))
    }

    fn tick<H: Host>(&self, host: &H) {
        self.at(Phase::Tick);
        self.filter.tick(host);
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        self.filter.mailbox()
    }

    fn message<H: Host>(&self, host: &H, message: &[u8]) {
        self.filter.message(host, message);
    }

    fn act<H: Host>(&self, host: &H) {
        self.filter.act(host);
    }

    fn look<H: Host>(&self, host: &H, queue: u32) {
        self.filter.look(host, queue);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.at(Phase::Call);
        self.filter.called(host, call, headers, body_size);
    }

    fn ended<H: Host>(&self, host: &H) {
        self.filter.ended(host);
    }
}
