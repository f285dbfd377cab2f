//! One worker: what it gathers, as long as its VM lives, and how it is woken.

use crate::simulation::House;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::batch::Settings;
use switchyard_core::batch::gather::{Gatherer, Policy};
use switchyard_core::request::PlainRequest;
use switchyard_core::{Address, Timestamp};

/// The names of the routes.
const ROUTES: [&str; 2] = ["calls", "items"];

pub(crate) struct Worker {
    pub(crate) gatherer: Gatherer<PlainRequest>,
    pub(crate) house: House,
    /// The policies of new requests.
    pub(crate) routes: Vec<Rc<Policy>>,
    /// Every policy there was in this VM.
    pub(crate) policies: Vec<Rc<Policy>>,
    /// When the tick is to come, and which; those with other numbers were put off.
    pub(crate) tick: Option<(Timestamp, u64)>,
}

impl Worker {
    /// A VM that has just begun.
    pub(crate) fn new(routes: &[Settings], configuration: u64, at: Address) -> Self {
        let mut gatherer = Gatherer::default();
        gatherer.reachable_at(at);
        let mut worker = Self {
            gatherer,
            house: House::new(at.queue),
            routes: Vec::new(),
            policies: Vec::new(),
            tick: None,
        };
        worker.take(routes, configuration);
        worker
    }

    /// Takes a configuration: policies that have learnt nothing. What is gathered keeps its own.
    pub(crate) fn take(&mut self, routes: &[Settings], configuration: u64) {
        let policies = routes.iter().zip(ROUTES);
        let policy =
            |(settings, name): (&Settings, &str)| Rc::new(Policy::new(name, configuration, settings.clone()));
        self.routes = policies.map(policy).collect();
        self.policies.extend(self.routes.iter().map(Rc::clone));
    }

    /// The soonest that a tick may come: what the host's timer can tell apart.
    pub(crate) const SHORTEST_TICK: Duration = Duration::from_millis(1);
}
