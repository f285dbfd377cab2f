//! Clients that come back together, and those that come when they like.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::Crowd;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the server takes for a call and for an item, in milliseconds.
const CALL: f64 = 10.0;
const ITEM: f64 = 0.2;

/// One worker, and the one server that it asks one call at a time.
struct Run {
    crowd: Option<Crowd>,
    random: fastrand::Rng,
    now: f64,
    /// When clients come, soonest last.
    coming: Vec<f64>,
    waiting: Vec<f64>,
    /// When the call under way left, returns, and when its requests came.
    flight: Option<(f64, f64, Vec<f64>)>,
    calls: u32,
    served: u32,
    latency: f64,
}

/// What came of it: requests per second, of a call, and their mean latency in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    rate: f64,
    size: f64,
    latency: f64,
}

impl Run {
    fn new(waits: bool) -> Self {
        Self {
            crowd: waits.then(Crowd::default),
            random: fastrand::Rng::with_seed(3),
            now: 0.0,
            coming: Vec::new(),
            waiting: Vec::new(),
            flight: None,
            calls: 0,
            served: 0,
            latency: 0.0,
        }
    }

    fn comes(&mut self, at: f64) {
        self.coming.push(at);
        self.coming.sort_by(|one, other| other.total_cmp(one));
    }

    fn held_until(&self) -> Option<f64> {
        let until = self.crowd.as_ref()?.waits_until(timestamp(self.now))?;
        Some(until.as_nanos() as f64 / 1e6)
    }

    fn leave(&mut self) {
        let may_leave = self.flight.is_none() && !self.waiting.is_empty();
        if may_leave && self.held_until().is_none_or(|until| until <= self.now) {
            let items = core::mem::take(&mut self.waiting);
            self.calls += 1;
            self.flight = Some((self.now, self.now + CALL + ITEM * items.len() as f64, items));
        }
    }

    /// So long, in which clients come back as `back` says, if they do.
    fn runs(mut self, until: f64, mut back: impl FnMut(&mut fastrand::Rng) -> Option<f64>) -> Outcome {
        while self.now < until {
            let coming = self.coming.last().copied().unwrap_or(f64::INFINITY);
            let landing = self.flight.as_ref().map_or(f64::INFINITY, |(_, lands, _)| *lands);
            let idle = self.flight.is_none() && !self.waiting.is_empty();
            let held = if idle { self.held_until().unwrap_or(f64::INFINITY) } else { f64::INFINITY };
            self.now = coming.min(landing).min(held);
            if self.now == landing {
                let (left, _, items) = self.flight.take().expect("a call");
                self.served += items.len() as u32;
                self.latency += items.iter().map(|came| self.now - came).sum::<f64>();
                if let Some(crowd) = &mut self.crowd {
                    crowd.answered(
                        items.len() as u32,
                        millis(self.now - left),
                        millis(20.0),
                        timestamp(self.now),
                    );
                }
                for _ in items {
                    if let Some(after) = back(&mut self.random) {
                        self.comes(self.now + after);
                    }
                }
            } else if self.now == coming {
                self.coming.pop();
                self.waiting.push(self.now);
                if let Some(crowd) = &mut self.crowd {
                    crowd.comes(timestamp(self.now));
                }
            }
            self.leave();
        }
        let served = f64::from(self.served);
        Outcome {
            rate: served / until * 1e3,
            size: served / f64::from(self.calls),
            latency: self.latency / served,
        }
    }
}

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(millis.max(0.0) / 1e3)
}

fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_nanos((millis * 1e6) as u64)
}

/// So many clients that ask again within so many milliseconds.
fn closed(waits: bool, clients: u32, within: f64) -> Outcome {
    let mut run = Run::new(waits);
    (0..clients).for_each(|client| run.comes(f64::from(client) * 0.05));
    run.runs(20_000.0, |random| Some(0.2 + within * random.f64()))
}

/// So many a second that come when they like.
fn open(waits: bool, rate: f64) -> Outcome {
    let mut run = Run::new(waits);
    let (mut at, mut random) = (0.0, fastrand::Rng::with_seed(9));
    while at < 20_000.0 {
        at += -random.f64().max(1e-12).ln() * 1e3 / rate;
        run.coming.push(at);
    }
    run.coming.reverse();
    run.runs(20_000.0, |_| None)
}

#[test]
fn clients_that_come_back_together_go_together() {
    for (clients, within, least) in
        [(64, 2.0, 60.0), (32, 2.0, 30.0), (64, 4.0, 58.0), (8, 1.0, 7.0), (2, 1.0, 1.8)]
    {
        let (before, with) = (closed(false, clients, within), closed(true, clients, within));
        println!("{clients} within {within} ms: {before:?} {with:?}");
        assert!(with.size > least, "{clients}: {with:?}, and without waiting {before:?}");
        assert!(
            with.rate > before.rate * 1.2 && with.latency < before.latency,
            "{clients}: {with:?} {before:?}"
        );
    }
}

#[test]
fn a_client_by_itself_waits_for_nobody() {
    let (before, with) = (closed(false, 1, 2.0), closed(true, 1, 2.0));
    assert!((with.latency - before.latency).abs() < 0.001, "{with:?} {before:?}");
}

#[test]
fn those_that_come_when_they_like_are_not_kept_waiting() {
    for rate in [20.0, 100.0, 500.0, 1_500.0, 3_000.0] {
        let (before, with) = (open(false, rate), open(true, rate));
        println!("{rate} a second: {before:?} {with:?}");
        assert!(with.latency < before.latency * 1.02 + 0.1, "{rate}: {with:?} {before:?}");
    }
}

#[test]
fn clients_that_think_for_longer_than_a_part_of_a_batch_are_not_waited_for() {
    for think in [20.0, 60.0, 200.0] {
        let (before, with) = (closed(false, 32, think), closed(true, 32, think));
        println!("thinking for up to {think} ms: {before:?} {with:?}");
        assert!(
            with.latency < before.latency * 1.03 + 0.1 && with.rate > before.rate * 0.97,
            "{with:?} {before:?}"
        );
    }
}

#[test]
fn a_crowd_that_leaves_is_waited_for_in_vain_a_few_times_and_never_for_long() {
    let mut run = Run::new(true);
    (0..33).for_each(|client| run.comes(f64::from(client) * 0.05));
    let mut asked = 0;
    // After a while all leave but one, who so far came back with them.
    let outcome = run.runs(20_000.0, |random| {
        asked += 1;
        (!(6_400..=6_430).contains(&asked)).then(|| 0.2 + random.f64())
    });
    let alone = closed(true, 1, 1.0);
    assert!(outcome.latency < 20.0, "{outcome:?}, alone {alone:?}");
}
