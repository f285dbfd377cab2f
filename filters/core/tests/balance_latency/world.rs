//! Clients, endpoints and a clock; and whoever says where requests go: the balancer, or Finagle's rules.

use crate::balance_support;

use balance_support::upstream;
use core::cmp::Reverse;
use core::time::Duration;
use fastrand::Rng;
use std::collections::BinaryHeap;
use switchyard_core::Timestamp;
use switchyard_core::balance::{Balancer, Candidates, Choice, Policy};
use switchyard_core::health::Admission;
use switchyard_core::load::{InFlight, LatencyPolicy, Loads};

/// How long an endpoint takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint {
    /// 5 ms, but for a little: clients in step would be an artefact.
    Even,
    /// A little more than 5 ms, and one answer in two hundred up to 45 ms.
    Noisy,
    /// 5 ms on average, exponentially distributed.
    Exponential,
    /// So many milliseconds.
    Slow(u64),
}

impl Endpoint {
    fn nanos(self, rng: &mut Rng) -> u64 {
        let exponential = |rng: &mut Rng, mean: f64| -mean * (1.0 - rng.f64()).ln();
        let ms = match self {
            Self::Even => 5.0 + 0.1 * rng.f64(),
            Self::Noisy if rng.u8(..200) == 0 => 10.0 + 35.0 * rng.f64(),
            Self::Noisy => 5.0 + exponential(rng, 0.7),
            Self::Exponential => exponential(rng, 5.0),
            Self::Slow(ms) => ms as f64,
        };
        (ms * 1e6) as u64
    }
}

/// Says where requests go, and learns from how long they take.
pub(crate) trait Rules {
    fn choose(&mut self, now: Timestamp) -> usize;
    fn answered(&mut self, endpoint: usize, latency: Duration, now: Timestamp);
}

/// The balancer.
pub(crate) struct Ours {
    balancer: Balancer,
    loads: Loads,
    policy: LatencyPolicy,
    candidates: Candidates,
    under_way: Vec<Vec<InFlight>>,
    rng: Rng,
}

impl Ours {
    pub(crate) fn new(endpoints: usize, decay: f64, seed: u64) -> Self {
        Self::weighted(&vec![1; endpoints], decay, seed)
    }

    pub(crate) fn weighted(weights: &[u32], decay: f64, seed: u64) -> Self {
        let policy =
            LatencyPolicy { decay: Duration::from_secs_f64(decay), default: Duration::from_millis(30) };
        let peak_ewma = Policy::PeakEwma { decay: policy.decay, default_latency: policy.default };
        Self {
            balancer: Balancer::new(&peak_ewma, &upstream(weights)),
            loads: Loads::new(weights.len()),
            policy,
            candidates: Candidates::new(3),
            under_way: weights.iter().map(|_| Vec::new()).collect(),
            rng: Rng::with_seed(seed),
        }
    }

    /// A request to this endpoint whose answer has begun and never ends.
    pub(crate) fn open(&mut self, endpoint: usize) -> InFlight {
        let mut open = self.loads.start(endpoint, None).expect("an endpoint");
        open.answered();
        open
    }
}

impl Rules for Ours {
    fn choose(&mut self, now: Timestamp) -> usize {
        self.candidates.clear();
        let (rng, loads, admission) = (&mut self.rng, &self.loads, Admission::everyone());
        self.balancer.choose(Choice { hash: None, now, rng, loads, admission }, &mut self.candidates);
        let endpoint = self.candidates.first().expect("an endpoint");
        self.under_way[endpoint].extend(self.loads.start(endpoint, Some(now)));
        endpoint
    }

    fn answered(&mut self, endpoint: usize, latency: Duration, now: Timestamp) {
        self.loads.observe(endpoint, latency, now, &self.policy);
        drop(self.under_way[endpoint].pop());
    }
}

/// Finagle's PeakEwma: the lesser of two; an answer slower than the estimate takes its place, a faster one moves it by the time that
/// has passed; every look lets it fade; one that has not answered yet is penalized while it is asked.
pub(crate) struct Finagle {
    decay: f64,
    nodes: Vec<Node>,
    rng: Rng,
}

#[derive(Clone, Copy, Default)]
struct Node {
    cost: f64,
    pending: u32,
    stamp: f64,
}

impl Node {
    fn observe(&mut self, latency: f64, now: f64, decay: f64) {
        let kept = (-(now - self.stamp) / decay).exp();
        self.cost = if latency > self.cost { latency } else { self.cost * kept + latency * (1.0 - kept) };
        self.stamp = now;
    }

    fn load(&mut self, now: f64, decay: f64) -> f64 {
        self.observe(0.0, now, decay);
        let penalty = if self.cost == 0.0 && self.pending > 0 { 1e9 } else { self.cost };
        penalty * f64::from(self.pending + 1)
    }
}

impl Finagle {
    pub(crate) fn new(endpoints: usize, decay: f64, seed: u64) -> Self {
        Self { decay, nodes: vec![Node::default(); endpoints], rng: Rng::with_seed(seed) }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e9
}

impl Rules for Finagle {
    fn choose(&mut self, now: Timestamp) -> usize {
        let (now, count) = (seconds(now), self.nodes.len());
        let one = self.rng.usize(..count);
        let two = (one + 1 + self.rng.usize(..count - 1)) % count;
        let less = self.nodes[one].load(now, self.decay) <= self.nodes[two].load(now, self.decay);
        let chosen = if less { one } else { two };
        self.nodes[chosen].pending += 1;
        chosen
    }

    fn answered(&mut self, endpoint: usize, latency: Duration, now: Timestamp) {
        let node = &mut self.nodes[endpoint];
        node.pending -= 1;
        node.observe(latency.as_secs_f64(), seconds(now), self.decay);
    }
}

/// One worker's clients and endpoints.
pub(crate) struct World {
    pub(crate) endpoints: Vec<Endpoint>,
    /// When each answer is due, at which endpoint, and when its request was sent.
    due: BinaryHeap<Reverse<(u64, usize, u64)>>,
    idle: usize,
    now: u64,
    rng: Rng,
}

impl World {
    pub(crate) fn new(clients: usize, endpoints: Vec<Endpoint>, seed: u64) -> Self {
        let rng = Rng::with_seed(seed ^ 0x5eed);
        Self { endpoints, due: BinaryHeap::new(), idle: clients, now: 0, rng }
    }

    /// Where the next so many requests go.
    pub(crate) fn requests(&mut self, rules: &mut impl Rules, count: usize) -> Vec<usize> {
        let mut went = Vec::new();
        while went.len() < count {
            self.step(rules, &mut went);
        }
        went
    }

    /// Where requests go until this second.
    pub(crate) fn until(&mut self, rules: &mut impl Rules, second: f64) -> Vec<usize> {
        let mut went = Vec::new();
        while (self.now as f64) < second * 1e9 {
            self.step(rules, &mut went);
        }
        went
    }

    /// All idle clients ask; then the next answer comes.
    fn step(&mut self, rules: &mut impl Rules, went: &mut Vec<usize>) {
        for _ in 0..core::mem::take(&mut self.idle) {
            let to = rules.choose(Timestamp::from_nanos(self.now));
            let takes = self.endpoints[to].nanos(&mut self.rng);
            self.due.push(Reverse((self.now + takes, to, self.now)));
            went.push(to);
        }
        let Some(Reverse((at, from, sent))) = self.due.pop() else { return };
        self.now = at;
        rules.answered(from, Duration::from_nanos(at - sent), Timestamp::from_nanos(at));
        self.idle += 1;
    }
}
