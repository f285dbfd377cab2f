//! Which endpoints of an upstream are in rotation, as a filter that makes calls of its own sees it.
//!
//! Invariant: what the operator has taken out by hand is never chosen; what outlier has ejected is out of rotation as of the last
//! look; an endpoint of a lower priority is chosen only when none of a higher is in rotation, and a degraded one only when none is that is
//! not. Trade-off: a look copies outlier's table, so it is taken when that has news, not for every call.

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
    /// outlier's table, if its word is followed.
    ledger: Option<Table>,
    /// Traffic is to fail rather than to go to an endpoint that is ejected.
    fail_traffic_on_panic: bool,
    /// Its endpoints are listed elsewhere, and no list has come yet.
    awaits_list: Cell<bool>,
    places: RefCell<Places>,
    turn: Cell<usize>,
}

/// The endpoints, and where each stands.
#[derive(Default)]
struct Places {
    endpoints: Endpoints,
    /// What is chosen last has the highest: see [`level`].
    levels: Vec<u32>,
    /// Without outlier's word.
    listed: Vec<Health>,
    healths: Vec<Health>,
}

impl Places {
    /// Takes in another list: requests under way remember places, so who stays keeps its own. Who is gone is never chosen again.
    fn take(&mut self, configured: &Upstream) {
        let (endpoints, places) = self.endpoints.successor(configured.endpoints());
        let health =
            |place: &Option<EndpointIndex>| place.map_or(Health::Withdrawn, |index| configured.health(index));
        self.listed = places.iter().map(health).collect();
        self.levels = places.iter().map(|place| place.map_or(0, |index| level(configured, index))).collect();
        self.endpoints = endpoints;
    }

    fn level(&self, place: EndpointIndex) -> u32 {
        self.levels.get(place).copied().unwrap_or_default()
    }
}

/// The level of an endpoint: those that are degraded, of whatever priority, come after all that are not, as in Envoy.
fn level(configured: &Upstream, index: EndpointIndex) -> u32 {
    const DEGRADED: u32 = 1 << 31;
    let priority = configured.endpoints().get(index).map_or(0, |endpoint| endpoint.priority);
    if configured.is_degraded(index) { priority | DEGRADED } else { priority }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// To this address.
    Address(Box<str>),
    /// There is none to name: the cluster's fallback policy decides, as it does for requests that the router sends.
    Unnamed,
    /// There is none to name, and so the request is to fail.
    Nowhere,
}

impl Rotation {
    /// The endpoints of this upstream, with what the operator says of each, and what outlier says where that is followed.
    pub fn new(configured: &Upstream, host: &impl SharedData) -> Self {
        let followed = configured.outlier().is_some_and(|outlier| !outlier.shadow);
        let rotation = Self {
            ledger: followed.then(|| Table::ledger(configured.name())),
            fail_traffic_on_panic: configured.health_policy().fail_traffic_on_panic,
            awaits_list: Cell::default(),
            places: RefCell::default(),
            turn: Cell::default(),
        };
        rotation.take(configured, host);
        rotation.awaits_list.set(configured.source().is_some());
        rotation
    }

    /// The upstream has these endpoints from now on.
    pub fn take(&self, configured: &Upstream, host: &impl SharedData) {
        if let Ok(mut places) = self.places.try_borrow_mut() {
            places.take(configured);
        }
        self.awaits_list.set(false);
        self.look_at_health(host);
    }

    /// How many places of endpoints there are, those of endpoints that are gone among them.
    pub fn places(&self) -> usize {
        self.places.try_borrow().map_or(0, |places| places.endpoints.len())
    }

    /// The place of the endpoint with this `ip:port`.
    pub fn position(&self, address: &str) -> Option<EndpointIndex> {
        self.places.try_borrow().ok()?.endpoints.position(address)
    }

    /// The `ip:port` of the endpoint at this place.
    pub fn address(&self, place: EndpointIndex) -> Option<Box<str>> {
        self.places.try_borrow().ok()?.endpoints.get(place).map(|endpoint| endpoint.address.clone())
    }

    /// Takes in what outlier says about every endpoint.
    pub fn look_at_health(&self, host: &impl SharedData) {
        let Ok(mut places) = self.places.try_borrow_mut() else { return };
        let mut healths = places.listed.clone();
        if let Some(table) = &self.ledger {
            let ledger = Ledger::decode(&table.read(host));
            for (endpoint, health) in places.endpoints.iter().zip(&mut healths) {
                let record = ledger.get(EndpointKey::of(&endpoint.address));
                let out = record.filter(|record| record.is_out_of_rotation() && !record.shadow);
                *health = out.filter(|_| *health == Health::Healthy).map_or(*health, |record| record.health);
            }
        }
        places.healths = healths;
    }

    /// Whether outlier may have something to say.
    pub fn follows(&self) -> bool {
        self.ledger.is_some()
    }

