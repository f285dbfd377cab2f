//! The list in force, as workers hand it on.

use super::consul::{INSTANCES, consul};
use super::read;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Listing, Roster};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const AT: fn(u64) -> Timestamp = Timestamp::from_millis;

#[test]
fn the_version_changes_with_the_members_alone() {
    let listing = || read(&consul(), INSTANCES.as_bytes()).expect("a list");
    let mut roster = Roster::default();
    assert!(roster.update(listing(), AT(1)));
    assert!(!roster.update(listing(), AT(2)));
    assert_eq!((roster.version, roster.read_at), (1, AT(2)));
    let mut other = listing();
    other.members[0].weight = 99.try_into().expect("not zero");
    assert!(roster.update(other, AT(3)));
    assert!(roster.update(Listing { truncated: true, ..listing() }, AT(4)));
    assert_eq!(roster.version, 3);
    assert!(Roster::default().update(Listing::default(), AT(5)), "that there is none is news at first");
}

#[test]
fn bytes_tell_all_of_it_and_none_of_what_breaks_off() {
    let mut roster = Roster::default();
    roster.update(read(&consul(), INSTANCES.as_bytes()).expect("a list"), AT(77));
    let bytes = roster.encode().expect("memory");
    assert_eq!(Roster::decode(&bytes), Some(roster.clone()));
    assert_eq!(Roster::peek(&bytes), Some((1, AT(77))));
    for length in 0..bytes.len() {
        assert_eq!(Roster::decode(&bytes[..length]), None, "{length}");
    }
    let mut foreign = bytes.clone();
    foreign[0] = 9;
    assert_eq!((Roster::decode(&foreign), Roster::peek(&foreign)), (None, None));
    assert_eq!(Roster::decode(&[]), None);
}
