//! The endpoints of one upstream: addresses, weights and places, fixed while a configuration is in force.

use core::num::NonZeroU32;

/// Position of an endpoint in its upstream's [`Endpoints`]; every per-endpoint table uses it.
pub type EndpointIndex = usize;

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

/// All endpoints of one upstream, in the order of the configuration, which is also the order Envoy sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints(Box<[Endpoint]>);

impl Endpoints {
    /// A table of these endpoints.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self(endpoints.into_boxed_slice())
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
