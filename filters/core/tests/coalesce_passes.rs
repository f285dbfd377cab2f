//! Keys that are passed on at once: for how long, and how many.

#![allow(missing_docs, reason = "a test is documented by its name")]

use switchyard_core::Timestamp;
use switchyard_core::coalesce::{MOST_BYTES, MOST_PASSES, Passes};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn key(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[test]
fn a_key_is_passed_on_until_its_time_is_over() {
    let mut passes = Passes::default();
    passes.remember(b"a", at(100));
    assert!(passes.contains(b"a", at(0)) && passes.contains(b"a", at(99)));
    assert!(!passes.contains(b"b", at(0)) && !passes.contains(b"", at(0)));
    assert!(!passes.contains(b"a", at(100)));
    assert_eq!((passes.len(), passes.bytes()), (0, 0), "and then it is forgotten");
    assert!(!passes.contains(b"a", at(50)), "for good");
}

#[test]
fn what_is_remembered_anew_lasts_as_long_as_was_said_last() {
    let mut passes = Passes::default();
    passes.remember(b"a", at(100));
    passes.remember(b"a", at(200));
    assert!(passes.contains(b"a", at(150)));
    passes.remember(b"a", at(160));
    assert_eq!((passes.len(), passes.bytes(), passes.is_empty()), (1, 1, false));
    assert!(!passes.contains(b"a", at(170)));
}

#[test]
fn a_key_whose_answer_may_be_shared_again_is_forgotten_at_once() {
    let mut passes = Passes::default();
    passes.remember(b"a", at(100));
    passes.remember(b"bb", at(100));
    passes.forget(b"a");
    passes.forget(b"nobody");
    assert!(!passes.contains(b"a", at(0)) && passes.contains(b"bb", at(0)));
    assert_eq!((passes.len(), passes.bytes()), (1, 2));
    passes.forget(b"bb");
    assert!(passes.is_empty());
}

#[test]
fn the_oldest_key_makes_room_for_one_too_many() {
    let mut passes = Passes::default();
    (0..MOST_PASSES).for_each(|number| passes.remember(&key(number), at(100)));
    passes.remember(&key(0), at(100));
    assert_eq!(passes.len(), MOST_PASSES, "it was there");
    passes.remember(b"one more", at(100));
    assert_eq!(passes.len(), MOST_PASSES);
    assert!(passes.contains(&key(0), at(0)), "it is the youngest but one");
    assert!(!passes.contains(&key(1), at(0)) && passes.contains(&key(2), at(0)));
    assert!(passes.contains(b"one more", at(0)));
}

#[test]
fn long_keys_make_room_sooner() {
    let mut passes = Passes::default();
    let long = |number: u8| vec![number; MOST_BYTES / 4];
    (0..4).for_each(|number| passes.remember(&long(number), at(100)));
    assert_eq!((passes.len(), passes.bytes()), (4, MOST_BYTES), "they fill it to the last byte");
    passes.remember(b"x", at(100));
    assert_eq!((passes.len(), passes.bytes()), (4, 3 * MOST_BYTES / 4 + 1));
    assert!(!passes.contains(&long(0), at(0)) && passes.contains(&long(1), at(0)));
}

#[test]
fn a_key_that_is_too_long_for_all_the_room_displaces_nobody() {
    let mut passes = Passes::default();
    passes.remember(b"a", at(100));
    passes.remember(&vec![0; MOST_BYTES + 1], at(100));
    assert!(passes.contains(b"a", at(0)));
    assert_eq!(passes.len(), 1);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Event {
        Remember(u8, u64),
        Forget(u8),
        Look(u8),
    }

    fn event() -> impl Strategy<Value = (u64, Event)> {
        let event = prop_oneof![
            4 => (0..12_u8, 0..60_u64).prop_map(|(key, span)| Event::Remember(key, span)),
            1 => (0..12_u8).prop_map(Event::Forget),
            4 => (0..12_u8).prop_map(Event::Look),
        ];
        (0..20_u64, event)
    }

    /// A few of these fill all the room.
    fn key(number: u8) -> Vec<u8> {
        vec![number; (usize::from(number) + 1) * MOST_BYTES / 20]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn passes_never_take_more_than_their_room_and_all_that_fits_is_there(
            events in prop::collection::vec(event(), 1..80),
        ) {
            let (mut passes, mut model, mut now) = (Passes::default(), Vec::<(u8, u64)>::new(), 0);
            let bytes = |model: &[(u8, u64)]| model.iter().map(|(number, _)| key(*number).len()).sum::<usize>();
            for (step, event) in events {
                now += step;
                let (Event::Remember(number, _) | Event::Forget(number) | Event::Look(number)) = event;
                match event {
                    Event::Remember(_, span) => {
                        passes.remember(&key(number), at(now + span));
                        model.retain(|(other, _)| *other != number);
                        while bytes(&model) + key(number).len() > MOST_BYTES {
                            model.remove(0);
                        }
                        model.push((number, now + span));
                    }
                    Event::Forget(_) => {
                        passes.forget(&key(number));
                        model.retain(|(other, _)| *other != number);
                    }
                    Event::Look(_) => {
                        model.retain(|(other, until)| *other != number || *until > now);
                        let expected = model.iter().any(|(other, _)| *other == number);
                        prop_assert_eq!(passes.contains(&key(number), at(now)), expected);
                    }
                }
                prop_assert!(passes.bytes() <= MOST_BYTES);
                prop_assert_eq!((passes.len(), passes.bytes()), (model.len(), bytes(&model)));
            }
        }
    }
}

#[test]
fn those_whose_time_is_over_are_forgotten_together() {
    let mut passes = Passes::default();
    passes.remember(b"a", Timestamp::from_millis(10));
    passes.remember(b"b", Timestamp::from_millis(20));
    passes.remember(b"a", Timestamp::from_millis(30));
    passes.expire(Timestamp::from_millis(19));
    assert_eq!(passes.len(), 2);
    passes.expire(Timestamp::from_millis(20));
    assert_eq!((passes.len(), passes.bytes()), (1, 1));
    passes.expire(Timestamp::from_millis(30));
    assert!(passes.is_empty());
}
