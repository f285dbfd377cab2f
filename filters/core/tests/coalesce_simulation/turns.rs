//! What happens to streams and workers, one callback at a time, as the filter makes of it.

use crate::around::Around;
use crate::asked::{Asked, Event};
use crate::proxy::Proxy;
use crate::simulation::State;
use crate::upstream::{Exchange, Kind, Stage};
use crate::worker::Worker;
use core::time::Duration;
use switchyard_core::coalesce::{Answer, Begun, Exit, Flights, QUICK_TICK, SLOW_TICK, Served};
use switchyard_core::request::PlainRequest;

/// When all streams have ended, ticks end in so long.
const QUIET: Duration = Duration::from_secs(20);

impl Proxy {
    /// Lets `act` change a worker's flights.
    pub(crate) fn with<R>(
        &mut self,
        worker: usize,
        act: impl FnOnce(&mut Flights<PlainRequest>, &mut Around<'_>) -> R,
    ) -> R {
        let worker = &mut self.workers[worker];
        let mut around = Around {
            outside: &mut self.outside,
            asked: &self.asked,
            may_release: self.may_release,
            house: &mut worker.house,
            exits: &mut worker.exits,
            streams: &mut self.streams,
        };
        act(&mut worker.flights, &mut around)
    }

    /// It goes to its upstream.
    pub(crate) fn goes_on(&mut self, id: usize) {
        let (serial, now, stream) = (self.asked.len(), self.outside.now, &mut self.streams[id]);
        let path = stream.request.headers.iter().find(|(name, _)| name == ":path");
        let key = path.and_then(|(_, path)| String::from_utf8_lossy(path.get(1..)?).parse().ok());
        let mood = key.and_then(|key: usize| self.moods.get(key)).copied().unwrap_or(Kind::Shareable);
        let rng = &mut self.outside.rng;
        let kind = if self.shape.is_moody && rng.u8(0..4) == 0 { Kind::any(rng) } else { mood };
        stream.exchange = Some(serial);
        let exchange = Exchange::new(kind, &stream.request, serial, rng);
        let wait = exchange.wait(self.shape.latency, rng);
        self.asked.push(Asked { exchange, began: now, answered: None, complete: None });
        self.outside.tally.count("asked");
        self.outside.plan(wait, Event::Says(id));
    }

    /// The next thing of its answer comes.
    pub(crate) fn upstream_says(&mut self, id: usize) {
        let stream = &self.streams[id];
        let Some(serial) = stream.exchange.filter(|_| stream.state == State::Upstream) else { return };
        let (worker, context, known) = (stream.worker, stream.context, stream.key.is_some());
        let now = self.outside.now;
        let Asked { exchange, answered, complete, .. } = &mut self.asked[serial];
        let captured = core::mem::take(&mut exchange.captured);
        match exchange.stage {
            Stage::Head => {
                let ended = exchange.begins();
                *answered = Some(now);
                *complete = ended.then_some(now);
                let head = exchange.head();
                self.leaves_the_line(id);
                let begun = self.with(worker, |flights, around| match known {
                    true => flights.answer_begins(around, context, ended, || Some(head)),
                    false => Begun::Passes,
                });
                self.asked[serial].exchange.captured = begun == Begun::Captured;
                if let Begun::Replaced(answer, served) = begun {
                    self.takes_old_answer(id, &answer, served);
                    return self.settle(worker);
                }
            }
            Stage::Piece => {
                let (piece, ended) = exchange.next_piece();
                *complete = ended.then_some(now);
                let captured = captured
                    && self
                        .with(worker, |flights, around| flights.answer_body(around, context, &piece, ended));
                self.asked[serial].exchange.captured = captured;
            }
            Stage::Trailers => {
                exchange.stage = Stage::Over;
                if captured {
                    self.with(worker, |flights, around| flights.answer_trailers(around, context));
                }
            }
            Stage::Break => return self.ends(id),
            Stage::Over => {}
        }
        self.goes_on_saying(id, serial);
        self.settle(worker);
    }

    fn goes_on_saying(&mut self, id: usize, serial: usize) {
        let exchange = &self.asked[serial].exchange;
        if exchange.stage == Stage::Over {
            return self.reads(id);
        }
        let wait = exchange.wait(self.shape.latency, &mut self.outside.rng);
        self.outside.plan(wait, Event::Says(id));
    }

    /// Its answer has begun, or it has ended: one more that was let go may take its place.
    fn leaves_the_line(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        if let (Some(Exit::Released | Exit::Vary | Exit::MaxWait), Some(key)) =
            (stream.exit.take(), &stream.key)
            && let Some(released) = self.workers[stream.worker].exits.released.get_mut(key)
        {
            *released -= 1;
        }
    }

    /// The client reads its answer to the end.
    fn reads(&mut self, id: usize) {
        let slowly = self.outside.happens(self.shape.reads_slowly);
        let longest = if slowly { Duration::from_secs(2) } else { Duration::from_millis(1) };
        let after = longest.mul_f64(self.outside.rng.f64());
        self.outside.plan(after, Event::Read(id));
    }

    /// Its answer by the filter passes the filter, and goes to the client.
    pub(crate) fn relays_reply(&mut self, id: usize) {
        let stream = &self.streams[id];
        let (worker, context) = (stream.worker, stream.context);
        let nothing = || None::<(u16, PlainRequest)>;
        let begun =
            self.with(worker, |flights, around| flights.answer_begins(around, context, false, nothing));
        assert_eq!(begun, Begun::Passes, "a copy is not copied");
        self.reads(id);
    }

    /// Its answer is a failure, and an old one is given in its place.
    fn takes_old_answer(&mut self, id: usize, answer: &Answer, served: Served) {
        assert_eq!(served, Served::Stale, "a leader gets its own answer");
        let stream = &mut self.streams[id];
        stream.state = State::Answered;
        stream.takes(answer, served, &self.outside, &self.asked);
        self.reads(id);
    }

    /// The stream ends, in whichever way.
    pub(crate) fn ends(&mut self, id: usize) {
        let stream = &mut self.streams[id];
        let before = core::mem::replace(&mut stream.state, State::Ended);
        if before == State::Ended {
            return;
        }
        let (worker, context, known) = (stream.worker, stream.context, stream.key.is_some());
        self.quiet_since = self.outside.now;
        let Worker { house, exits, .. } = &mut self.workers[worker];
        house.streams.remove(&context);
        let gone = exits.gone;
        self.leaves_the_line(id);
        if known {
            self.with(worker, |flights, around| flights.ended(around, context));
            let exits = &mut self.workers[worker].exits;
            // It was about to be let go.
            exits.blurred |= before == State::Paused && exits.gone == gone;
            self.settle(worker);
        }
    }

    /// Messages have come.
    pub(crate) fn queue_is_ready(&mut self, number: u32) {
        let Some((index, messages)) = self.outside.mail.take(number) else { return };
        self.workers[index].house.woken = false;
        for message in messages {
            self.with(index, |flights, around| flights.message(around, &message));
        }
        self.acts(index);
        self.settle(index);
    }

    /// A callback of the root lets streams go.
    fn acts(&mut self, index: usize) {
        self.workers[index].house.acting = true;
        self.with(index, |flights, around| flights.act(around));
        let worker = &mut self.workers[index];
        worker.exits.end_callback();
        let (resumed, replied) = worker.house.end_callback();
        let is_paused = |id: &&usize| self.streams[**id].state == State::Paused;
        let paused = worker.house.streams.values().filter(is_paused).count();
        assert_eq!(worker.flights.waiting(), paused, "who is held waits for something");
        assert!(worker.flights.streams() <= worker.house.streams.len(), "only live streams are remembered");
        resumed.into_iter().for_each(|id| self.goes_on(id));
        replied.into_iter().for_each(|id| self.relays_reply(id));
    }

    /// The periodic work.
    pub(crate) fn tick(&mut self, index: usize, number: u64) {
        if self.workers[index].tick != number {
            return;
        }
        self.with(index, |flights, around| flights.tick(around));
        self.acts(index);
        let (worker, outside) = (&self.workers[index], &self.outside);
        let longest = worker.longest_wait();
        for stream in worker.house.streams.values().map(|id| &self.streams[*id]) {
            let overdue = stream.state == State::Paused && stream.is_overdue(longest, outside);
            assert!(!overdue, "nobody waits for longer than {longest:?}: {:?}", stream.arrived);
        }
        let nobody = self.workers.iter().all(|worker| worker.house.streams.is_empty());
        assert!(!nobody || outside.now.since(self.quiet_since) < QUIET, "ticks end");
        self.workers[index].period = Duration::ZERO;
        self.settle(index);
    }

    /// After every callback: wakes the root if there is work for it, and keeps the tick as quick as it must be.
    pub(crate) fn settle(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if worker.flights.has_work() {
            worker.house.wake(&mut self.outside);
        }
        let wanted = worker.flights.tick_period();
        let slower = worker.period.is_zero() || worker.period == SLOW_TICK && wanted == QUICK_TICK;
        if !wanted.is_zero() && slower {
            worker.period = wanted;
            worker.tick = self.outside.plan_tick(index, wanted);
        }
    }
}
