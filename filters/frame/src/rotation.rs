//! Which endpoints of an upstream are in rotation, as a filter that makes calls of its own sees it.
//!
//! Invariant: what the operator has taken out by hand is never chosen; what outlier has ejected is out of rotation as of the last
//! look; an endpoint of a lower priority is chosen only when none of a higher is in rotation. Trade-off: a look copies outlier's table, so it is taken when that has news, not for every call.

use crate::shared::tables::Table;
use core::cell::{Cell, RefCell};
use switchyard_config::Upstream;
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
    /// Traffic is to fail rather than to go to an endpoint that is ejected.
    fail_traffic_on_panic: bool,
    healths: RefCell<Vec<Health>>,
    turn: Cell<usize>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To this endpoint.
    Endpoint(EndpointIndex),
    /// There is none to name: the cluster's fallback policy decides, as it does for requests that the router sends.
    Unnamed,
    /// There is none to name, and so the request is to fail.
    Nowhere,
}

impl Rotation {
    /// The endpoints of this upstream, with what the operator says of each, and what outlier says where that is followed.
    pub fn new(configured: &Upstream, host: &impl SharedData) -> Self {
        let followed = configured.outlier().is_some_and(|outlier| !outlier.shadow);
        let endpoints = configured.endpoints().clone();
        let rotation = Self {
            by_hand: (0..endpoints.len()).map(|index| configured.health(index)).collect(),
            endpoints,
            ledger: followed.then(|| Table::ledger(configured.name())),
            fail_traffic_on_panic: configured.health_policy().fail_traffic_on_panic,
            healths: RefCell::default(),
            turn: Cell::default(),
        };
        rotation.look_at_health(host);
        rotation
    }

    /// All endpoints.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Takes in what outlier says about every endpoint.
    pub fn look_at_health(&self, host: &impl SharedData) {
        let mut healths = self.by_hand.clone();
        if let Some(table) = &self.ledger {
            let ledger = Ledger::decode(&table.read(host));
            for (endpoint, health) in self.endpoints.iter().zip(&mut healths) {
                let record = ledger.get(EndpointKey::of(&endpoint.address));
                let out = record.filter(|record| record.is_out_of_rotation() && !record.shadow);
                *health = out.filter(|_| *health == Health::Healthy).map_or(*health, |record| record.health);
            }
        }
        self.healths.replace(healths);
    }

    /// Whether outlier may have something to say.
    pub fn follows(&self) -> bool {
        self.ledger.is_some()
    }

    /// Where the endpoint at `index` stands, as of the last look: for calls, which do not go to an ejected one where traffic is to fail.
    pub fn health(&self, index: EndpointIndex) -> Health {
        match self.healths.borrow().get(index).copied() {
            Some(Health::Healthy) => Health::Healthy,
            Some(other) if !self.fail_traffic_on_panic => other,
            _ => Health::Withdrawn,
        }
    }

    /// The level of the endpoint at `index`.
    pub fn priority(&self, index: EndpointIndex) -> u32 {
        self.endpoints.get(index).map_or(0, |endpoint| endpoint.priority)
    }

    /// Where the next request goes that nobody else has chosen an endpoint for: to each in turn, of the first level that has somebody in
    /// rotation.
    pub fn next(&self) -> Next {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let count = self.endpoints.len();
        let in_rotation = (0..count).filter(|index| self.health(*index) == Health::Healthy);
        let level = in_rotation.map(|index| self.priority(index)).min();
        let mut order: Vec<_> =
            (0..count).filter(|index| level.is_none_or(|level| self.priority(*index) == level)).collect();
        let start = turn.checked_rem(order.len()).unwrap_or_default();
        order.rotate_left(start);
        match pick(&order, count, |index| self.priority(index), |index| self.health(index), &[]) {
            Some(index) => Next::Endpoint(index),
            None if self.fail_traffic_on_panic => Next::Nowhere,
            None => Next::Unnamed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail by panicking")]

    use super::*;
    use switchyard_config::Document;
    use switchyard_core::outlier::Record;
    use switchyard_host::fake::FakeHost;

    fn address(index: usize) -> String {
        format!("10.0.0.{}:80", index + 1)
    }

    /// Three endpoints of which these are out by hand, and these ejected.
    fn rotation(by_hand: &[usize], ejected: &[usize], rest: &str) -> Rotation {
        let endpoint = |index| {
            let health = if by_hand.contains(&index) { r#", "health": "ejected""# } else { "" };
            format!(r#"{{"address": "{}"{health}}}"#, address(index))
        };
        let document = format!(
            r#"{{"upstreams": [{{"name": "web", "endpoints": [{}], "outlier": {{}}, "balance": {{"policy": "random"{rest}}}}}]}}"#,
            (0..3).map(endpoint).collect::<Vec<_>>().join(",")
        );
        let host = FakeHost::default();
        for index in ejected {
            let record = Record { health: Health::Ejected, ..Record::new(EndpointKey::of(&address(*index))) };
            Table::ledger("web").create(&host).expect("shared data");
            Table::ledger("web").change_ledger(&host, |ledger| (true, ledger.put(record)));
        }
        let document = Document::from_json(document.as_bytes()).expect("a document");
        Rotation::new(&document.upstreams()[0], &host)
    }

    fn turns(rotation: &Rotation) -> Vec<Next> {
        (0..3).map(|_| rotation.next()).collect()
    }

    #[test]
    fn who_was_taken_out_by_hand_has_no_turn_though_all_others_are_ejected() {
        use Next::Endpoint;
        assert_eq!(turns(&rotation(&[], &[], "")), [Endpoint(0), Endpoint(1), Endpoint(2)]);
        assert_eq!(turns(&rotation(&[1], &[], "")), [Endpoint(0), Endpoint(2), Endpoint(2)]);
        assert_eq!(turns(&rotation(&[1], &[0], "")), [Endpoint(2); 3]);
        assert_eq!(turns(&rotation(&[1], &[0, 2], "")), [Endpoint(0), Endpoint(2), Endpoint(2)]);
        assert_eq!(turns(&rotation(&[0, 1, 2], &[], "")), [Next::Unnamed; 3]);
    }

    #[test]
    fn an_endpoint_of_a_lower_priority_has_a_turn_only_when_none_of_a_higher_is_in_rotation() {
        use Next::Endpoint;
        let with = |ejected: &[usize]| {
            let mut rotation = rotation(&[], ejected, "");
            let list = rotation.endpoints.iter().cloned().zip([1, 0, 0]);
            let list = list.map(|(endpoint, priority)| switchyard_core::Endpoint { priority, ..endpoint });
            rotation.endpoints = Endpoints::new(list.collect());
            turns(&rotation)
        };
        assert_eq!(with(&[]), [Endpoint(1), Endpoint(2), Endpoint(1)]);
        assert_eq!(with(&[1]), [Endpoint(2); 3]);
        assert_eq!(with(&[1, 2]), [Endpoint(0); 3]);
    }

    #[test]
    fn where_traffic_is_to_fail_no_ejected_one_has_a_turn_either() {
        let fails = r#", "fail_traffic_on_panic": true"#;
        assert_eq!(turns(&rotation(&[1], &[0], fails)), [Next::Endpoint(2); 3]);
        assert_eq!(turns(&rotation(&[1], &[0, 2], fails)), [Next::Nowhere; 3]);
        assert_eq!(turns(&rotation(&[0, 1, 2], &[], fails)), [Next::Nowhere; 3]);
    }
}
