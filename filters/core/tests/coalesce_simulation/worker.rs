//! One worker: its flights, as long as its VM lives, and how it is woken.

use crate::around::Exits;
use crate::simulation::House;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::coalesce::{Address, Flights, Policy, Settings};
use switchyard_core::request::PlainRequest;

/// The names of the routes.
pub(crate) const ROUTES: [&str; 2] = ["a", "b"];

pub(crate) struct Worker {
    pub(crate) flights: Flights<PlainRequest>,
    pub(crate) house: House,
    pub(crate) exits: Exits,
    /// The policies of new requests.
    pub(crate) routes: Vec<Rc<Policy>>,
    /// Every policy there was in this VM.
    pub(crate) policies: Vec<Rc<Policy>>,
    pub(crate) period: Duration,
    /// The tick that is to come; those with other numbers were put off.
    pub(crate) tick: u64,
}

impl Worker {
    /// A VM that has just begun.
    pub(crate) fn new(routes: &[Settings], at: Address) -> Self {
        let mut flights = Flights::default();
        flights.reachable_at(at);
        let mut worker = Self {
            flights,
            house: House::new(at.queue),
            exits: Exits::default(),
            routes: Vec::new(),
            policies: Vec::new(),
            period: Duration::ZERO,
            tick: 0,
        };
        worker.take(routes);
        worker
    }

    /// Takes a configuration: policies that remember nothing. Flights that are under way keep theirs.
    pub(crate) fn take(&mut self, routes: &[Settings]) {
        let policies = routes.iter().zip(ROUTES);
        self.routes = policies.map(|(settings, name)| Rc::new(Policy::new(name, settings.clone()))).collect();
        self.policies.extend(self.routes.iter().map(Rc::clone));
    }

    /// How long anybody may wait here, whatever was configured when they came.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.policies.iter().map(|policy| policy.settings().longest_wait()).max().unwrap_or_default()
    }
}
