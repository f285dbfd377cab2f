//! Which routes of a document tests meet.

use std::collections::BTreeSet;
use switchyard_config::Document;

/// Which routes are met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many routes the document has.
    pub routes: usize,
    /// Those that no test meets, in order.
    pub unmet: Vec<String>,
}

impl Coverage {
    /// Of these routes, by their positions, the document's others are not met.
    pub(super) fn of(document: &Document, met: &BTreeSet<usize>) -> Self {
        let own = document.routes().iter().enumerate().filter(|(_, route)| !route.is_envoys());
        let unmet = own.clone().filter(|(position, _)| !met.contains(position));
        Self { routes: own.count(), unmet: unmet.map(|(_, route)| route.name().to_owned()).collect() }
    }

    /// How many of a hundred are met; of no routes all.
    pub fn percent(&self) -> f64 {
        let met = self.routes - self.unmet.len();
        if self.routes == 0 { 100.0 } else { met as f64 * 100.0 / self.routes as f64 }
    }
}
