//! What is to happen in a proxy, and the calls and lone requests that its services have.

use crate::service::{Answer, Service};
use crate::shapes::Shape;
use crate::simulation::Tongue;
use hashbrown::HashMap;
use switchyard_core::batch::Scope;
use switchyard_core::batch::gather::CallId;

/// After version, receiver, sender and stream.
pub(crate) const TONGUE: Tongue = Tongue {
    at: 25,
    says: &["offer", "ask", "gone", "returned", "alone", "reply", "known", "declined", "begins"],
};

pub(crate) type Outside = crate::simulation::Outside<Event>;

/// What is to happen beside what happens in every proxy.
pub(crate) enum Event {
    /// A call is answered.
    Called(CallId),
    /// The answer to a request that went by itself is there, or begins; whether it is one.
    Returns(usize, bool),
    /// Its client has read it.
    Read(usize),
    Leaves(usize),
}

/// A call that is under way.
pub(crate) struct Call {
    pub(crate) worker: usize,
    pub(crate) route: usize,
    pub(crate) answer: Answer,
}

/// What services have to do.
pub(crate) struct Calls {
    /// One for each route.
    pub(crate) services: Vec<Service>,
    /// Those under way.
    pub(crate) open: HashMap<CallId, Call>,
    called: CallId,
    /// Batches and lone requests that services have, by route.
    pub(crate) under_way: [usize; 2],
}

impl Calls {
    pub(crate) fn new(shape: &Shape) -> Self {
        Self {
            services: (0..2).map(|_| Service::new(shape.at_a_time, shape.cost)).collect(),
            open: HashMap::new(),
            called: 0,
            under_way: [0; 2],
        }
    }

    /// A call is made, and gets a number.
    pub(crate) fn begins(&mut self, call: Call) -> CallId {
        self.called += 1;
        self.open.insert(self.called, call);
        self.called
    }

    /// A service has one more. Where nothing goes wrong nobody is given more than one by each who gathers.
    pub(crate) fn sets_out(&mut self, route: usize, shape: &Shape) {
        self.under_way[route] += 1;
        let settings = &shape.routes[route];
        let gatherers = if settings.scope == Scope::Proxy { 1 } else { shape.workers };
        let most = gatherers * settings.max_in_flight as usize;
        assert!(!shape.is_calm || self.under_way[route] <= most, "{:?} of {most}", self.under_way);
    }
}
