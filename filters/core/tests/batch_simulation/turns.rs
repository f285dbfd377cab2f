//! What happens to streams and workers, one callback at a time, as the filter makes of it.

use crate::around::Around;
use crate::calls::Event;
use crate::proxy::Proxy;
use crate::simulation::State;
use crate::worker::Worker;
use core::time::Duration;
use switchyard_core::batch::gather::{CallId, Gatherer};
use switchyard_core::request::PlainRequest;

/// When all streams have ended, ticks end in so long.
const QUIET: Duration = Duration::from_secs(30);
/// The longest that a client takes to read its answer.
const SLOWEST: Duration = Duration::from_secs(10);
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
        let mut around = Around {
            worker,
            shape: &self.shape,
            outside: &mut self.outside,
            calls: &mut self.calls,
            house: &mut home.house,
            streams: &mut self.streams,
        };
        act(&mut home.gatherer, &mut around)
    }

    /// The same in a callback of the root, after which the host does what it was told to.
    fn acts(&mut self, worker: usize, act: impl FnOnce(&mut Gatherer<PlainRequest>, &mut Around<'_>)) {
        self.workers[worker].house.acting = true;
        self.with(worker, act);
        let (resumed, replied) = self.workers[worker].house.end_callback();
        resumed.into_iter().for_each(|id| self.goes_on(id));
        for id in replied {
            // The filter sees its own answer pass.
            self.lets_be(id);
            self.outside.plan(Duration::from_millis(1), Event::Leaves(id));
        }
    }

    /// It goes to its service by itself.
    pub(crate) fn goes_on(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        stream.reaches();
        self.outside.tally.count("alone");
        self.calls.sets_out(stream.asked.route, &self.shape);
        let now = self.outside.now;
        let items = stream.asked.truth().1.len().max(1);
        let takes = self.calls.services[stream.asked.route].takes(items, now);
        let hangs = self.outside.happens(self.shape.faults.of_calls / 10.0);
        let (takes, well) = if hangs { (ROUTE_TIMEOUT, false) } else { (takes.min(ROUTE_TIMEOUT), true) };
        self.outside.plan(takes, Event::Returns(id, well));
    }

    /// Its answer is there, and its service has done its part; some clients take their time to read it.
    pub(crate) fn returns(&mut self, id: usize, well: bool) {
        let stream = &mut self.streams[id];
        self.calls.under_way[stream.asked.route] -= 1;
        if stream.state != State::Upstream {
            return;
        }
        if !self.outside.happens(self.shape.reads_slowly) {
            return self.reads_answer(id, well);
        }
        let (worker, context) = (stream.worker, stream.context);
        if stream.is_known && self.with(worker, |gatherer, _| gatherer.is_alone(context)) {
            self.with(worker, |gatherer, around| gatherer.begins(around, context, well));
            self.settle(worker);
        }
        let takes = SLOWEST.mul_f64(self.outside.rng.f64());
        self.outside.plan(takes, Event::Read(id));
    }

    /// Its answer has passed, whole.
    pub(crate) fn reads_answer(&mut self, id: usize, well: bool) {
        let stream = &mut self.streams[id];
        if stream.state != State::Upstream {
            return;
        }
        let (worker, context) = (stream.worker, stream.context);
        if stream.is_known && self.with(worker, |gatherer, _| gatherer.is_alone(context)) {
            self.streams[id].is_known = false;
            self.with(worker, |gatherer, around| gatherer.returned(around, context, well));
        }
        self.lets_be(id);
        self.ends(id);
    }

    /// Nothing of it is to be told any more.
    fn lets_be(&mut self, id: usize) {
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
        self.quiet_since = self.outside.now;
        self.workers[worker].house.streams.remove(&context);
        self.lets_be(id);
        self.settle(worker);
    }

    /// A call is answered.
    pub(crate) fn answers_call(&mut self, id: CallId) {
        let Some(call) = self.calls.open.remove(&id) else { return };
        self.calls.under_way[call.route] -= 1;
        let answer = call.answer.as_ref().map(|(head, body)| (head, body.clone()));
        self.acts(call.worker, |gatherer, around| gatherer.answered(around, id, answer));
        self.settle(call.worker);
    }

    /// Messages have come.
    pub(crate) fn queue_is_ready(&mut self, number: u32) {
        let Some((index, messages)) = self.outside.mail.take(number) else { return };
        self.workers[index].house.woken = false;
        for message in messages {
            let routes = self.workers[index].routes.clone();
            self.acts(index, |gatherer, around| gatherer.message(around, &message, routes.iter()));
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
        let nobody = self.workers.iter().all(|worker| worker.house.streams.is_empty());
        assert!(!nobody || outside.now.since(self.quiet_since) < QUIET, "ticks end");
        self.settle(index);
    }

    /// After every callback: wakes the root if there is work for it, and sees to it that the tick comes when it is wanted.
    pub(crate) fn settle(&mut self, index: usize) {
        let wall = self.outside.wall();
        let worker = &mut self.workers[index];
        let has_work = worker.gatherer.has_work();
        if has_work {
            worker.house.wake(&mut self.outside);
        }
        let work = (has_work && !worker.house.woken).then_some(Worker::SHORTEST_TICK);
        let wanted = [worker.gatherer.next_tick(wall), work].into_iter().flatten().min();
        let Some(wanted) = wanted else { return };
        let wanted = wanted.max(Worker::SHORTEST_TICK);
        let at = self.outside.now.plus(wanted);
        if worker.tick.is_none_or(|(set, _)| at < set) {
            worker.tick = Some((at, self.outside.plan_tick(index, wanted)));
        }
    }
}
