//! Envoy's filter manager and its Wasm contexts, as a model: one stream through some plugins.
//!
//! After `source/common/http/filter_manager.cc` (`commonContinue`, `commonHandleAfter…Callback`, `decode…`, `encode…`, `sendLocalReply`)
//! and `source/extensions/common/wasm/context.cc` of Envoy 1.40; it knows nothing of chains. The terminal router filter is the sink
//! `upstream`, the codec the sink `client`. Bytes are numbers, so that none can be lost, doubled or moved unseen.

mod iteration;
mod wasm;

use switchyard_core::chain::{Direction, Flow};

/// Bytes of a body.
pub(crate) type Bytes = Vec<u32>;

/// What a plugin asks Envoy for; done when its VM call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Resume(Direction),
    /// A local reply whose body is this number; a header-only one if it is odd.
    Reply(u32),
}

/// What a plugin sees of its stream during a VM call.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// By direction.
    pub(crate) bodies: [Bytes; 2],
    pub(crate) acts: Vec<Act>,
}

/// What Envoy calls.
pub(crate) trait Plugin {
    fn headers(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow;
    fn body(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow;
    fn trailers(&mut self, host: &mut Host, direction: Direction) -> Flow;
    fn done(&mut self, host: &mut Host);
}

/// How Envoy is configured, and how it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    /// `allow_on_headers_stop_iteration`.
    pub(crate) stop_iteration: bool,
    /// As every Envoy is: a context resumed in mid-body is taken for one that buffers until the next piece, and a filter that
    /// continues in the body passes trailers on that it has not seen yet, which are then given once more. Without it: as it is meant.
    pub(crate) as_it_is: bool,
    /// What a filter has put into the buffer before it continues is forwarded: 1.39 on (issue 46841).
    pub(crate) forwards: bool,
}

/// An end of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) headers: bool,
    pub(crate) bytes: Bytes,
    pub(crate) trailers: bool,
    pub(crate) ended: bool,
    pub(crate) reset: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Iteration {
    #[default]
    Continue,
    StopSingle,
    StopAll,
}

#[derive(Clone, Debug, Default)]
struct Filter {
    iteration: Iteration,
    headers_continued: bool,
    end_stream: bool,
    saw_trailers: bool,
    from_current: bool,
    /// `buffering_request_body_`.
    buffering: bool,
}

#[derive(Default)]
struct Lane {
    buffered: Option<Bytes>,
    has_headers: bool,
    complete: bool,
    has_trailers: bool,
    filters: Vec<Filter>,
    in_call: bool,
    aborted: bool,
}

enum Data {
    Own(Bytes),
    Shared,
}

/// One stream.
pub(crate) struct Envoy<P> {
    pub(crate) plugins: Vec<P>,
    created: Vec<bool>,
    lanes: [Lane; 2],
    version: Version,
    prepared: Option<u32>,
    encoded: bool,
    finished: bool,
    pub(crate) destroyed: bool,
    pub(crate) upstream: Sink,
    pub(crate) client: Sink,
}

const fn at(direction: Direction) -> usize {
    match direction {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

impl<P: Plugin> Envoy<P> {
    pub(crate) fn new(plugins: Vec<P>, version: Version) -> Self {
        let lane = || Lane { filters: vec![Filter::default(); plugins.len()], ..Lane::default() };
        Self {
            created: vec![false; plugins.len()],
            lanes: [lane(), lane()],
            plugins,
            version,
            prepared: None,
            encoded: false,
            finished: false,
            destroyed: false,
            upstream: Sink::default(),
            client: Sink::default(),
        }
    }

    /// Headers come in, from the client or the endpoint.
    pub(crate) fn headers_in(&mut self, direction: Direction, ended: bool) {
        let lane = &mut self.lanes[at(direction)];
        lane.has_headers = true;
        lane.complete = ended;
        self.headers(direction, None, ended);
    }

    /// A piece of a body comes in.
    pub(crate) fn body_in(&mut self, direction: Direction, bytes: Bytes, ended: bool) {
        self.lanes[at(direction)].complete |= ended;
        self.data(direction, None, Data::Own(bytes), ended);
    }

    /// Trailers come in.
    pub(crate) fn trailers_in(&mut self, direction: Direction) {
        let lane = &mut self.lanes[at(direction)];
        lane.complete = true;
        lane.has_trailers = true;
        self.trailers(direction, None);
    }

    /// The client leaves.
    pub(crate) fn reset(&mut self) {
        self.client.reset = true;
        self.destroy();
    }

    /// A callback of a plugin's root, in the name of its stream.
    pub(crate) fn outside(&mut self, filter: usize, act: impl FnOnce(&mut P, &mut Host)) {
        if !self.destroyed {
            self.call(filter, None, None, |plugin, host| {
                act(plugin, host);
                Flow::Continue
            });
        }
    }

    /// Whether a response has begun.
    pub(crate) fn responds(&self) -> bool {
        self.lanes[1].has_headers
    }

    /// Whether a filter has the message stopped, and it could go on.
    pub(crate) fn is_stopped(&self, direction: Direction) -> bool {
        let stopped =
            self.lanes[at(direction)].filters.iter().any(|filter| filter.iteration != Iteration::Continue);
        stopped && self.can_continue(direction)
    }

    fn can_continue(&self, direction: Direction) -> bool {
        !self.destroyed
            && match direction {
                Direction::Request => !self.lanes[1].complete,
                Direction::Response => !self.finished,
            }
    }

    fn sink(&mut self, direction: Direction) -> &mut Sink {
        match direction {
            Direction::Request => &mut self.upstream,
            Direction::Response => &mut self.client,
        }
    }

    fn sent(&mut self, direction: Direction, ended: bool) {
        self.sink(direction).ended |= ended;
        if direction == Direction::Response {
            self.encoded = true;
            if ended {
                self.finished = true;
                self.destroy();
            }
        }
    }

    fn destroy(&mut self) {
        if core::mem::replace(&mut self.destroyed, true) {
            return;
        }
        for (plugin, created) in self.plugins.iter_mut().zip(&self.created) {
            if *created {
                plugin.done(&mut Host::default());
            }
        }
    }

    /// `commonHandleBufferData`.
    fn buffer(&mut self, direction: Direction, data: Data) {
        if let Data::Own(bytes) = data {
            self.lanes[at(direction)].buffered.get_or_insert_default().extend(bytes);
        }
    }
}
