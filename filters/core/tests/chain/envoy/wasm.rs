//! What a filter is to its VM: `source/extensions/common/wasm/context.cc`; and the replies that it sends: `sendLocalReply`.

use super::{Act, Data, Direction, Envoy, Flow, Host, Iteration, Plugin, at};

impl<P: Plugin> Envoy<P> {
    /// `Context::decodeData` and `encodeData`, and what `commonHandleAfterDataCallback` does with what they have added.
    pub(super) fn call_body(
        &mut self,
        filter: usize,
        direction: Direction,
        data: &mut Data,
        ended: bool,
    ) -> Flow {
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
    pub(super) fn call(
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
    pub(super) fn aborted(&mut self, direction: Direction) -> bool {
        let aborted = self.lanes[at(direction)].aborted;
        if aborted
            && direction == Direction::Request
            && let Some(number) = self.prepared.take()
        {
            self.reply_via_filters(number);
        }
        aborted
    }

    pub(super) fn send_local_reply(&mut self, number: u32) {
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

    pub(super) fn reply_via_filters(&mut self, number: u32) {
        let header_only = number % 2 == 1;
        self.headers_in(Direction::Response, header_only);
        if !header_only {
            self.body_in(Direction::Response, vec![number], true);
        }
    }
}
