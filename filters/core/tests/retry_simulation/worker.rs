//! One worker: its view of the world, and what waits in it.

use crate::budgets::{Purse, Shared};
use crate::shapes::Config;
use core::time::Duration;
use fastrand::Rng;
use std::rc::Rc;
use switchyard_core::retry::{Denied, LatencyWindow, World, pick};
use switchyard_core::{EndpointIndex, Timestamp};

pub(crate) struct Worker {
    /// What new requests begin under.
    pub(crate) config: Rc<Config>,
    pub(crate) rng: Rng,
    /// Which endpoints are in rotation, as of the last tick.
    pub(crate) rotation: Vec<bool>,
    pub(crate) latency: LatencyWindow,
    pub(crate) purse: Purse,
    /// Requests that a tick may have something to do for.
    pub(crate) waiting: Vec<usize>,
    pub(crate) ticks_at: Timestamp,
    /// The next tick is only for news.
    pub(crate) idle: bool,
    pub(crate) told: Timestamp,
    pub(crate) turn: usize,
}

impl Worker {
    pub(crate) fn new(config: Rc<Config>, endpoints: usize, rng: Rng) -> Self {
        Self {
            config,
            rng,
            rotation: vec![true; endpoints],
            latency: LatencyWindow::default(),
            purse: Purse::default(),
            waiting: Vec::new(),
            ticks_at: Timestamp::default(),
            idle: true,
            told: Timestamp::default(),
            turn: 0,
        }
    }

    /// The router's candidates: some endpoints in rotation, each first in turn.
    pub(crate) fn candidates(&mut self) -> Vec<EndpointIndex> {
        self.turn += 1;
        let count = self.rotation.len();
        let all = (0..count).map(|step| (self.turn + step) % count);
        let panic = self.rotation.iter().all(|is_in| !is_in);
        all.filter(|index| panic || self.rotation[*index]).take(3).collect()
    }
}

/// What decisions ask of a worker.
pub(crate) struct Around<'a> {
    pub(crate) worker: &'a mut Worker,
    pub(crate) shared: &'a mut Shared,
    pub(crate) config: &'a Config,
    pub(crate) candidates: &'a [EndpointIndex],
    pub(crate) taken: &'a mut u32,
    pub(crate) now: Timestamp,
}

impl World for Around<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn rng(&mut self) -> &mut Rng {
        &mut self.worker.rng
    }

    fn withdraw(&mut self) -> Result<(), Denied> {
        let worker = &mut *self.worker;
        self.shared.withdraw(self.config, &mut worker.purse, self.now, &mut worker.rng)?;
        // A place is taken until the retry has ended, whether it waits or is under way.
        worker.purse.active += 1;
        *self.taken += 1;
        Ok(())
    }

    fn pick(&mut self, tried: &[EndpointIndex]) -> Option<EndpointIndex> {
        let rotation = &self.worker.rotation;
        pick(self.candidates, rotation.len(), |index| rotation[index], tried)
    }

    fn least_time(&self) -> Duration {
        let quickest = self.worker.latency.quantile(5, self.now);
        self.config.settings.deadline.floor.max(quickest.unwrap_or_default())
    }
}
