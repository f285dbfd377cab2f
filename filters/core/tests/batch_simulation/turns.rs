//! What happens to streams and workers, one callback at a time, as the filter makes of it.

use crate::around::Around;
use crate::outside::{Event, LATE};
use crate::proxy::Proxy;
use crate::stream::State;
use crate::worker::Worker;
use core::time::Duration;
use switchyard_core::batch::gather::{CallId, Gatherer};
use switchyard_core::request::PlainRequest;

/// Messages that one callback takes.
const MESSAGES_AT_A_TIME: usize = 16;
/// When all streams have ended, ticks end in so long.
const QUIET: Duration = Duration::from_secs(30);
/// The longest that Envoy lets a request be under way.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(20);

impl Proxy {
    /// Lets `act` change what a worker gathers.
    pub(crate) fn with<R>(
        &mut self,
        worker: usize,
        act: impl FnOnce(&mut Gatherer<PlainRequest>, &mut Around<'_>) -> R,
    ) -> R {
        let home = &mut self.workers[worker];
        home.house.index = worker;
        let mut around =
            Around { outside: &mut self.outside, house: &mut home.house, streams: &mut self.streams };
        act(&mut home.gatherer, &mut around)
    }

    /// The same in a callback of the root, after which the host does what it was told to.
    fn acts(&mut self, worker: usize, act: impl FnOnce(&mut Gatherer<PlainRequest>, &mut Around<'_>)) {
        self.workers[worker].house.acting = true;
        self.with(worker, act);
        let house = &mut self.workers[worker].house;
        house.acting = false;
        let resumed = core::mem::take(&mut house.resumed);
        let replied = core::mem::take(&mut house.replied);
        resumed.into_iter().for_each(|id| self.goes_on(id));
        for id in replied {
            // The filter sees its own answer pass.
            self.is_left(id);
            self.outside.plan(Duration::from_millis(1), Event::Leaves(id));
        }
    }

    /// It goes to its service by itself.
    pub(crate) fn goes_on(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        stream.reaches();
        self.outside.tally.alone += 1;
        self.outside.sets_out(stream.asked.route);
        let now = self.outside.now;
        let items = stream.asked.truth().1.len().max(1);
        let takes = self.outside.services[stream.asked.route].takes(items, now);
        let hangs = self.outside.chance(self.outside.shape.faults.of_calls / 10.0);
        let (takes, well) = if hangs { (ROUTE_TIMEOUT, false) } else { (takes.min(ROUTE_TIMEOUT), true) };
        self.outside.plan(takes, Event::Returns(id, well));
    }

    /// Its answer is there.
    pub(crate) fn returns(&mut self, id: usize, well: bool) {
        let stream = &mut self.streams[id];
        self.outside.under_way[stream.asked.route] -= 1;
        if stream.state != State::Upstream {
            return;
        }
        let (worker, context) = (stream.worker, stream.context);
        if stream.is_known && self.with(worker, |gatherer, _| gatherer.is_alone(context)) {
            self.streams[id].is_known = false;
            self.with(worker, |gatherer, around| gatherer.returned(around, context, well));
        }
        self.is_left(id);
        self.ends(id);
    }

    /// Nothing of it is to be told any more.
    fn is_left(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        let (worker, context) = (stream.worker, stream.context);
        if core::mem::replace(&mut stream.is_known, false) {
            self.with(worker, |gatherer, around| gatherer.gone(around, context));
            self.settle(worker);
        }
    }

    /// The stream ends, in whichever way.
    pub(crate) fn ends(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        if core::mem::replace(&mut stream.state, State::Ended) == State::Ended {
            return;
        }
        let (worker, context) = (stream.worker, stream.context);
        self.open -= 1;
        self.quiet_since = self.outside.now;
        self.workers[worker].house.streams.remove(&context);
        self.is_left(id);
        self.settle(worker);
    }

    /// A call is answered.
    pub(crate) fn is_called(&mut self, id: CallId) {
        let Some(call) = self.outside.calls.remove(&id) else { return };
        self.outside.under_way[call.route] -= 1;
        let answer = call.answer.as_ref().map(|(head, body)| (head, body.as_slice()));
        self.acts(call.worker, |gatherer, around| gatherer.answered(around, id, answer));
        self.settle(call.worker);
    }

    /// Messages have come.
    pub(crate) fn queue_is_ready(&mut self, number: u32) {
        let queue = &mut self.outside.queues[usize::try_from(number).unwrap_or(usize::MAX)];
        let Some(index) = queue.worker else { return queue.messages.clear() };
        let count = queue.messages.len().min(MESSAGES_AT_A_TIME);
        let messages: Vec<_> = queue.messages.drain(..count).collect();
        self.workers[index].woken = false;
        for message in messages.iter().filter(|message| !message.is_empty()) {
            let routes = self.workers[index].routes.clone();
            self.acts(index, |gatherer, around| gatherer.message(around, message, routes.iter()));
        }
        self.acts(index, |gatherer, around| gatherer.act(around));
        assert!(!self.workers[index].gatherer.has_work(), "whoever acts does everything");
        self.settle(index);
    }

    /// The periodic work.
    pub(crate) fn tick(&mut self, index: usize, number: u64) {
        if self.workers[index].tick.is_none_or(|(_, tick)| tick != number) {
            return;
        }
        self.workers[index].tick = None;
        self.acts(index, |gatherer, around| gatherer.tick(around));
        let (worker, outside) = (&self.workers[index], &self.outside);
        let paused = worker.house.streams.values().map(|id| &self.streams[*id]);
        for stream in paused.filter(|stream| stream.state == State::Paused) {
            assert!(
                !stream.is_overdue(outside),
                "nobody waits for longer: {:?}, until {:?}",
                stream.asked,
                stream.deadline
            );
        }
        assert!(self.open > 0 || outside.now.since(self.quiet_since) < QUIET, "ticks end");
        self.settle(index);
    }

    /// After every callback: wakes the root if there is work for it, and sees to it that the tick comes when it is wanted.
    pub(crate) fn settle(&mut self, index: usize) {
        let wall = self.outside.wall();
        let worker = &mut self.workers[index];
        let has_work = worker.gatherer.has_work();
        if has_work && !worker.woken {
            worker.woken = self.outside.send(worker.queue, &[]);
        }
        let work = (has_work && !worker.woken).then_some(Worker::SHORTEST_TICK);
        let wanted = [worker.gatherer.next_tick(wall), work].into_iter().flatten().min();
        let Some(wanted) = wanted else { return };
        let wanted = wanted.max(Worker::SHORTEST_TICK);
        let at = self.outside.now.plus(wanted);
        if worker.tick.is_none_or(|(set, _)| at < set) {
            // No two ticks have one number, not even those of two VMs.
            worker.tick = Some((at, self.outside.ticks));
            let late =
                if self.outside.chance(self.outside.mishaps.late_tick) { LATE } else { Duration::ZERO };
            let late = late.mul_f64(self.outside.rng.f64());
            self.outside.plan(wanted + late, Event::Tick(index, self.outside.ticks));
            self.outside.ticks += 1;
        }
    }
}
