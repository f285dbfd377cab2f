//! A virtual proxy: workers, clients that come and leave, VMs that die, configurations that change, clocks that jump.

use crate::asked::{Asked, Event, Outside, TONGUE};
use crate::shapes::{Shape, routes};
use crate::simulation::{Happens, Mishaps, START, State};
use crate::stream::Stream;
use crate::upstream::Kind;
use crate::worker::Worker;
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Arrival, Settings};
use switchyard_core::request::PlainRequest;

pub(crate) struct Proxy {
    pub(crate) shape: Shape,
    pub(crate) outside: Outside,
    pub(crate) asked: Vec<Asked>,
    /// How many of a key may be let go and under way in one worker, by route: a worker heeds what another one says,
    /// whose configuration may be the next.
    pub(crate) may_release: [u32; 2],
    pub(crate) workers: Vec<Worker>,
    pub(crate) streams: Vec<Stream>,
    /// When the last one did.
    pub(crate) quiet_since: Timestamp,
    /// What the upstream mostly answers, by key.
    pub(crate) moods: Vec<Kind>,
    configuration: Rc<[Settings]>,
}

impl Proxy {
    pub(crate) fn new(shape: Shape, mut rng: Rng) -> Self {
        let moods = (0..shape.keys).map(|_| Kind::any(&mut rng)).collect();
        let mut proxy = Self {
            outside: Outside::new(rng, shape.mishaps, shape.buckets, TONGUE),
            asked: Vec::new(),
            may_release: [0; 2],
            workers: Vec::new(),
            streams: Vec::new(),
            quiet_since: START,
            moods,
            configuration: Rc::clone(&shape.routes),
            shape,
        };
        proxy.allow_releases();
        for index in 0..proxy.shape.workers {
            let at = proxy.outside.mail.begins(index);
            proxy.workers.push(Worker::new(&proxy.configuration, at));
        }
        proxy
    }

    /// A configuration comes into force somewhere.
    fn allow_releases(&mut self) {
        for (most, settings) in self.may_release.iter_mut().zip(&*self.configuration) {
            *most = settings.release_concurrency.max(*most);
        }
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
            assert!(worker.exits.released.values().all(|count| *count == 0), "nobody is under way");
        }
        self.fill_again();
    }

    /// The next thing happens; `false` if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some(event) = self.outside.next() else { return false };
        self.happens(event);
        true
    }

    /// Once all leases are over every worker has room for as many flights as at first.
    fn fill_again(&mut self) {
        self.outside.now = self.outside.now.plus(Duration::from_secs(3_600));
        self.outside.mishaps = Mishaps::default();
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

    fn happens(&mut self, what: Happens<Event>) {
        match what {
            Happens::Arrives => self.crowd_arrives(),
            Happens::Own(Event::Requests(key)) => {
                let worker = self.outside.rng.usize(0..self.workers.len());
                let request = self.any_request(key);
                self.arrives(worker, key % 2, request);
            }
            Happens::Own(Event::Comes(worker, request)) => self.arrives(worker, 0, request),
            Happens::Queue(queue) => self.queue_is_ready(queue),
            Happens::Tick(worker, number) => self.tick(worker, number),
            Happens::Own(Event::Says(id)) => self.upstream_says(id),
            Happens::Own(Event::Read(id) | Event::Leaves(id)) => self.ends(id),
            Happens::Dies => {
                let worker = self.outside.rng.usize(0..self.workers.len());
                self.dies(worker);
            }
            Happens::Jumps => self.outside.jump(),
            Happens::Configures => self.configures(),
            Happens::Own(Event::Takes(worker, routes)) => self.workers[worker].take(&routes),
        }
    }

    /// A VM ends, and all its streams with it; another one begins in its place.
    pub(crate) fn dies(&mut self, index: usize) {
        let queue = self.workers[index].house.queue;
        let at = self.outside.mail.begins_again(index, queue, &mut self.outside.rng);
        let new = Worker::new(&self.configuration, at);
        let old = core::mem::replace(&mut self.workers[index], new);
        for id in old.house.streams.into_values() {
            self.streams[id].state = State::Ended;
            self.outside.tally.count("died with");
        }
    }

    /// A configuration is made, and taken by one worker after the other.
    fn configures(&mut self) {
        self.configuration = routes(&mut self.outside.rng);
        self.allow_releases();
        self.outside.tally.count("reloads");
        for worker in 0..self.workers.len() {
            let after = Duration::from_millis(self.outside.rng.u64(0..100));
            self.outside.plan(after, Event::Takes(worker, Rc::clone(&self.configuration)));
        }
    }
}
