//! What a filter is to the frame.
//!
//! Invariant: whatever a filter asks of its host it asks through the host of the present callback, so that it runs unchanged on a
//! host that another filter, or a chain of them, puts in between.

use crate::timer::Timer;
use crate::{EffectiveContext, FoundClusters, Head, Mailbox, Vm};
use core::ops::Deref;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::status::SnapshotWriter;
use switchyard_host::{Flow, Host, HostError};

/// One configuration of a filter in one worker, as its root and its streams share it.
pub trait Filter: Sized + 'static {
    /// What it is called in logs, metrics, queues and shared data: `coalesce`.
    const NAME: &'static str;
    /// What all its configurations in a VM share.
    type Vm: Default + 'static;
    /// One request.
    type Stream: Stream;

    /// The filter under this document.
    ///
    /// # Errors
    /// When the host refuses what it cannot do without; the configuration is refused then.
    fn new<H: Host>(document: &Document, setup: Setup<Self::Vm>, host: &H) -> Result<Self, HostError>;

    /// What it does under this configuration, for the log: `3 routes coalesce`.
    fn summary(&self) -> String;

    /// Whether it has anything to do under this configuration; if not, a chain of filters has no streams of it.
    fn is_used(&self) -> bool {
        true
    }

    /// The stream of this context.
    fn stream(self: &Rc<Self>, context: u32) -> Self::Stream;

    /// The period that it asked for has passed.
    fn tick<H: Host>(&self, host: &H);

    /// Its mailbox, if others write to it.
    fn mailbox(&self) -> Option<&Mailbox> {
        None
    }

    /// Somebody has written this to it; [`Filter::act`] follows.
    fn message<H: Host>(&self, _host: &H, _message: &[u8]) {}

    /// Its mailbox was looked into, which is what wakes it: it does what is to be done in a callback of the root.
    fn act<H: Host>(&self, _host: &H) {}

    /// A message waits in a queue, its own or that of another filter in its module.
    fn look<H: Host>(&self, host: &H, queue: u32) {
        let Some(mailbox) = self.mailbox() else { return };
        if mailbox.look(queue, host, |message| self.message(host, message)) {
            self.act(host);
        }
    }

    /// A call of its own has been answered: with so many headers, and a body of so many bytes. No headers: it has failed.
    fn called<H: Host>(&self, _host: &H, _call: u32, _headers: usize, _body_size: usize) {}

    /// Somebody looks at the status page: what it has to say of this worker. Nothing, unless it says otherwise.
    fn snapshot<H: Host>(&self, _host: &H, _into: &mut SnapshotWriter) {}

    /// The root has ended, after its last stream.
    fn ended<H: Host>(&self, _host: &H) {}
}

/// What a configuration begins with.
pub struct Setup<V> {
    /// A number that no other configuration in the VM has, of this root or another.
    pub number: u32,
    /// What outlives the configuration.
    pub vm: Vm<V>,
    /// Clusters that requests have gone to and that should be followed.
    pub clusters: Rc<FoundClusters>,
    /// When the root ticks.
    pub timer: Rc<Timer>,
    /// In whose name calls are made.
    pub effective_context: Rc<EffectiveContext>,
    /// A number that only configurations with the same bytes have.
    pub configuration: u64,
    /// The time; the earliest there is, if the host does not say.
    pub now: Timestamp,
    /// A number that another root, and another worker, does not have, though both began within the same tick of the clock.
    pub seed: u64,
}

impl<V> Deref for Setup<V> {
    type Target = Vm<V>;

    fn deref(&self) -> &Vm<V> {
        &self.vm
    }
}

/// One request in a filter.
pub trait Stream: 'static {
    /// The request's headers; `ended` if nothing follows.
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow;

    /// More of the request's body: `size` bytes of it are at hand.
    fn on_request_body<H: Host>(&mut self, host: &H, _size: usize, ended: bool) -> Flow {
        if ended {
            self.on_request_end(host);
        }
        Flow::Continue
    }

    /// The request's trailers.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.on_request_end(host);
        Flow::Continue
    }

    /// The body or the trailers have ended the request: for who wants to know of a request that has those only when all of it has come.
    fn on_request_end<H: Host>(&mut self, _host: &H) {}

    /// The answer's headers; `ended` if nothing follows.
    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow;

    /// More of the answer's body: `size` bytes of it are at hand.
    fn on_response_body<H: Host>(&mut self, _host: &H, _size: usize, _ended: bool) -> Flow {
        Flow::Continue
    }

    /// The answer's trailers.
    fn on_response_trailers<H: Host>(&mut self, _host: &H) -> Flow {
        Flow::Continue
    }

    /// It has ended, however.
    fn on_done<H: Host>(&mut self, host: &H);
}
