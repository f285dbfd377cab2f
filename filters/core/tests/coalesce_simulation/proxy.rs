//! A virtual proxy: workers, clients that come and leave, VMs that die, configurations that change, clocks that jump.

use crate::outside::{Event, Outside, Queue, START};
use crate::shapes::{Shape, routes};
use crate::stream::{State, Stream};
use crate::upstream::Kind;
use crate::worker::Worker;
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Address, Arrival, Settings};
use switchyard_core::request::PlainRequest;

pub(crate) struct Proxy {
    pub(crate) shape: Shape,
    pub(crate) outside: Outside,
    pub(crate) workers: Vec<Worker>,
    pub(crate) streams: Vec<Stream>,
    /// Streams that have not ended.
    pub(crate) open: usize,
    /// When the last one did.
    pub(crate) quiet_since: Timestamp,
    /// What the upstream mostly answers, by key.
    pub(crate) moods: Vec<Kind>,
    /// VMs that there have been.
    epochs: u64,
    pub(crate) to_come: usize,
    configuration: Rc<[Settings]>,
}

impl Proxy {
    pub(crate) fn new(shape: Shape, mut rng: Rng) -> Self {
        let moods = (0..shape.keys).map(|_| Kind::any(&mut rng)).collect();
        let mut proxy = Self {
            outside: Outside::new(shape.buckets, shape.has_board, shape.mishaps, rng),
            workers: Vec::new(),
            streams: Vec::new(),
            open: 0,
            quiet_since: START,
            moods,
            epochs: 0,
            to_come: 0,
            configuration: Rc::clone(&shape.routes),
            shape,
        };
        proxy.outside.configure(&proxy.configuration);
        for index in 0..proxy.shape.workers {
            let worker = proxy.begin_vm(index, None);
            proxy.workers.push(worker);
        }
        proxy
    }

    /// So many requests are to come, and all that happens beside them.
    pub(crate) fn expect(&mut self, requests: usize) {
        self.to_come = requests;
        self.outside.plan(Duration::ZERO, Event::Arrives);
        self.plan_sometime(self.shape.dies, || Event::Dies);
        self.plan_sometime(self.shape.jumps, || Event::Jumps);
        self.plan_sometime(self.shape.configures, || Event::Configures);
    }

    /// Everything happens, until nothing is left to; then nothing is left of it.
    pub(crate) fn run(&mut self) {
        while self.step() {}
        assert!(self.streams.iter().all(|stream| stream.state == State::Ended), "every request ends");
        for worker in &self.workers {
            let flights = &worker.flights;
            assert_eq!((flights.streams(), flights.waiting(), flights.len()), (0, 0, 0), "nothing is left");
            assert_eq!(flights.tick_period(), Duration::ZERO, "and nothing to look after");
            assert!(worker.policies.iter().all(|policy| policy.held() == 0), "no bytes are held");
            assert!(worker.house.released.values().all(|count| *count == 0), "nobody is under way");
        }
        self.is_as_new();
    }

    /// The next thing happens; `false` if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some((at, event)) = self.outside.agenda.next() else { return false };
        self.outside.now = at;
        self.happens(event);
        true
    }

    /// Once all leases are over every worker has room for as many flights as at first.
    fn is_as_new(&mut self) {
        self.outside.now = self.outside.now.plus(Duration::from_secs(3_600));
        self.outside.mishaps = Default::default();
        for worker in 0..self.workers.len() {
            for policy in self.workers[worker].routes.clone() {
                let room = policy.settings().max_flights.min(20);
                let leads = |number| {
                    let key = format!("{worker} {} {number}", policy.route()).into_bytes();
                    let request = PlainRequest::get("/");
                    let arrival = self.with(worker, |flights, around| {
                        flights.arrive(around, number, key, request, &policy)
                    });
                    (arrival == Arrival::Leads).then_some(number)
                };
                let led: Vec<_> = (1_000_000..1_000_000 + room).map_while(leads).collect();
                assert_eq!(led.len(), usize::try_from(room).unwrap_or(0), "every flight was given back");
                for number in led {
                    self.with(worker, |flights, around| flights.ended(around, number));
                }
            }
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.crowd_arrives(),
            Event::Requests(key) => {
                let worker = self.outside.rng.usize(0..self.workers.len());
                let request = self.any_request(key);
                self.arrives(worker, key % 2, request);
            }
            Event::Comes(worker, request) => self.arrives(worker, 0, request),
            Event::Queue(queue) => self.queue_is_ready(queue),
            Event::Tick(worker, number) => self.tick(worker, number),
            Event::Says(id) => self.upstream_says(id),
            Event::Read(id) | Event::Leaves(id) => self.ends(id),
            Event::Dies => {
                self.plan_sometime(self.shape.dies, || Event::Dies);
                let worker = self.outside.rng.usize(0..self.workers.len());
                self.dies(worker);
            }
            Event::Jumps => {
                self.outside.jump();
                self.plan_sometime(self.shape.jumps, || Event::Jumps);
            }
            Event::Configures => self.configures(),
            Event::Takes(worker, routes) => self.workers[worker].take(&routes),
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
        Worker::new(&self.configuration, Address { queue, epoch: self.epochs })
    }

    /// A VM ends, and all its streams with it; another one begins in its place.
    pub(crate) fn dies(&mut self, index: usize) {
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
    }

    /// A configuration is made, and taken by one worker after the other.
    fn configures(&mut self) {
        self.plan_sometime(self.shape.configures, || Event::Configures);
        self.configuration = routes(&mut self.outside.rng);
        self.outside.configure(&self.configuration);
        self.outside.tally.reloads += 1;
        for worker in 0..self.workers.len() {
            let after = Duration::from_millis(self.outside.rng.u64(0..100));
            self.outside.plan(after, Event::Takes(worker, Rc::clone(&self.configuration)));
        }
    }
}
