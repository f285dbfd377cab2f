//! Envoy's filter manager and its Wasm contexts, as a model: one stream through some plugins.
//!
//! After `source/common/http/filter_manager.cc` (`commonContinue`, `commonHandleAfter…Callback`, `decode…`, `encode…`, `sendLocalReply`)
//! and `source/extensions/common/wasm/context.cc` of Envoy 1.40; it knows nothing of chains. The terminal router filter is the sink
//! `upstream`, the codec the sink `client`. Bytes are numbers, so that none can be lost, doubled or moved unseen.

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

    /// The filters from `from` on: as the message meets them.
    fn order(&self, direction: Direction, from: Option<usize>, current: bool) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.plugins.len()).collect();
        if direction == Direction::Response {
            all.reverse();
        }
        let Some(from) = from else { return all };
        let current = current && self.lanes[at(direction)].filters[from].from_current;
        let place = all.iter().position(|one| *one == from).expect("a filter");
        all.split_off(if current { place } else { place + 1 })
    }

    fn common_continue(&mut self, direction: Direction, filter: usize) {
        if !self.can_continue(direction) {
            return;
        }
        let lane = &mut self.lanes[at(direction)];
        let this = &mut lane.filters[filter];
        assert_ne!(this.iteration, Iteration::Continue, "continues though it has not stopped");
        this.from_current = this.iteration == Iteration::StopAll;
        this.iteration = Iteration::Continue;
        if !core::mem::replace(&mut this.headers_continued, true) {
            let ended = lane.complete && lane.buffered.is_none() && !lane.has_trailers;
            self.headers(direction, Some(filter), ended);
        }
        let lane = &self.lanes[at(direction)];
        let had_trailers = lane.has_trailers;
        let this = &lane.filters[filter];
        let passes_trailers = self.version.as_it_is || this.saw_trailers || this.from_current;
        if lane.buffered.is_some() {
            let ended = lane.complete && !had_trailers;
            self.data(direction, Some(filter), Data::Shared, ended);
        }
        if had_trailers && passes_trailers {
            self.trailers(direction, Some(filter));
        }
        self.lanes[at(direction)].filters[filter].from_current = false;
    }

    fn headers(&mut self, direction: Direction, from: Option<usize>, ended: bool) {
        if self.destroyed {
            return;
        }
        for filter in self.order(direction, from, false) {
            self.lanes[at(direction)].filters[filter].end_stream = ended;
            let flow = match direction {
                Direction::Request => {
                    self.created[filter] = true;
                    self.call(filter, Some(direction), None, |plugin, host| {
                        plugin.headers(host, direction, ended)
                    })
                }
                Direction::Response if !self.created[filter] => Flow::Continue,
                Direction::Response => self.call(filter, Some(direction), None, |plugin, host| {
                    plugin.headers(host, direction, ended)
                }),
            };
            let aborted = self.aborted(direction);
            if self.destroyed {
                return;
            }
            let this = &mut self.lanes[at(direction)].filters[filter];
            if aborted {
                this.iteration = Iteration::StopSingle;
                return;
            }
            if flow == Flow::Pause {
                let single = self.version.stop_iteration;
                this.iteration = if single { Iteration::StopSingle } else { Iteration::StopAll };
                return;
            }
            this.headers_continued = true;
            if direction == Direction::Request && self.lanes[1].complete {
                return;
            }
        }
        let sink = self.sink(direction);
        sink.headers = true;
        self.sent(direction, ended);
    }

    fn data(&mut self, direction: Direction, from: Option<usize>, mut data: Data, ended: bool) {
        if self.destroyed || (direction == Direction::Request && self.lanes[1].complete) {
            return;
        }
        for filter in self.order(direction, from, true) {
            let lane = &mut self.lanes[at(direction)];
            if lane.filters[filter].iteration == Iteration::StopAll {
                self.buffer(direction, data);
                return;
            }
            if lane.filters[filter].end_stream {
                return;
            }
            lane.filters[filter].end_stream = ended && !lane.has_trailers;
            let ended = lane.filters[filter].end_stream;
            let flow = self.call_body(filter, direction, &mut data, ended);
            let aborted = self.aborted(direction);
            if self.destroyed {
                return;
            }
            let this = &mut self.lanes[at(direction)].filters[filter];
            if aborted {
                this.iteration = Iteration::StopSingle;
                return;
            }
            if flow == Flow::Pause {
                this.iteration = Iteration::StopSingle;
                self.buffer(direction, data);
                return;
            }
            if this.iteration == Iteration::StopSingle {
                self.buffer(direction, data);
                self.common_continue(direction, filter);
                return;
            }
        }
        let bytes = match data {
            Data::Own(bytes) => bytes,
            // The sink drains the buffer, which stays.
            Data::Shared => {
                self.lanes[at(direction)].buffered.as_mut().map(core::mem::take).unwrap_or_default()
            }
        };
        self.sink(direction).bytes.extend(bytes);
        self.sent(direction, ended);
    }

    fn trailers(&mut self, direction: Direction, from: Option<usize>) {
        if self.destroyed || (direction == Direction::Request && self.lanes[1].complete) {
            return;
        }
        for filter in self.order(direction, from, true) {
            if self.lanes[at(direction)].filters[filter].iteration == Iteration::StopAll {
                return;
            }
            self.lanes[at(direction)].filters[filter].saw_trailers = true;
            let flow = if self.created[filter] {
                self.call(filter, Some(direction), None, |plugin, host| plugin.trailers(host, direction))
            } else {
                Flow::Continue
            };
            let aborted = self.aborted(direction);
            if self.destroyed {
                return;
            }
            let this = &mut self.lanes[at(direction)].filters[filter];
            this.end_stream = true;
            if aborted || flow == Flow::Pause {
                this.iteration = Iteration::StopSingle;
                return;
            }
            if this.iteration == Iteration::StopSingle {
                self.common_continue(direction, filter);
                return;
            }
        }
        self.sink(direction).trailers = true;
        self.sent(direction, true);
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

    /// `Context::decodeData` and `encodeData`, and what `commonHandleAfterDataCallback` does with what they have added.
    fn call_body(&mut self, filter: usize, direction: Direction, data: &mut Data, ended: bool) -> Flow {
        if !self.created[filter] {
            return Flow::Continue;
        }
        let lane = &mut self.lanes[at(direction)];
        let mut added = false;
        if lane.filters[filter].buffering
            && let Data::Own(bytes) = data
        {
            lane.buffered.get_or_insert_default().append(bytes);
            added = true;
        }
        let buffering = lane.filters[filter].buffering;
        // What it sees is the buffer if it buffers, or else the piece.
        let piece = match data {
            Data::Own(bytes) if !buffering => Some(core::mem::take(bytes)),
            _ => None,
        };
        let was_own = piece.is_some();
        let mut seen =
            piece.unwrap_or_else(|| lane.buffered.as_mut().map(core::mem::take).unwrap_or_default());
        let flow = self.call(filter, Some(direction), Some(direction), |plugin, host| {
            host.bodies[at(direction)] = core::mem::take(&mut seen);
            let flow = plugin.body(host, direction, ended);
            seen = core::mem::take(&mut host.bodies[at(direction)]);
            flow
        });
        let lane = &mut self.lanes[at(direction)];
        match data {
            Data::Own(bytes) if was_own => *bytes = seen,
            _ => lane.buffered = Some(seen),
        }
        lane.filters[filter].buffering = flow == Flow::Pause;
        let iterates = lane.filters[filter].iteration == Iteration::Continue;
        if flow == Flow::Continue && added && iterates && self.version.forwards {
            *data = Data::Shared;
        }
        flow
    }

    /// A VM call, and what is done after it: in a callback of that direction, whose `body` it may be.
    fn call(
        &mut self,
        filter: usize,
        of: Option<Direction>,
        body: Option<Direction>,
        act: impl FnOnce(&mut P, &mut Host) -> Flow,
    ) -> Flow {
        let mut host = Host::default();
        for direction in [Direction::Request, Direction::Response] {
            let lane = &mut self.lanes[at(direction)];
            if lane.filters[filter].buffering && body != Some(direction) {
                host.bodies[at(direction)] = lane.buffered.as_mut().map(core::mem::take).unwrap_or_default();
            }
        }
        let flow = act(&mut self.plugins[filter], &mut host);
        for direction in [Direction::Request, Direction::Response] {
            let lane = &mut self.lanes[at(direction)];
            if lane.filters[filter].buffering && body != Some(direction) {
                lane.buffered = Some(core::mem::take(&mut host.bodies[at(direction)]));
            }
        }
        if let Some(of) = of {
            self.lanes[at(of)].in_call = true;
        }
        for act in host.acts {
            match act {
                Act::Resume(direction) => {
                    assert_ne!(of, Some(direction), "a resume in a callback of the same direction");
                    if !self.version.as_it_is {
                        self.lanes[at(direction)].filters[filter].buffering = false;
                    }
                    self.common_continue(direction, filter);
                }
                Act::Reply(number) => self.send_local_reply(number),
            }
        }
        if let Some(of) = of {
            self.lanes[at(of)].in_call = false;
        }
        flow
    }

    /// Whether a local reply has ended the iteration; of a request it is sent now.
    fn aborted(&mut self, direction: Direction) -> bool {
        let aborted = self.lanes[at(direction)].aborted;
        if aborted
            && direction == Direction::Request
            && let Some(number) = self.prepared.take()
        {
            self.reply_via_filters(number);
        }
        aborted
    }

    fn send_local_reply(&mut self, number: u32) {
        if self.destroyed {
            return;
        }
        if self.lanes[0].in_call {
            self.lanes[0].aborted = true;
        } else if self.lanes[1].in_call {
            self.lanes[1].aborted = true;
        }
        if !self.lanes[1].has_headers {
            if self.lanes[0].in_call {
                self.prepared.get_or_insert(number);
            } else {
                self.reply_via_filters(number);
            }
        } else if self.encoded {
            self.reset();
        } else {
            // Directly to the codec: no filter sees it.
            self.client.headers = true;
            self.client.bytes.push(number);
            self.sent(Direction::Response, true);
        }
    }

    fn reply_via_filters(&mut self, number: u32) {
        let header_only = number % 2 == 1;
        self.headers_in(Direction::Response, header_only);
        if !header_only {
            self.body_in(Direction::Response, vec![number], true);
        }
    }
}
