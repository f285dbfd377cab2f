//! One server that takes a batch at a time, and clients that come whether it keeps up or not.

use super::{TARGET, pace};
use core::time::Duration;
use std::collections::VecDeque;
use switchyard_core::Timestamp;
use switchyard_core::batch::{Estimator, Leaves, Pace};

/// What the server takes for a call and for each item, in milliseconds, from some time on.
pub(super) type Costs = (f64, f64, f64);

/// One run of clients and a server.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// How many come in a second, from when on (ms).
    pub(super) rates: Vec<(f64, f64)>,
    /// From when on (ms), a call, an item.
    pub(super) costs: Vec<Costs>,
    /// How many come at once.
    pub(super) bursts: u32,
    /// By how much a batch takes longer or shorter than it should, at most.
    pub(super) noise: f64,
    /// Every so many batches one takes 200 ms more; 0: none does.
    pub(super) hiccup: u32,
    /// How long clients come, in milliseconds.
    pub(super) until: f64,
    pub(super) max_items: u32,
    /// The most batches under way.
    pub(super) in_flight: usize,
    /// How many of them the server takes at a time.
    pub(super) at_a_time: usize,
    /// How long a request waits at most while there may be another batch, in milliseconds.
    pub(super) max_delay: f64,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            rates: vec![(0.0, 1000.0)],
            costs: vec![(0.0, 10.0, 0.2)],
            bursts: 1,
            noise: 0.05,
            hiccup: 0,
            until: 20_000.0,
            max_items: 512,
            in_flight: 1,
            at_a_time: 1,
            max_delay: 20.0,
        }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// How many of a hundred answers were late.
    pub(super) late: f64,
    /// The same of those that came in the last three seconds.
    pub(super) late_at_last: f64,
    /// Within which 50 and 99 of a hundred came, in milliseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Items of a batch.
    pub(super) mean_size: f64,
    /// The longest anyone waited, in milliseconds.
    pub(super) longest: f64,
}

/// The policies that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    WhileBusy,
    LeastSquares,
    Aimd,
}

impl Policy {
    pub(super) const ALL: [Self; 3] = [Self::WhileBusy, Self::LeastSquares, Self::Aimd];

    pub(super) fn pace(self, max_items: u32) -> Pace {
        match self {
            Self::WhileBusy => Pace::new(&Leaves::WhileBusy, max_items),
            Self::LeastSquares => pace(Estimator::LeastSquares, max_items),
            Self::Aimd => pace(Estimator::Aimd, max_items),
        }
    }
}

/// What holds at this time.
fn at<T: Copy>(changes: &[T], now: f64, from: impl Fn(&T) -> f64) -> Option<T> {
    changes.iter().rev().find(|change| from(change) <= now).copied()
}

/// What is under way.
struct Service {
    pace: Pace,
    random: fastrand::Rng,
    /// When those that wait came.
    waiting: VecDeque<f64>,
    /// When each batch left, will be answered, and when its items came.
    flights: Vec<(f64, f64, Vec<f64>)>,
    /// When the server can begin with the next one, for each that it takes at a time.
    free: Vec<f64>,
    batches: u32,
}

impl Run {
    /// What comes of it. A batch leaves when nothing is under way, and before that if it is full or its oldest has waited for
    /// long, as far as there may be several.
    pub(super) fn with(&self, policy: Policy) -> Outcome {
        let pace = policy.pace(self.max_items);
        let random = fastrand::Rng::with_seed(7);
        let (waiting, flights) = (VecDeque::new(), Vec::new());
        let mut service =
            Service { pace, random, waiting, flights, free: vec![0.0; self.at_a_time], batches: 0 };
        let (mut next, mut latencies) = (0.0, Vec::new());
        let mut last = Vec::new();
        loop {
            let coming = if next < self.until { next } else { f64::INFINITY };
            let landing = service.flights.iter().map(|(_, lands, _)| *lands).fold(f64::INFINITY, f64::min);
            let now = coming.min(landing).min(service.looked_at(self));
            if now.is_infinite() {
                return Outcome { late_at_last: late(&last), ..outcome(latencies, service.batches) };
            }
            if now == landing {
                let place = service.flights.iter().position(|(_, lands, _)| *lands == now).expect("a batch");
                let (left, _, items) = service.flights.remove(place);
                service.pace.landed(items.len() as u32, timestamp(left), timestamp(now));
                latencies.extend(items.iter().map(|came| now - came));
                last.extend(items.iter().filter(|came| **came > self.until - 3_000.0).map(|came| now - came));
            } else if now == coming {
                (0..self.bursts).for_each(|_| service.waiting.push_back(now));
                let (_, rate) = at(&self.rates, next, |(from, _)| *from).expect("a rate");
                next += -service.random.f64().max(1e-12).ln() * 1000.0 * f64::from(self.bursts) / rate;
            }
            while service.leaves(self, now) {
                service.send(self, now);
            }
        }
    }

    fn took(&self, items: usize, now: f64, batch: u32, random: &mut fastrand::Rng) -> f64 {
        let (_, call, item) = at(&self.costs, now, |(from, ..)| *from).expect("costs");
        let hiccup = if self.hiccup > 0 && batch.is_multiple_of(self.hiccup) { 200.0 } else { 0.0 };
        (call + item * items as f64) * (1.0 + self.noise * (2.0 * random.f64() - 1.0)) + hiccup
    }
}

impl Service {
    fn looked_at(&self, run: &Run) -> f64 {
        let may_leave = self.flights.len() < run.in_flight;
        self.waiting.front().filter(|_| may_leave).map_or(f64::INFINITY, |oldest| oldest + run.max_delay)
    }

    fn limit(&self, now: f64) -> usize {
        self.waiting.front().map_or(0, |oldest| self.pace.limit(millis(now - oldest)) as usize)
    }

    fn leaves(&self, run: &Run, now: f64) -> bool {
        let is_due = || self.waiting.len() >= run.max_items as usize || now >= self.looked_at(run);
        !self.waiting.is_empty()
            && self.flights.len() < run.in_flight
            && (self.flights.is_empty() || is_due())
    }

    fn send(&mut self, run: &Run, now: f64) {
        let limit = self.limit(now).min(self.waiting.len());
        let items: Vec<_> = self.waiting.drain(..limit).collect();
        self.batches += 1;
        let took = run.took(items.len(), now, self.batches, &mut self.random);
        let free = self.free.iter_mut().min_by(|one, other| one.total_cmp(other)).expect("one");
        *free = free.max(now) + took;
        self.flights.push((now, *free, items));
    }
}

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(millis.max(0.0) / 1000.0)
}

fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_nanos((millis * 1e6) as u64)
}

fn outcome(mut latencies: Vec<f64>, batches: u32) -> Outcome {
    let (all, late) = (latencies.len() as f64, late(&latencies));
    latencies.sort_by(f64::total_cmp);
    let quantile = |share: f64| latencies.get((share * (all - 1.0)) as usize).copied().unwrap_or(0.0);
    Outcome {
        late,
        late_at_last: 0.0,
        p50: quantile(0.5),
        p99: quantile(0.99),
        mean_size: all / f64::from(batches),
        longest: quantile(1.0),
    }
}

/// How many of a hundred were late.
fn late(latencies: &[f64]) -> f64 {
    let target = TARGET.as_secs_f64() * 1000.0;
    let late = latencies.iter().filter(|latency| **latency > target).count() as f64;
    100.0 * late / (latencies.len() as f64).max(1.0)
}
