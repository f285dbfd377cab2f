//! The endpoints of one upstream: addresses and weights, fixed while a configuration is in force or until their source tells others.

use core::num::NonZeroU32;
use std::rc::Rc;

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
}

impl Endpoint {
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
