//! Since when each endpoint has been in rotation, across configurations.
//!
//! Slow start is for an endpoint that a later configuration brought in or took back. So the VM remembers, per
//! upstream, the addresses of the configuration before; in what outlives configurations, because the old and
//! the new one of a plugin are two root contexts in one VM.
//!
//! Invariant: the upstreams of a VM's first configuration ramp nothing up: with all of them new, a ramp would
//! only delay. Bounded by the last configuration: what is gone from it is forgotten.

use hashbrown::HashMap;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;

/// What is remembered of one endpoint.
#[derive(Clone, Copy, Debug)]
struct Seen {
    health: Health,
    since: Option<Timestamp>,
}

/// The endpoints of the last configuration of every upstream.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    upstreams: HashMap<String, HashMap<String, Seen>>,
}

impl Arrivals {
    /// Notes the endpoints that `upstream` has from `now` on; returns since when each has been in rotation,
    /// in the same order: `None` for "longer than anybody cares".
    pub(crate) fn update<'a>(
        &mut self,
        upstream: &str,
        endpoints: impl Iterator<Item = (&'a str, Health)>,
        now: Timestamp,
    ) -> Vec<Option<Timestamp>> {
        // Before the first list there were none.
        let known = self.upstreams.remove(upstream).filter(|known| !known.is_empty());
        let mut next = HashMap::new();
        let mut since = Vec::new();
        for (address, health) in endpoints {
            let joined = known.as_ref().and_then(|known| match known.get(address) {
                Some(seen) if seen.health == Health::Healthy || health != Health::Healthy => seen.since,
                _ => Some(now),
            });
            next.insert(address.to_owned(), Seen { health, since: joined });
            since.push(joined);
        }
        self.upstreams.insert(upstream.to_owned(), next);
        since
    }

    /// Forgets the upstreams that are not among `names`.
    pub(crate) fn retain(&mut self, names: &[&str]) {
        self.upstreams.retain(|name, _| names.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn healthy<'a>(addresses: &'a [&'a str]) -> impl Iterator<Item = (&'a str, Health)> {
        addresses.iter().map(|address| (*address, Health::Healthy))
    }

    #[test]
    fn only_an_endpoint_that_joins_later_is_new() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.update("web", healthy(&["a", "b"]), at(1)), [None, None]);
        assert_eq!(arrivals.update("web", healthy(&["a", "b", "c"]), at(2)), [None, None, Some(at(2))]);
        assert_eq!(arrivals.update("web", healthy(&["c", "a"]), at(3)), [Some(at(2)), None]);
    }

    #[test]
    fn an_endpoint_that_left_and_came_back_is_new_again() {
        let mut arrivals = Arrivals::default();
        arrivals.update("web", healthy(&["a", "b"]), at(1));
        arrivals.update("web", healthy(&["a"]), at(2));
        assert_eq!(arrivals.update("web", healthy(&["a", "b"]), at(3)), [None, Some(at(3))]);
    }

    #[test]
    fn an_endpoint_taken_back_into_rotation_ramps_up_from_then() {
        let mut arrivals = Arrivals::default();
        let states = |health| [("a", Health::Healthy), ("b", health)].into_iter();
        arrivals.update("web", states(Health::Ejected), at(1));
        assert_eq!(arrivals.update("web", states(Health::Healthy), at(5)), [None, Some(at(5))]);
        assert_eq!(arrivals.update("web", states(Health::Healthy), at(9)), [None, Some(at(5))]);
    }

    #[test]
    fn upstreams_that_are_gone_are_forgotten() {
        let mut arrivals = Arrivals::default();
        arrivals.update("web", healthy(&["a"]), at(1));
        arrivals.update("old", healthy(&["a"]), at(1));
        arrivals.retain(&["web"]);
        assert_eq!(arrivals.upstreams.len(), 1);
    }
}
