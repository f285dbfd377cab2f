//! What outlives configurations: counts by name, and the lease that one worker has.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::contract::heartbeat_mark;
use switchyard_core::lasting::Lasting;
use switchyard_core::lease::{LEASE, NOBODYS_LEASE, claim_lease, is_holders_mark};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn names_that_nobody_holds_are_forgotten_when_twice_as_many_as_were_held_have_come() {
    let mut lasting: Lasting<Cell<u32>> = Lasting::default();
    assert!(lasting.is_empty());
    let held: Vec<Rc<Cell<u32>>> = (0..32).map(|number| lasting.of(&number.to_string())).collect();
    assert_eq!((lasting.len(), lasting.is_empty()), (32, false));
    for number in 32..64 {
        lasting.of(&number.to_string()).set(1);
        assert_eq!(lasting.len(), number + 1);
    }
    assert_eq!(lasting.of("63").get(), 0, "the 65th look is when they are looked through");
    assert_eq!(lasting.len(), 33);
    for (number, one) in held.iter().enumerate() {
        assert!(Rc::ptr_eq(one, &lasting.of(&number.to_string())), "{number} was held");
    }
}

#[test]
fn few_names_are_kept_though_nobody_holds_them() {
    let mut lasting: Lasting<Cell<u32>> = Lasting::default();
    let sizes = (0..34).map(|number| {
        lasting.of(&number.to_string());
        lasting.len()
    });
    assert_eq!(sizes.collect::<Vec<_>>(), (1..=32).chain([1, 2]).collect::<Vec<_>>());
}

#[test]
fn a_lease_that_ends_as_late_as_a_small_step_of_the_clock_makes_it_is_still_its_holders() {
    let at = |millis| Timestamp::from_millis(millis);
    let held = claim_lease(&NOBODYS_LEASE, 1, at(100_000)).expect("it is free");
    let lasts = u64::try_from(LEASE.as_millis()).expect("short");
    assert_eq!(claim_lease(&held, 2, at(100_000 - lasts)), None);
    assert!(claim_lease(&held, 2, at(100_000 - lasts - 1)).is_some());
    assert_eq!(claim_lease(&held, 2, at(100_000).plus(LEASE - Duration::from_millis(1))), None);
    assert!(claim_lease(&held, 2, at(100_000).plus(LEASE)).is_some(), "it has ended");
}

#[test]
fn a_mark_is_the_holders_if_it_is_of_whoever_has_the_lease() {
    let held = claim_lease(&NOBODYS_LEASE, 0xab, Timestamp::from_millis(5)).expect("it is free");
    assert!(is_holders_mark(&held, heartbeat_mark(0xab).as_bytes()));
    assert!(!is_holders_mark(&held, heartbeat_mark(0xac).as_bytes()));
    assert!(!is_holders_mark(&NOBODYS_LEASE, heartbeat_mark(0).as_bytes()), "nobody sends heartbeats");
    assert!(!is_holders_mark(b"", b""));
}
