//! A configuration made ready to decide: which route a request is of, and the policy of each.

use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::RequestView;
use switchyard_core::coalesce::{Policy, Scope};
use switchyard_core::route::RouteTable;

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    table: RouteTable,
    policies: Vec<Option<Rc<Policy>>>,
}

impl Plan {
    /// The plan of `document`.
    pub(crate) fn new(document: Document) -> Self {
        let policies = document.routes().iter().map(|route| {
            let settings = route.coalesce()?.clone();
            if settings.key.share_across_principals {
                log::warn!(
                    "switchyard.coalesce: route {} shares answers across credentials: a client may get what \
                     another one's credentials obtained",
                    route.name()
                );
            }
            Some(Rc::new(Policy::new(route.name(), settings)))
        });
        let policies = policies.collect();
        Self { policies, table: RouteTable::new(document.into_matchers()) }
    }

    /// The policies there are.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Rc<Policy>> {
        self.policies.iter().flatten()
    }

    /// Whether any route has one.
    pub(crate) fn is_empty(&self) -> bool {
        self.policies().next().is_none()
    }

    /// Whether any reaches beyond its worker.
    pub(crate) fn has_proxy_scope(&self) -> bool {
        self.policies().any(|policy| policy.settings().scope == Scope::Proxy && !policy.settings().shadow)
    }

    /// The policy of a request, if its route has one.
    pub(crate) fn find(&self, request: &impl RequestView) -> Option<&Rc<Policy>> {
        self.policies.get(self.table.find(request)?)?.as_ref()
    }
}
