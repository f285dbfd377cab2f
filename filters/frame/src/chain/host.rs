//! The host of one stage: the real one, but for what stages share.
//!
//! A stage asks for what it asks for by itself. That a message goes on, or is answered, its chain must know; bodies are what the stage
//! has been given of them; the request's head is the chain's; whose a call and a tick are the desk knows.
//!
//! Invariant: what is done to a stream is done to the chain whose context is entered: that of the callback, or the one that
//! [`Contexts::enter`](switchyard_host::Contexts::enter) has picked since. Everything else passes.

use super::desk::{Desk, Journeys};
use super::filters::Filters;
use super::journey::Journey;
use super::{ChainVm, Chained};
use core::cell::Cell;
use switchyard_core::chain::Direction;
use switchyard_core::decisions::Note;
use switchyard_host::{Host, HostError, Status};

/// The host of one stage during one callback.
pub(super) struct StageHost<'a, H, T: Filters<N>, const N: usize> {
    pub(super) host: &'a H,
    pub(super) stage: usize,
    pub(super) desk: &'a Desk<N>,
    journeys: &'a Journeys<T, N>,
    /// The stream whose callback it is.
    own: Option<&'a Journey<T, N>>,
    /// The context that was entered since.
    entered: Cell<Option<u32>>,
}

impl<'a, H, T: Filters<N>, const N: usize> StageHost<'a, H, T, N> {
    /// While the stage is made.
    pub(super) fn of_new(vm: &'a ChainVm<T, N>, desk: &'a Desk<N>, stage: usize, host: &'a H) -> Self {
        Self { host, stage, desk, journeys: &vm.journeys, own: None, entered: Cell::default() }
    }

    /// In a callback of the root.
    pub(super) fn of_root(chained: &'a Chained<T, N>, stage: usize, host: &'a H) -> Self {
        Self::of_new(&chained.setup.own, &chained.desk, stage, host)
    }

    /// In a callback of this stream, or in place of one.
    pub(super) fn of_journey(journey: &'a Journey<T, N>, stage: usize, host: &'a H) -> Self {
        Self { own: Some(journey), ..Self::of_root(&journey.chained, stage, host) }
    }

    /// The chains of its VM.
    pub(super) fn journeys(&self) -> &Journeys<T, N> {
        self.journeys
    }

    /// Calls are made in this context's name.
    pub(super) fn set_entered(&self, context: u32) {
        self.entered.set(Some(context));
    }

    /// Does something with the chain in whose name calls are made. `None`: they are not in that of any.
    pub(super) fn with_journey<R>(&self, act: impl FnOnce(&Journey<T, N>) -> R) -> Option<R> {
        match (self.own, self.entered.get()) {
            (Some(own), None) => Some(act(own)),
            (Some(own), Some(entered)) if own.context == entered => Some(act(own)),
            (_, Some(entered)) => self.journeys.get(entered).map(|journey| act(&journey)),
            (None, None) => None,
        }
    }
}

impl<H: Host, T: Filters<N>, const N: usize> StageHost<'_, H, T, N> {
    /// Takes note of something about the request of this context. Outside its own callback it is written when this one ends.
    pub(super) fn write_down<'n>(&self, context: u32, note: impl FnOnce() -> Note<'n>) {
        match self.own {
            Some(own) if own.context == context => own.note(note),
            _ => {
                if let Some(journey) = self.journeys.get(context).filter(|journey| journey.is_told()) {
                    journey.note(note);
                    self.journeys.noted(context);
                }
            }
        }
    }

    /// The message goes on from this stage.
    pub(super) fn resume(&self, direction: Direction) -> Result<(), HostError> {
        let resumed = self.with_journey(|journey| {
            if let Ok(mut chain) = journey.chain.try_borrow_mut() {
                chain.resume(direction, self.stage);
            }
            journey.run(self.desk, self.host);
        });
        resumed.ok_or(refused("proxy_continue_stream"))
    }

    /// Answers in the endpoint's place, if the chain lets it.
    pub(super) fn reply(&self, send: impl FnOnce() -> Result<(), HostError>) -> Result<(), HostError> {
        let replied = self.with_journey(|journey| {
            let may = journey.chain.try_borrow().is_ok_and(|chain| chain.may_reply(self.stage));
            if !may {
                return None;
            }
            journey.write_down(self.host);
            let sent = send();
            // A stream that could not be answered is as it was.
            if sent.is_ok()
                && let Ok(mut chain) = journey.chain.try_borrow_mut()
            {
                chain.reply(self.stage);
            }
            Some(sent)
        });
        replied.flatten().unwrap_or(Err(refused("proxy_send_local_response")))
    }

    /// What this stage may see of a body, `length` bytes at most: where it begins, and its length.
    pub(super) fn window(&self, direction: Direction, length: usize) -> (usize, usize) {
        let window =
            self.with_journey(|journey| journey.chain.try_borrow().ok()?.window(direction, self.stage));
        let (start, size) = window.flatten().unwrap_or_default();
        (start, size.min(length))
    }

    /// Replaces what this stage may see of the response's body.
    pub(super) fn replace(&self, body: &[u8]) -> Result<(), HostError> {
        let (start, size) = self.window(Direction::Response, usize::MAX);
        let buffered =
            |journey: &Journey<T, N>| Some(journey.chain.try_borrow().ok()?.buffered(Direction::Response));
        let all = self.with_journey(buffered).flatten().unwrap_or_default();
        if size >= all {
            self.host.set_response_body(body)?;
        } else {
            // The host replaces all that there is, or nothing.
            let mut whole = self.host.response_body_at(0, start)?;
            let rest = self.host.response_body_at(start.saturating_add(size), usize::MAX)?;
            let more = body.len().saturating_add(rest.len());
            whole.try_reserve_exact(more).map_err(|_| refused("proxy_set_buffer_bytes"))?;
            whole.extend_from_slice(body);
            whole.extend_from_slice(&rest);
            self.host.set_response_body(&whole)?;
        }
        self.with_journey(|journey| {
            if let Ok(mut chain) = journey.chain.try_borrow_mut() {
                chain.replaced(Direction::Response, self.stage, body.len());
            }
        });
        Ok(())
    }
}

/// What Envoy says of a stream that is not there.
fn refused(call: &'static str) -> HostError {
    HostError { call, status: Status::BadArgument }
}
