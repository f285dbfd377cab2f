//! Any sequence of events, against a list.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use switchyard_core::Timestamp;
use switchyard_core::byte_map::ByteMap;
use switchyard_core::memory::Account;

/// What happens: a value is put (a key, its size, how long it may stay), touched, or forgotten, the oldest goes, those whose time is
/// over go, or somebody else of the VM takes bytes and gives them back.
#[derive(Clone, Copy, Debug)]
enum Event {
    Put(u8, u64, Option<u64>),
    Touch(u8),
    Forget(u8),
    GiveWay,
    Expire,
    Others(u64),
}

fn event() -> impl Strategy<Value = (i64, Event)> {
    let event = prop_oneof![
        6 => (0..10_u8, 0..500_u64, prop::option::of(0..60_u64)).prop_map(|(key, size, until)| Event::Put(key, size, until)),
        2 => (0..10_u8).prop_map(Event::Touch),
        1 => (0..10_u8).prop_map(Event::Forget),
        1 => Just(Event::GiveWay),
        2 => Just(Event::Expire),
        1 => (0..900_u64).prop_map(Event::Others),
    ];
    (prop_oneof![9 => 0..20_i64, 1 => -30..0_i64], event)
}

/// Key, size and end, the oldest first; and what others of the VM have.
#[derive(Default)]
struct Model {
    kept: Vec<(u8, u64, Option<u64>)>,
    others: u64,
}

impl Model {
    fn bytes(&self) -> u64 {
        self.kept.iter().map(|(_, size, _)| size).sum()
    }

    fn put(&mut self, key: u8, size: u64, until: Option<u64>, room: Room) {
        self.kept.retain(|(other, ..)| *other != key);
        if size > room.bytes.min(room.vm) {
            return;
        }
        let is_full = |model: &Self| {
            let bytes = model.bytes() + size;
            bytes > room.bytes || bytes + model.others > room.vm || model.kept.len() >= room.entries
        };
        while is_full(self) {
            if self.kept.is_empty() {
                return;
            }
            self.kept.remove(0);
        }
        self.kept.push((key, size, until));
    }

    fn apply(&mut self, event: Event, now: u64, room: Room) {
        match event {
            Event::Put(key, size, lasts) => self.put(key, size, lasts.map(|lasts| now + lasts), room),
            Event::Touch(key) => {
                if let Some(place) = self.kept.iter().position(|(other, ..)| *other == key) {
                    let kept = self.kept.remove(place);
                    self.kept.push(kept);
                }
            }
            Event::Forget(key) => self.kept.retain(|(other, ..)| *other != key),
            Event::GiveWay => drop(self.kept.drain(..self.kept.len().min(1))),
            Event::Expire => self.kept.retain(|(.., until)| until.is_none_or(|until| until > now)),
            Event::Others(bytes) => self.others = bytes,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    entries: usize,
    vm: u64,
}

fn key(number: u8) -> Vec<u8> {
    vec![number; usize::from(number)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn it_never_has_more_than_it_may_the_oldest_go_first_and_all_is_paid_back(
        (bytes, entries, vm) in (0..2_000_u64, 1..8_usize, 0..2_500_u64), events in prop::collection::vec(event(), 1..120),
    ) {
        let (room, whole) = (Room { bytes, entries, vm }, Account::new(vm));
        let mut map = ByteMap::new(bytes).at_most(entries).within(&whole);
        let (mut model, mut now) = (Model::default(), 1_000_u64);
        for (step, event) in events {
            now = now.saturating_add_signed(step);
            // Others never have more than is left for them.
            let event = match event {
                Event::Others(wanted) => Event::Others(wanted.min(vm - map.bytes())),
                other => other,
            };
            let others = model.others;
            model.apply(event, now, room);
            let at = Timestamp::from_millis(now);
            match event {
                Event::Put(number, size, lasts) => {
                    let until = lasts.map(|lasts| Timestamp::from_millis(now + lasts));
                    let was_put = map.put(key(number), size, size, until);
                    prop_assert_eq!(was_put, model.kept.last().is_some_and(|(other, ..)| *other == number));
                }
                Event::Touch(number) => map.touch(&key(number)),
                Event::Forget(number) => map.forget(&key(number)),
                Event::GiveWay => drop(map.give_way()),
                Event::Expire => map.expire(at),
                Event::Others(bytes) => {
                    whole.give_back(others);
                    whole.take_anyway(bytes);
                }
            }
            prop_assert!(map.bytes() <= bytes && map.len() <= entries && whole.taken() <= vm);
            prop_assert_eq!((map.len(), map.bytes()), (model.kept.len(), model.bytes()));
            prop_assert_eq!(whole.taken(), model.bytes() + model.others, "what it takes is paid for, and no more");
            for number in 0..10 {
                let expected = model.kept.iter().find(|(other, ..)| *other == number).map(|(_, size, _)| size);
                prop_assert_eq!(map.get(&key(number)), expected);
            }
        }
        drop(map);
        prop_assert_eq!(whole.taken(), model.others, "all is paid back");
    }

    #[test]
    fn a_copy_has_the_same_and_pays_for_itself(sizes in prop::collection::vec(0..500_u64, 0..20)) {
        let whole = Account::new(4_000);
        let mut map = ByteMap::new(2_000).within(&whole);
        for (size, number) in sizes.iter().zip(0..) {
            map.put(key(number), (), *size, None);
        }
        let (taken, copy) = (whole.taken(), map.clone());
        prop_assert_eq!((copy.len(), copy.bytes()), (map.len(), map.bytes()));
        drop(copy);
        prop_assert_eq!(whole.taken(), taken);
    }
}

#[test]
fn a_map_with_a_value_in_it_is_not_empty() {
    let mut map = ByteMap::new(100);
    assert!(map.is_empty());
    assert!(map.put(b"key".as_slice(), 7_u8, 10, None));
    assert_eq!((map.is_empty(), map.len()), (false, 1));
}
