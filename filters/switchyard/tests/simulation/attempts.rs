//! What outlier.wasm, in a VM beside that of switchyard.wasm, has of an attempt: a request's own, or a call of a root.
//!
//! Invariant: of each attempt it sees a beginning and an end, unless its VM dies meanwhile, and what it should count against an endpoint is
//! counted here, too. Trade-off: Envoy's own retries are not played, so a request has one attempt that is not a call.

use crate::process::Process;
use crate::truth::Headers;
use switchyard_core::contract::CANCELLED_PROPERTY;
use switchyard_frame::fake::{StreamOf, Subject};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::fake::FakeHost;

/// outlier.wasm, which is told what to watch by the router.
pub(crate) struct Judge;

impl Subject for Judge {
    type Filter = switchyard_outlier::Outlier;
    const STEP: u64 = 1;

    fn document(_: &str) -> String {
        String::new()
    }
}

/// One attempt.
pub(crate) struct Attempt {
    pub(crate) address: String,
    context: u32,
    root: u32,
    /// The number of the VM that it is in.
    vm: u32,
    stream: StreamOf<Judge>,
    is_asked: bool,
    status: Option<u16>,
    /// It came over a client's connection.
    has_client: bool,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Its answer is whole.
    Whole,
    /// Its answer breaks off, or none comes.
    BreaksOff,
    /// There is no connection.
    Unconnected,
    /// The client has left.
    Client,
    /// A filter has answered in its place.
    Cancelled,
}

/// What may be set for the end of an attempt.
const PROPERTIES: [&str; 5] = [
    "response.backend_latency",
    "response.flags",
    "response.code_details",
    "upstream.transport_failure_reason",
    CANCELLED_PROPERTY,
];

impl Process {
    /// An attempt begins, with this head.
    pub(crate) fn attempt_begins(
        &mut self,
        side: usize,
        address: &str,
        head: &Headers,
        has_client: bool,
    ) -> Attempt {
        let this = &mut self.sides[side];
        let (stream, context, root) = this.judge.stream();
        let (address, vm) = (address.to_owned(), this.judges_vm);
        let mut attempt =
            Attempt { address, context, root, vm, stream, is_asked: false, status: None, has_client };
        this.judge.host.in_context(context);
        let head: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        this.judge.host.receive(&head);
        self.of_attempt(side, &mut attempt, |stream, host| {
            stream.on_request_headers(host, &Head::default(), false);
        });
        self.tally.count("attempts");
        attempt
    }

    /// Its request is whole.
    pub(crate) fn attempt_is_asked(&mut self, side: usize, attempt: &mut Attempt) {
        if !core::mem::replace(&mut attempt.is_asked, true) {
            self.of_attempt(side, attempt, |stream, host| stream.on_request_end(host));
        }
    }

    /// Its answer begins.
    pub(crate) fn attempt_is_answered(&mut self, side: usize, attempt: &mut Attempt, status: u16) {
        attempt.status = Some(status);
        if status >= 500 {
            // It is judged at once, whatever becomes of the rest of its answer.
            self.endpoints.has_failed(&attempt.address);
        }
        let host = &self.sides[side].judge.host;
        host.in_context(attempt.context);
        host.answer(&[(":status", &status.to_string())]);
        self.of_attempt(side, attempt, |stream, host| {
            stream.on_response_headers(host, false);
        });
    }

    pub(crate) fn attempt_breaks_off(&mut self, side: usize, attempt: Attempt) {
        self.attempt_ends(side, attempt, Ends::BreaksOff);
    }

    /// It is over.
    pub(crate) fn attempt_ends(&mut self, side: usize, mut attempt: Attempt, how: Ends) {
        let was_counted = attempt.status.is_some_and(|status| status >= 500);
        if !was_counted && matches!(how, Ends::BreaksOff | Ends::Unconnected) {
            self.endpoints.has_failed(&attempt.address);
        }
        self.of_attempt(side, &mut attempt, |stream, host| {
            match how {
                Ends::Whole => host.set_property(PROPERTIES[0], &3_000_000_u64.to_le_bytes()),
                Ends::BreaksOff => {}
                Ends::Unconnected => host.set_property(PROPERTIES[3], b"refused"),
                Ends::Client => host.set_property(PROPERTIES[1], &0x4000_u64.to_le_bytes()),
                Ends::Cancelled => host.set_property(CANCELLED_PROPERTY, b"1"),
            }
            stream.on_done(host);
        });
        let host = &self.sides[side].judge.host;
        if attempt.vm == self.sides[side].judges_vm {
            host.end_context(attempt.context);
        }
    }

    /// A callback of its stream, if the VM lives that it is in.
    fn of_attempt(
        &mut self,
        side: usize,
        attempt: &mut Attempt,
        act: impl FnOnce(&mut StreamOf<Judge>, &FakeHost),
    ) {
        let this = &mut self.sides[side];
        if attempt.vm != this.judges_vm {
            return;
        }
        let host = &this.judge.host;
        PROPERTIES.iter().for_each(|name| host.remove_property(name));
        host.set_property("upstream.address", attempt.address.as_bytes());
        host.set_property("response.code", &200_u64.to_le_bytes());
        match attempt.has_client {
            true => host.set_property("connection.id", &7_u64.to_le_bytes()),
            false => host.remove_property("connection.id"),
        }
        let stream = &mut attempt.stream;
        this.judge.of_stream(attempt.root, attempt.context, |host| act(stream, host));
    }
}
