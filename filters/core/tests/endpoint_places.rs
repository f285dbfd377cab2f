//! Places of endpoints over changes of a list: who stays keeps its own, and nobody gets that of another who is there.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![cfg(not(target_arch = "wasm32"))]

use core::num::NonZeroU32;
use proptest::prelude::*;
use std::collections::BTreeSet;
use switchyard_core::endpoint::SPARE_PLACES;
use switchyard_core::{Endpoint, Endpoints};

fn list(numbers: &BTreeSet<u16>) -> Endpoints {
    Endpoints::new(
        numbers.iter().map(|number| Endpoint::new(format!("10.0.0.1:{number}"), NonZeroU32::MIN)).collect(),
    )
}

proptest! {
    #[test]
    fn who_stays_keeps_its_place_and_places_are_bounded(
        lists in prop::collection::vec(prop::collection::btree_set(1..400u16, 0..60), 1..40),
    ) {
        let mut known = Endpoints::default();
        let mut most = 0;
        for numbers in lists {
            let newer = list(&numbers);
            let (next, places) = known.successor(&newer);
            prop_assert_eq!(next.len(), places.len());
            let live: Vec<_> = places.iter().flatten().copied().collect();
            prop_assert_eq!(live.len(), newer.len(), "each has one place");
            prop_assert_eq!(live.iter().collect::<BTreeSet<_>>().len(), newer.len());
            for (place, index) in places.iter().enumerate() {
                if let Some(index) = index {
                    prop_assert_eq!(next.get(place), newer.get(*index));
                }
            }
            for (place, endpoint) in known.iter().enumerate() {
                if newer.position(&endpoint.address).is_some() {
                    prop_assert_eq!(&next.get(place).expect("its place").address, &endpoint.address);
                }
            }
            most = most.max(2 * newer.len() + SPARE_PLACES);
            prop_assert!(next.len() <= most);
            known = next;
        }
    }
}

#[test]
fn a_list_of_which_one_leaves_every_second_does_not_grow() {
    let mut known = Endpoints::default();
    for round in 0..2_000u16 {
        let numbers: BTreeSet<u16> = (round..round + 10).map(|number| number + 1).collect();
        known = known.successor(&list(&numbers)).0;
    }
    assert_eq!(known.len(), 2 * 10 + SPARE_PLACES);
}

#[test]
fn an_endpoint_is_found_by_its_address_and_all_come_in_their_order() {
    let all = list(&BTreeSet::from([80, 81, 82]));
    assert_eq!(
        ["10.0.0.1:80", "10.0.0.1:82", "10.0.0.1:83"].map(|address| all.position(address)),
        [Some(0), Some(2), None]
    );
    let addresses: Vec<_> = (&all).into_iter().map(|endpoint| &*endpoint.address).collect();
    assert_eq!(addresses, ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.1:82"]);
}
