//! A virtual proxy: workers, clients that come and leave, VMs that die, configurations that change, clocks that jump.

use crate::calls::{Calls, Event, Outside, TONGUE};
use crate::shapes::{Shape, routes};
use crate::simulation::{Happens, START, State};
use crate::stream::Stream;
use crate::worker::Worker;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::batch::Settings;
use switchyard_core::{Address, Timestamp};

pub(crate) struct Proxy {
    pub(crate) shape: Shape,
    pub(crate) outside: Outside,
    pub(crate) calls: Calls,
    pub(crate) workers: Vec<Worker>,
    pub(crate) streams: Vec<Stream>,
    /// When the last one ended.
    pub(crate) quiet_since: Timestamp,
    configuration: (Rc<[Settings]>, u64),
}

impl Proxy {
    pub(crate) fn new(shape: Shape, rng: Rng) -> Self {
        let mut proxy = Self {
            outside: Outside::new(rng, shape.mishaps, shape.slots, TONGUE),
            calls: Calls::new(&shape),
            workers: Vec::new(),
            streams: Vec::new(),
            quiet_since: START,
            configuration: (Rc::clone(&shape.routes), 0),
            shape,
        };
        for index in 0..proxy.shape.workers {
            let at = proxy.outside.mail.begins(index);
            proxy.workers.push(proxy.vm(at));
        }
        proxy
    }

    /// Everything happens, until nothing is left to; then nothing is left of it.
    pub(crate) fn run(&mut self) {
        while let Some(event) = self.outside.next() {
            self.happens(event);
        }
        assert!(self.streams.iter().all(|stream| stream.state == State::Ended), "every request ends");
        for worker in &self.workers {
            let gatherer = &worker.gatherer;
            assert_eq!((gatherer.len(), gatherer.keys()), (0, 0), "nothing is left");
            assert_eq!(gatherer.next_tick(self.outside.wall()), None, "and nothing to look after");
            for policy in &worker.policies {
                assert_eq!((policy.held(), policy.requests()), (0, 0), "nothing is held");
            }
        }
    }

    fn happens(&mut self, what: Happens<Event>) {
        match what {
            Happens::Arrives => self.crowd_arrives(),
            Happens::Queue(queue) => self.queue_is_ready(queue),
            Happens::Tick(worker, number) => self.tick(worker, number),
            Happens::Own(Event::Called(call)) => self.answers_call(call),
            Happens::Own(Event::Returns(id, well)) => self.returns(id, well),
            Happens::Own(Event::Read(id)) => self.reads_answer(id, false),
            Happens::Own(Event::Leaves(id)) => self.ends(id),
            Happens::Dies => {
                let worker = self.outside.rng.usize(0..self.workers.len());
                self.dies(worker);
            }
            Happens::Jumps => self.outside.jump(),
            Happens::Configures => self.configures(),
        }
    }

    /// A VM that has just begun.
    fn vm(&self, at: Address) -> Worker {
        Worker::new(&self.configuration.0, self.configuration.1, at)
    }

    /// A VM ends, and all its streams and calls with it; another one begins in its place.
    fn dies(&mut self, index: usize) {
        let queue = self.workers[index].house.queue;
        let at = self.outside.mail.begins_again(index, queue, &mut self.outside.rng);
        let new = self.vm(at);
        let old = core::mem::replace(&mut self.workers[index], new);
        for id in old.house.streams.into_values() {
            self.streams[id].state = State::Ended;
            self.outside.tally.count("died with");
        }
        self.calls.open.retain(|_, call| call.worker != index);
    }

    /// A configuration is made, and taken by some workers at once and by the others with the next one.
    fn configures(&mut self) {
        self.configuration = (routes(&mut self.outside.rng), self.configuration.1 + 1);
        self.outside.tally.count("reloads");
        for worker in &mut self.workers {
            if self.outside.rng.u8(0..3) > 0 {
                worker.take(&self.configuration.0, self.configuration.1);
            }
        }
    }
}
