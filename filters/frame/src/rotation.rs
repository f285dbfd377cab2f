//! Which endpoints of an upstream are in rotation, as a filter that makes calls of its own sees it.
//!
//! Invariant: what the operator has ejected stays so; what outlier has ejected is out of rotation as of the last look.
//! Trade-off: a look copies outlier's table, so it is taken when that has news, not for every call.

use crate::shared::tables::Table;
use core::cell::{Cell, RefCell};
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Ledger};
use switchyard_core::retry::pick;
use switchyard_core::{EndpointIndex, Endpoints};
use switchyard_host::SharedData;

/// The endpoints of one upstream.
pub struct Rotation {
    endpoints: Endpoints,
    by_hand: Vec<Health>,
    /// outlier's table, if its word is followed.
    ledger: Option<Table>,
    in_rotation: RefCell<Vec<bool>>,
    turn: Cell<usize>,
}

impl Rotation {
    /// These endpoints of the upstream of this name, with what the operator says of each; `followed`: what outlier says
    /// counts, too.
    pub fn new(
        upstream: &str,
        endpoints: Endpoints,
        by_hand: Vec<Health>,
        followed: bool,
        host: &impl SharedData,
    ) -> Self {
        let ledger = followed.then(|| Table::ledger(upstream));
        let rotation =
            Self { endpoints, by_hand, ledger, in_rotation: RefCell::default(), turn: Cell::default() };
        rotation.look_at_health(host);
        rotation
    }

    /// All endpoints.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Takes in what outlier says about every endpoint.
    pub fn look_at_health(&self, host: &impl SharedData) {
        let mut rotation: Vec<bool> = self.by_hand.iter().map(|health| *health == Health::Healthy).collect();
        if let Some(table) = &self.ledger {
            let ledger = Ledger::decode(&table.read(host));
            for (endpoint, in_rotation) in self.endpoints.iter().zip(&mut rotation) {
                let record = ledger.get(EndpointKey::of(&endpoint.address));
                *in_rotation &= record.is_none_or(|record| !record.is_out_of_rotation() || record.shadow);
            }
        }
        self.in_rotation.replace(rotation);
    }

    /// Whether outlier may have something to say.
    pub fn follows(&self) -> bool {
        self.ledger.is_some()
    }

    /// Whether the endpoint at `index` is in rotation, as of the last look.
    pub fn has(&self, index: EndpointIndex) -> bool {
        self.in_rotation.borrow().get(index).copied().unwrap_or(false)
    }

    /// The endpoint of the next request that nobody else has chosen an endpoint for: each in turn, of those in rotation;
    /// `None` if there is no endpoint.
    pub fn next_endpoint(&self) -> Option<EndpointIndex> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let count = self.endpoints.len();
        let order: Vec<_> = (0..count).map(|step| turn.wrapping_add(step) % count.max(1)).collect();
        pick(&order, count, |index| self.has(index), &[])
    }
}
