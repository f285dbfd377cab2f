//! The endpoints of one upstream: addresses, weights and places. A list is never changed; another one takes its place.

use core::num::NonZeroU32;
use hashbrown::HashMap;
use std::rc::Rc;

/// Position of an endpoint in its upstream's [`Endpoints`]; every per-endpoint table uses it.
pub type EndpointIndex = usize;

/// Places of endpoints that are gone which are kept beside as many as there are endpoints.
pub const SPARE_PLACES: usize = 64;

/// One address that serves an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `ip:port` as Envoy prints it: `10.0.0.1:8080`, `[::1]:8080`.
    pub address: Box<str>,
    /// Share of the traffic relative to the other endpoints.
    pub weight: NonZeroU32,
    /// What consistent hashing hashes instead of the address (Envoy's `envoy.lb.hash_key` metadata).
    pub hash_key: Option<Box<str>>,
    /// Its level: those of a higher number serve what those of a lower one cannot (Envoy's `priority`).
    pub priority: u32,
    /// Where it is, if anybody has said so.
    pub locality: Option<Box<Locality>>,
}

/// A place by Envoy's three names for it; those that nobody has said are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locality {
    /// The region.
    pub region: Box<str>,
    /// The zone, of the region.
    pub zone: Box<str>,
    /// The part of the zone: a rack, say.
    pub sub_zone: Box<str>,
}

impl Locality {
    /// Whether `place` is in this locality, which names one part at least: every part that this names is the same. Envoy wants
    /// all three alike; but whoever writes an endpoint's zone alone means all of that zone.
    pub fn has(&self, place: &Self) -> bool {
        let parts =
            [(&self.region, &place.region), (&self.zone, &place.zone), (&self.sub_zone, &place.sub_zone)];
        *self != Self::default() && parts.iter().all(|(own, other)| own.is_empty() || own == other)
    }
}

impl Endpoint {
    /// The endpoint at `address`, hashed by it, of priority 0 and anywhere.
    pub fn new(address: impl Into<Box<str>>, weight: NonZeroU32) -> Self {
        Self { address: address.into(), weight, hash_key: None, priority: 0, locality: None }
    }

    /// The text that places this endpoint on a ring or in a Maglev table.
    pub fn hash_key(&self) -> &str {
        self.hash_key.as_deref().unwrap_or(&self.address)
    }
}

/// All endpoints of one upstream, in the order of the configuration, which is also the order Envoy sees; or in that of their source. A
/// clone is the same table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints(Rc<[Endpoint]>);

impl Endpoints {
    /// A table of these endpoints.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self(endpoints.into())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The endpoint at `index`.
    pub fn get(&self, index: EndpointIndex) -> Option<&Endpoint> {
        self.0.get(index)
    }

    /// All of them in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Endpoint> {
        self.0.iter()
    }

    /// The endpoints of `newer` at places where those that stay keep theirs, for who remembers places longer than a list lasts; and of
    /// each place where it is in `newer`. Who is gone keeps its place, `None`, until there are twice as many places as are needed, and
    /// [`SPARE_PLACES`]; from then on places of the gone go to those who come.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use switchyard_core::{Endpoint, Endpoints};
    /// let list = |all: &[&str]| Endpoints::new(all.iter().map(|one| Endpoint::new(*one, NonZeroU32::MIN)).collect());
    /// let (after, places) = list(&["a:1", "b:1"]).successor(&list(&["c:1", "b:1"]));
    /// assert_eq!(places, [None, Some(1), Some(0)]);
    /// assert_eq!(after.get(2).map(|one| &*one.address), Some("c:1"));
    /// ```
    pub fn successor(&self, newer: &Self) -> (Self, Vec<Option<EndpointIndex>>) {
        let mut at: HashMap<&str, EndpointIndex> =
            newer.iter().enumerate().map(|(index, endpoint)| (&*endpoint.address, index)).collect();
        let mut places: Vec<_> = self.iter().map(|endpoint| at.remove(&*endpoint.address)).collect();
        let mut all = self.0.to_vec();
        let most = newer.len().saturating_mul(2).saturating_add(SPARE_PLACES);
        let mut free = 0;
        for (index, endpoint) in newer.iter().enumerate() {
            if at.contains_key(&*endpoint.address) {
                if places.len() < most {
                    places.push(Some(index));
                    all.push(endpoint.clone());
                    continue;
                }
                while places.get(free).is_some_and(Option::is_some) {
                    free += 1;
                }
                let place = (places.get_mut(free), all.get_mut(free));
                if let (Some(place), Some(known)) = place {
                    (*place, *known) = (Some(index), endpoint.clone());
                }
            }
        }
        for (known, place) in all.iter_mut().zip(&places) {
            if let Some(endpoint) = place.and_then(|index| newer.get(index)) {
                known.clone_from(endpoint);
            }
        }
        (Self::new(all), places)
    }

    /// The index of the endpoint with this `ip:port`.
    pub fn position(&self, address: &str) -> Option<EndpointIndex> {
        self.0.iter().position(|endpoint| &*endpoint.address == address)
    }
}

impl<'a> IntoIterator for &'a Endpoints {
    type Item = &'a Endpoint;
    type IntoIter = core::slice::Iter<'a, Endpoint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
