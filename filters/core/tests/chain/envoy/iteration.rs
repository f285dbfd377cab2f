//! How a message goes from filter to filter: `source/common/http/filter_manager.cc`.

use super::{Data, Direction, Envoy, Flow, Iteration, Plugin, at};

impl<P: Plugin> Envoy<P> {
    /// The filters from `from` on: as the message meets them.
    pub(super) fn order(&self, direction: Direction, from: Option<usize>, current: bool) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.plugins.len()).collect();
        if direction == Direction::Response {
            all.reverse();
        }
        let Some(from) = from else { return all };
        let current = current && self.lanes[at(direction)].filters[from].from_current;
        let place = all.iter().position(|one| *one == from).expect("a filter");
        all.split_off(if current { place } else { place + 1 })
    }

    pub(super) fn common_continue(&mut self, direction: Direction, filter: usize) {
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

    pub(super) fn headers(&mut self, direction: Direction, from: Option<usize>, ended: bool) {
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

    pub(super) fn data(&mut self, direction: Direction, from: Option<usize>, mut data: Data, ended: bool) {
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

    pub(super) fn trailers(&mut self, direction: Direction, from: Option<usize>) {
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
}