    /// Where the endpoint at `index` stands, as of the last look: for calls, which do not go to an ejected one where traffic is to fail.
    pub fn health(&self, index: EndpointIndex) -> Health {
        let Ok(places) = self.places.try_borrow() else { return Health::Withdrawn };
        match places.healths.get(index).copied() {
            Some(Health::Healthy) => Health::Healthy,
            Some(other) if !self.fail_traffic_on_panic => other,
            _ => Health::Withdrawn,
        }
    }

    /// The level of the endpoint at `index`: who has a lower one is chosen first.
    pub fn level(&self, index: EndpointIndex) -> u32 {
        self.places.try_borrow().map_or(0, |places| places.level(index))
    }

    /// Where the next request goes that nobody else has chosen an endpoint for: to each in turn, of the first level that has somebody in
    /// rotation.
    pub fn next(&self) -> Next {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let Ok(places) = self.places.try_borrow() else { return Next::Unnamed };
        let count = places.endpoints.len();
        let level_of = |index| places.level(index);
        let in_rotation = (0..count).filter(|index| self.health(*index) == Health::Healthy);
        let level = in_rotation.map(level_of).min();
        let mut order: Vec<_> =
            (0..count).filter(|index| level.is_none_or(|level| level_of(*index) == level)).collect();
        let start = turn.checked_rem(order.len()).unwrap_or_default();
        order.rotate_left(start);
        let chosen = pick(&order, count, level_of, |index| self.health(index), &[]);
        match chosen.and_then(|index| places.endpoints.get(index)) {
            Some(endpoint) => Next::Address(endpoint.address.clone()),
            None if self.fail_traffic_on_panic && !self.awaits_list.get() => Next::Nowhere,
            None => Next::Unnamed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail by panicking")]

    use super::*;
    use core::num::NonZeroU32;
    use switchyard_config::Document;
    use switchyard_core::Locality;
    use switchyard_core::discovery::{Member, Standing};
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
        let endpoint = |index| Next::Address(address(index).into());
        assert_eq!(turns(&rotation(&[], &[], "")), [endpoint(0), endpoint(1), endpoint(2)]);
        assert_eq!(turns(&rotation(&[1], &[], "")), [endpoint(0), endpoint(2), endpoint(2)]);
        assert_eq!(turns(&rotation(&[1], &[0], "")), vec![endpoint(2); 3]);
        assert_eq!(turns(&rotation(&[1], &[0, 2], "")), [endpoint(0), endpoint(2), endpoint(2)]);
        assert_eq!(turns(&rotation(&[0, 1, 2], &[], "")), vec![Next::Unnamed; 3]);
    }

    /// With these endpoints, as a source tells of them.
    fn told(members: [(u32, Standing); 3]) -> Rotation {
        let document = r#"{"upstreams": [{"name": "web", "endpoints": [{"address": "10.0.0.1:80"}]}]}"#;
        let document = Document::from_json(document.as_bytes()).expect("a document");
        let member = |(index, (priority, standing)): (usize, (u32, Standing))| Member {
            address: address(index).into(),
            weight: NonZeroU32::MIN,
            hash_key: None,
            standing,
            priority,
            locality: Locality::default(),
        };
        let members: Vec<_> = members.into_iter().enumerate().map(member).collect();
        Rotation::new(&document.upstreams()[0].with_members(&members), &FakeHost::default())
    }

    #[test]
    fn who_is_of_a_lower_priority_or_degraded_has_a_turn_only_when_nobody_better_is_in_rotation() {
        use Standing::{Degraded, Healthy, Unhealthy};
        let endpoint = |index| Next::Address(address(index).into());
        let with = |members| turns(&told(members));
        assert_eq!(with([(1, Healthy), (0, Healthy), (0, Healthy)]), [endpoint(1), endpoint(2), endpoint(1)]);
        assert_eq!(with([(1, Healthy), (0, Unhealthy), (0, Healthy)]), vec![endpoint(2); 3]);
        assert_eq!(with([(1, Healthy), (0, Unhealthy), (0, Unhealthy)]), vec![endpoint(0); 3]);
        assert_eq!(with([(1, Healthy), (0, Degraded), (1, Unhealthy)]), vec![endpoint(0); 3]);
        assert_eq!(with([(1, Degraded), (0, Degraded), (0, Unhealthy)]), vec![endpoint(1); 3]);
    }

    #[test]
    fn where_traffic_is_to_fail_no_ejected_one_has_a_turn_either() {
        let fails = r#", "fail_traffic_on_panic": true"#;
        assert_eq!(turns(&rotation(&[1], &[0], fails)), vec![Next::Address(address(2).into()); 3]);
        assert_eq!(turns(&rotation(&[1], &[0, 2], fails)), vec![Next::Nowhere; 3]);
        assert_eq!(turns(&rotation(&[0, 1, 2], &[], fails)), vec![Next::Nowhere; 3]);
    }
}
