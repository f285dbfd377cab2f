//! A virtual proxy: workers, clients that come and leave, VMs that die, configurations that change, clocks that jump.

use crate::outside::{Event, Outside, Queue, START};
use crate::shapes::{Shape, routes};
use crate::stream::{State, Stream};
use crate::worker::Worker;
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::batch::Settings;
use switchyard_core::{Address, Timestamp};

pub(crate) struct Proxy {
    pub(crate) outside: Outside,
    pub(crate) workers: Vec<Worker>,
    pub(crate) streams: Vec<Stream>,
    /// Streams that have not ended.
    pub(crate) open: usize,
    /// When the last one ended.
    pub(crate) quiet_since: Timestamp,
    /// VMs that there have been.
    epochs: u64,
    pub(crate) to_come: usize,
    configuration: (Rc<[Settings]>, u64),
}

impl Proxy {
    pub(crate) fn new(shape: Shape, rng: Rng) -> Self {
        let mut proxy = Self {
            outside: Outside::new(&shape, rng),
            workers: Vec::new(),
            streams: Vec::new(),
            open: 0,
            quiet_since: START,
            epochs: 0,
            to_come: 0,
            configuration: (Rc::clone(&shape.routes), 0),
        };
        for index in 0..shape.workers {
            let worker = proxy.begin_vm(index, None);
            proxy.workers.push(worker);
        }
        proxy
    }

    /// So many requests are to come, and all that happens beside them.
    pub(crate) fn expect(&mut self, requests: usize) {
        self.to_come = requests;
        self.outside.plan(Duration::ZERO, Event::Arrives);
        let Shape { dies, jumps, configures, .. } = self.outside.shape;
        self.plan_sometime(dies, || Event::Dies);
        self.plan_sometime(jumps, || Event::Jumps);
        self.plan_sometime(configures, || Event::Configures);
    }

    /// Everything happens, until nothing is left to; then nothing is left of it.
    pub(crate) fn run(&mut self) {
        while let Some((at, event)) = self.outside.agenda.next() {
            self.outside.now = at;
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

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.crowd_arrives(),
            Event::Queue(queue) => self.queue_is_ready(queue),
            Event::Tick(worker, number) => self.tick(worker, number),
            Event::Called(call) => self.is_called(call),
            Event::Returns(id, well) => self.returns(id, well),
            Event::Leaves(id) => self.ends(id),
            Event::Dies => {
                self.plan_sometime(self.outside.shape.dies, || Event::Dies);
                let worker = self.outside.rng.usize(0..self.workers.len());
                self.dies(worker);
            }
            Event::Jumps => {
                self.outside.jump();
                self.plan_sometime(self.outside.shape.jumps, || Event::Jumps);
            }
            Event::Configures => self.configures(),
        }
    }

    /// Plans what happens every so often, as long as requests come.
    pub(crate) fn plan_sometime(&mut self, every: Option<Duration>, event: impl Fn() -> Event) {
        if let Some(every) = every.filter(|_| self.to_come > 0) {
            let after = every.mul_f64(self.outside.rng.f64() * 2.0);
            self.outside.plan(after, event());
        }
    }

    fn begin_vm(&mut self, index: usize, old: Option<u32>) -> Worker {
        self.epochs += 1;
        let queue = old.unwrap_or_else(|| {
            self.outside.queues.push(Queue::default());
            u32::try_from(self.outside.queues.len() - 1).unwrap_or(u32::MAX)
        });
        self.outside.queues[usize::try_from(queue).expect("queues are few")].worker = Some(index);
        let (routes, number) = &self.configuration;
        Worker::new(routes, *number, Address { queue, epoch: self.epochs })
    }

    /// A VM ends, and all its streams and calls with it; another one begins in its place.
    fn dies(&mut self, index: usize) {
        let old = self.workers[index].queue;
        let queue = &mut self.outside.queues[usize::try_from(old).unwrap_or(usize::MAX)];
        queue.worker = None;
        let again = match self.outside.rng.u8(0..3) {
            0 => Some(old),
            1 => {
                queue.gone = true;
                None
            }
            _ => None,
        };
        let new = self.begin_vm(index, again);
        let old = core::mem::replace(&mut self.workers[index], new);
        for id in old.house.streams.into_values() {
            self.streams[id].state = State::Ended;
            self.open -= 1;
            self.outside.tally.died_with += 1;
        }
        self.outside.calls.retain(|_, call| call.worker != index);
    }

    /// A configuration is made, and taken by some workers at once and by the others with the next one.
    fn configures(&mut self) {
        self.plan_sometime(self.outside.shape.configures, || Event::Configures);
        self.configuration = (routes(&mut self.outside.rng), self.configuration.1 + 1);
        self.outside.tally.reloads += 1;
        for worker in &mut self.workers {
            if self.outside.rng.u8(0..3) > 0 {
                worker.take(&self.configuration.0, self.configuration.1);
            }
        }
    }
}
