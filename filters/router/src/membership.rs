//! Whether Envoy's cluster has the endpoints that are named.
//!
//! It cannot be asked; it shows only in where a request went. So the first request to each endpoint is looked at when it ends, and
//! again every [`VERIFY_AGAIN`]: exact while something is wrong, free while nothing is.
//!
//! Invariant: a retry or a hedge that went to a later candidate says nothing against an earlier one; a first attempt that did says
//! that the cluster lacks the first.

use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::{Endpoint, EndpointIndex, Endpoints};

/// How long an endpoint that answered under its own address is believed to be in Envoy's cluster.
pub(crate) const VERIFY_AGAIN: Duration = Duration::from_secs(10);

/// What is known of the endpoints of one upstream.
pub(crate) struct Membership {
    verified: Vec<bool>,
    /// Of whom it has been said that the cluster lacks them.
    missed: Vec<bool>,
}

/// What the place where a request went says about the candidates that were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// Nothing against them.
    AsNamed,
    /// Envoy's cluster lacks the first, or one before where the request went; `is_news`: it is the first, and nobody has said so yet.
    Elsewhere { is_news: bool },
}

impl Membership {
    /// Nothing is known of so many endpoints.
    pub(crate) fn new(endpoints: usize) -> Self {
        Self { verified: vec![false; endpoints], missed: vec![false; endpoints] }
    }

    /// What is known of those of `endpoints` that were among the `former`; of the others nothing.
    pub(crate) fn succeed(&self, former: &Endpoints, endpoints: &Endpoints) -> Self {
        let places: HashMap<&str, EndpointIndex> =
            former.iter().enumerate().map(|(index, endpoint)| (&*endpoint.address, index)).collect();
        let marks = |marks: &[bool]| {
            let mark =
                |endpoint: &Endpoint| places.get(&*endpoint.address).and_then(|index| marks.get(*index));
            endpoints.iter().map(|endpoint| mark(endpoint).copied().unwrap_or_default()).collect()
        };
        Self { verified: marks(&self.verified), missed: marks(&self.missed) }
    }

    /// Whether the endpoint at `index` need not be looked at.
    pub(crate) fn is_verified(&self, index: EndpointIndex) -> bool {
        self.verified.get(index).copied().unwrap_or(true)
    }

    /// A request that named `candidates` went to `address`, with so many `attempts`, which are asked for only if it did not go to
    /// the first. The n-th attempt goes to the n-th candidate, or with hedges to one before it: behind it somebody was left out.
    pub(crate) fn verify(
        &mut self,
        endpoints: &Endpoints,
        (candidates, address): (&str, &str),
        attempts: impl FnOnce() -> Option<u64>,
    ) -> Verified {
        let place = candidates.split(',').position(|candidate| candidate == address);
        if let Some(index) = endpoints.position(address).filter(|_| place.is_some()) {
            set(&mut self.verified, index, true);
            set(&mut self.missed, index, false);
        }
        if place == Some(0) {
            return Verified::AsNamed;
        }
        let attempts = attempts().and_then(|attempts| usize::try_from(attempts).ok()).unwrap_or(1).max(1);
        // Behind the end of the list the cluster chooses.
        if attempts > place.unwrap_or(candidates.split(',').count()) {
            return Verified::AsNamed;
        }
        let first = candidates.split(',').next().and_then(|first| endpoints.position(first));
        // Of a later attempt nobody knows whom before it the cluster lacks.
        let is_news =
            first.filter(|_| attempts == 1).is_some_and(|index| !set(&mut self.missed, index, true));
        Verified::Elsewhere { is_news }
    }

    /// Looks at the first request to every endpoint once more.
    pub(crate) fn verify_again(&mut self) {
        self.verified.fill(false);
    }
}

/// Sets a mark, and returns what it was; of an endpoint that there is not, that it was set.
fn set(marks: &mut [bool], index: EndpointIndex, to: bool) -> bool {
    marks.get_mut(index).is_none_or(|mark| core::mem::replace(mark, to))
}
