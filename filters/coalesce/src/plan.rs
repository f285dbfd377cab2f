//! A configuration made ready to decide: which route a request is of, and the policy of each.

use core::cell::Cell;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::coalesce::{Policy, Scope};
use switchyard_core::memory::Memory;
use switchyard_core::route::RouteTable;

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    table: Rc<RouteTable>,
    coalesced: Vec<Option<Coalesced>>,
}

/// A route that coalesces.
pub(crate) struct Coalesced {
    pub(crate) policy: Rc<Policy>,
    /// What the gauges say of this policy: bytes held, keys that pass.
    pub(crate) told: Cell<(u64, u64)>,
}

impl Plan {
    /// The plan of `document`, in a VM with these accounts.
    pub(crate) fn new(document: &Document, memory: &Memory) -> Self {
        let coalesced = document.routes().iter().map(|route| {
            let settings = route.coalesce()?.clone();
            if settings.key.share_across_principals {
                log::warn!(
                    "switchyard.coalesce: route {} shares answers across credentials: a client may get what \
                     another one's credentials obtained",
                    route.name()
                );
            }
            let policy = Rc::new(Policy::new(route.name(), settings).within(memory));
            Some(Coalesced { policy, told: Cell::default() })
        });
        let coalesced = coalesced.collect();
        Self { coalesced, table: Rc::clone(document.table()) }
    }

    /// The routes that coalesce.
    pub(crate) fn coalesced(&self) -> impl Iterator<Item = &Coalesced> {
        self.coalesced.iter().flatten()
    }

    /// The policies there are.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Rc<Policy>> {
        self.coalesced().map(|coalesced| &coalesced.policy)
    }

    /// Whether any route has one.
    pub(crate) fn is_empty(&self) -> bool {
        self.policies().next().is_none()
    }

    /// Whether any reaches beyond its worker.
    pub(crate) fn has_proxy_scope(&self) -> bool {
        self.policies().any(|policy| policy.settings().scope == Scope::Proxy && !policy.settings().shadow)
    }

    /// Which route a request is of.
    pub(crate) fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The policy of a route, if it has one.
    pub(crate) fn policy(&self, route: usize) -> Option<&Rc<Policy>> {
        let coalesced = self.coalesced.get(route)?.as_ref()?;
        Some(&coalesced.policy)
    }
}
