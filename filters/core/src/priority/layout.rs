//! Who is of which level, and in the first level of which locality.
//!
//! Invariants: every endpoint is of one level; levels are in the order of their priorities, members in the order of the list. A
//! number that no endpoint has is no level: Envoy's empty levels get no traffic either. Only the first level has parts, and only
//! if it is in two localities at least, since only there Envoy looks at localities.

use crate::sort::sort_by;
use crate::{EndpointIndex, Endpoints, Locality};

/// How the endpoints of an upstream fall into levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// First resort first; one at least unless there is no endpoint.
    pub levels: Vec<Level>,
    /// The first level by locality; empty if it is all in one.
    pub parts: Vec<Part>,
}

/// The endpoints of one priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What it is called in the configuration.
    pub priority: u32,
    /// Its endpoints.
    pub members: Box<[EndpointIndex]>,
}

/// The endpoints of the first level that are in one locality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where; without a name those of whom nobody has said it.
    pub locality: Locality,
    /// Its endpoints.
    pub members: Box<[EndpointIndex]>,
}

impl Layout {
    /// Whether these endpoints are all of one level and nobody has said where they are.
    pub fn is_flat(endpoints: &Endpoints) -> bool {
        let first = endpoints.iter().next().map(|endpoint| endpoint.priority);
        endpoints.iter().all(|endpoint| Some(endpoint.priority) == first && endpoint.locality.is_none())
    }

    /// The levels of these endpoints.
    pub fn of(endpoints: &Endpoints) -> Self {
        let priority = |index: EndpointIndex| endpoints.get(index).map_or(0, |endpoint| endpoint.priority);
        let mut order: Vec<EndpointIndex> = (0..endpoints.len()).collect();
        sort_by(&mut order, |one, other| priority(*one).cmp(&priority(*other)));
        let same = |one: &EndpointIndex, other: &EndpointIndex| priority(*one) == priority(*other);
        let level = |members: &[EndpointIndex]| Level {
            priority: members.first().map_or(0, |first| priority(*first)),
            members: members.into(),
        };
        let levels: Vec<Level> = order.chunk_by(same).map(level).collect();
        let parts = levels.first().map(|first| parts(endpoints, &first.members)).unwrap_or_default();
        Self { levels, parts }
    }
}

fn parts(endpoints: &Endpoints, members: &[EndpointIndex]) -> Vec<Part> {
    let nowhere = Locality::default();
    let locality = |index: EndpointIndex| {
        endpoints.get(index).and_then(|endpoint| endpoint.locality.as_deref()).unwrap_or(&nowhere)
    };
    let mut order = members.to_vec();
    sort_by(&mut order, |one, other| locality(*one).cmp(locality(*other)));
    let same = |one: &EndpointIndex, other: &EndpointIndex| locality(*one) == locality(*other);
    let part = |members: &[EndpointIndex]| Part {
        locality: members.first().map(|first| locality(*first).clone()).unwrap_or_default(),
        members: members.into(),
    };
    let parts: Vec<Part> = order.chunk_by(same).map(part).collect();
    if parts.len() < 2 { Vec::new() } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;
    use core::num::NonZeroU32;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn endpoints(places: &[(u32, &str)]) -> Endpoints {
        let endpoint = |(priority, zone): &(u32, &str)| {
            let locality = Locality { zone: (*zone).into(), ..Locality::default() };
            Endpoint {
                priority: *priority,
                locality: (!zone.is_empty()).then(|| Box::new(locality)),
                ..Endpoint::new("10.0.0.1:80", NonZeroU32::MIN)
            }
        };
        Endpoints::new(places.iter().map(endpoint).collect())
    }

    fn levels(layout: &Layout) -> Vec<(u32, &[EndpointIndex])> {
        layout.levels.iter().map(|level| (level.priority, &*level.members)).collect()
    }

    fn parts(layout: &Layout) -> Vec<(&str, &[EndpointIndex])> {
        layout.parts.iter().map(|part| (&*part.locality.zone, &*part.members)).collect()
    }

    #[test]
    fn levels_are_in_order_whatever_the_lists_order_and_gaps_are_none() {
        let list = endpoints(&[(7, ""), (0, ""), (2, ""), (0, ""), (7, "")]);
        let layout = Layout::of(&list);
        assert_eq!(levels(&layout), [(0, &[1, 3][..]), (2, &[2]), (7, &[0, 4])]);
        assert!(layout.parts.is_empty() && !Layout::is_flat(&list));
    }

    #[test]
    fn the_first_level_has_parts_if_it_is_in_two_localities() {
        let spread = Layout::of(&endpoints(&[(0, "b"), (1, "a"), (0, "a"), (0, "b"), (0, "")]));
        assert_eq!(parts(&spread), [("", &[4][..]), ("a", &[2]), ("b", &[0, 3])]);
        let halves = Layout::of(&endpoints(&[(0, "b"), (0, "a")]));
        assert_eq!(parts(&halves), [("a", &[1][..]), ("b", &[0])]);
        let together = Layout::of(&endpoints(&[(0, "b"), (1, "a"), (0, "b")]));
        assert!(together.parts.is_empty(), "localities of other levels do not count");
    }

    #[test]
    fn one_level_anywhere_is_flat() {
        assert!(Layout::is_flat(&endpoints(&[])) && Layout::of(&endpoints(&[])).levels.is_empty());
        assert!(Layout::is_flat(&endpoints(&[(3, ""), (3, "")])), "whatever its number");
        assert!(!Layout::is_flat(&endpoints(&[(0, "a"), (0, "a")])));
    }
}
