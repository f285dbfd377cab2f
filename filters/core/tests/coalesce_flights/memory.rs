//! Several routes in one VM, which has room for so much.

use crate::coalesce_flights::proxy::{Done, KEY, Proxy, get, head, resumed};
use std::rc::Rc;
use switchyard_core::coalesce::{Arrival, Event, NotShared, Policy, Settings};
use switchyard_core::memory::Memory;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A worker in a VM with these accounts, and two of its routes.
fn two_routes(memory: &Memory) -> (Proxy, [Rc<Policy>; 2]) {
    let routes = ["one", "two"];
    let policies = routes.map(|route| Rc::new(Policy::new(route, Settings::default()).within(memory)));
    (Proxy::of(1), policies)
}

/// A leader and one who follows it, of this route.
fn burst(proxy: &mut Proxy, policy: &Rc<Policy>, key: &[u8], [leader, follower]: [u32; 2]) {
    proxy.policies[0] = Rc::clone(policy);
    assert_eq!(proxy.asks(0, leader, key, get()), Arrival::Leads);
    assert_eq!(proxy.asks(0, follower, key, get()), Arrival::Waits);
}

#[test]
fn what_one_route_holds_another_has_no_room_for() {
    let memory = Memory::bounded(1_000, u64::MAX);
    let (mut proxy, [one, two]) = two_routes(&memory);
    burst(&mut proxy, &one, b"one", [1, 2]);
    burst(&mut proxy, &two, b"two", [3, 4]);
    proxy.begins(0, 1, 200, &head());
    proxy.piece(0, 1, &"a".repeat(600), false);
    proxy.begins(0, 3, 200, &head());
    proxy.piece(0, 3, &"b".repeat(600), false);
    assert_eq!(proxy.acts(0), resumed([4]));
    assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 1);
    assert_eq!((one.held(), two.held(), memory.kept.taken()), (600, 0, 600));
    proxy.piece(0, 1, "end", true);
    assert_eq!(proxy.acts(0).len(), 1);
    (1..=4).for_each(|stream| proxy.ends(0, stream));
    proxy.acts(0);
    assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
}

#[test]
fn copies_wait_until_those_of_another_route_are_read() {
    let memory = Memory::bounded(u64::MAX, 1_000);
    let (mut proxy, [one, two]) = two_routes(&memory);
    burst(&mut proxy, &one, b"one", [1, 2]);
    burst(&mut proxy, &two, b"two", [3, 4]);
    proxy.answer_whole(0, 1, &"a".repeat(600));
    proxy.answer_whole(0, 3, &"b".repeat(600));
    assert!(matches!(proxy.acts(0).as_slice(), [Done::Replied(2, ..)]));
    assert!(!proxy.workers[0].has_work(), "until somebody has read");
    proxy.ends(0, 2);
    assert!(matches!(proxy.acts(0).as_slice(), [Done::Replied(4, ..)]));
    [1, 3, 4].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.acts(0);
    assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
}

#[test]
fn an_answer_of_another_worker_that_there_is_no_room_for_lets_those_here_ask() {
    let memory = Memory::bounded(500, u64::MAX);
    let mut proxy = Proxy::of(2);
    proxy.policies[1] = Rc::new(Policy::new("route", Settings::default()).within(&memory));
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.answer_whole(0, 1, &"a".repeat(600));
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
    assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 1);
    assert_eq!(memory.kept.taken(), 0);
}

#[test]
fn answers_that_are_kept_give_way_to_what_others_of_the_vm_have() {
    let memory = Memory::bounded(3_000, u64::MAX);
    let settings = Settings { hold: core::time::Duration::from_secs(10), ..Settings::default() };
    let mut proxy = Proxy::of(1);
    let policy = Rc::new(Policy::new("route", settings).within(&memory));
    proxy.policies[0] = Rc::clone(&policy);
    let mut hits = |stream: u32, key: &[u8]| {
        let arrival = proxy.asks(0, stream, key, get());
        if arrival == Arrival::Leads {
            proxy.answer_whole(0, stream, &"a".repeat(800));
            proxy.acts(0);
        }
        proxy.ends(0, stream);
        matches!(arrival, Arrival::Served(..))
    };
    assert!(!hits(1, KEY) && hits(2, KEY));
    let others = memory.kept.reserve(1_500).expect("room");
    assert!(!hits(3, b"more"), "there is no room for both");
    assert!(!hits(4, KEY));
    drop(others);
    drop(policy);
    proxy.policies.clear();
    assert_eq!(memory.kept.taken(), 0);
}

#[test]
fn a_kept_answer_is_given_to_as_many_as_may_have_copies_and_others_ask() {
    let memory = Memory::bounded(u64::MAX, 1_000);
    let settings = Settings { hold: core::time::Duration::from_secs(10), ..Settings::default() };
    let mut proxy = Proxy::of(1);
    proxy.policies[0] = Rc::new(Policy::new("route", settings).within(&memory));
    assert_eq!(proxy.asks(0, 1, KEY, get()), Arrival::Leads);
    proxy.answer_whole(0, 1, &"a".repeat(400));
    proxy.ends(0, 1);
    let mut serves = |stream| matches!(proxy.asks(0, stream, KEY, get()), Arrival::Served(..));
    assert!(serves(2) && serves(3) && !serves(4));
    assert_eq!(memory.unread.taken(), 800);
    proxy.ends(0, 2);
    assert!(matches!(proxy.asks(0, 5, KEY, get()), Arrival::Served(..)));
    (3..=5).for_each(|stream| proxy.ends(0, stream));
    assert_eq!(memory.unread.taken(), 0);
}
