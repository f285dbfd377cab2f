//! Who leads which key, for all workers to see.

use crate::coalesce_flights::proxy::{KEY, Proxy, collapsed, get, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Address, Arrival, Event, Flights, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A worker begins anew, where it was.
fn dies(proxy: &mut Proxy, at: u32, epoch: u64) {
    let mut flights = Flights::default();
    flights.reachable_at(Address { queue: at, epoch });
    proxy.workers[at as usize] = flights;
}

#[test]
fn the_first_leads_and_all_others_wait_wherever_they_are() {
    let mut proxy = Proxy::of(3);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(2, 3);
    assert_eq!(proxy.count(Event::Led), 1);
    assert_eq!(proxy.count(Event::Followed { remote: true }), 2);
}

#[test]
fn keys_of_one_bucket_do_not_meddle_with_each_other() {
    let mut proxy = Proxy::of(2);
    assert_eq!(proxy.asks(0, 1, b"a", get()), Arrival::Leads);
    assert_eq!(proxy.asks(1, 2, b"b", get()), Arrival::Leads);
    assert_eq!(proxy.asks(1, 3, b"a", get()), Arrival::Waits);
    assert_eq!(proxy.asks(0, 4, b"b", get()), Arrival::Waits);
    proxy.talk();
    proxy.answer_whole(1, 2, "two");
    proxy.talk();
    assert_eq!(proxy.acts(0), collapsed([4], "two"));
    assert_eq!(proxy.asks(1, 5, b"a", get()), Arrival::Waits, "its entry is still there");
}

#[test]
fn a_flight_without_a_place_stays_within_its_worker() {
    let mut proxy = Proxy::of(2);
    for number in 0..9 {
        assert_eq!(proxy.asks(0, number, &[b'a', number as u8], get()), Arrival::Leads);
    }
    assert_eq!(proxy.count(Event::Degraded), 1);
    assert_eq!(proxy.asks(0, 20, &[b'a', 8], get()), Arrival::Waits, "here it is known");
    assert_eq!(proxy.asks(1, 1, &[b'a', 8], get()), Arrival::Leads);
    assert_eq!(proxy.asks(1, 2, &[b'a', 7], get()), Arrival::Waits);
    proxy.ends(0, 8);
    assert_eq!(proxy.acts(0), resumed([20]), "and is handed over here");
}

#[test]
fn without_a_board_workers_go_on_by_themselves() {
    let mut proxy = Proxy::of(2);
    proxy.outside.bucket = None;
    for at in 0..2 {
        proxy.burst(at, [1, 2]);
        proxy.answer_whole(at, 1, "one");
        assert_eq!(proxy.acts(at), collapsed([2], "one"));
        [1, 2].into_iter().for_each(|stream| proxy.ends(at, stream));
    }
    assert_eq!(proxy.count(Event::Degraded), 2);
    proxy.is_quiet();
}

#[test]
fn a_write_that_comes_too_late_is_tried_again_four_times() {
    let mut proxy = Proxy::of(2);
    proxy.outside.outrun = 3;
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    let mut proxy = Proxy::of(2);
    proxy.outside.outrun = 4;
    proxy.burst(0, [1]);
    assert_eq!(proxy.count(Event::Degraded), 1);
    assert_eq!(proxy.arrives(1, 2), Arrival::Leads);
}

#[test]
fn an_entry_counts_until_its_lease_is_over() {
    let settings = Settings { max_leader_age: Duration::from_secs(3), ..Settings::default() };
    let mut proxy = Proxy::with(2, &settings);
    proxy.burst(0, [1]);
    dies(&mut proxy, 0, 7);
    proxy.passes(2_998);
    assert_eq!(proxy.arrives(1, 2), Arrival::Waits);
    proxy.ends(1, 2);
    proxy.passes(1);
    assert_eq!(proxy.arrives(1, 3), Arrival::Leads);
}

#[test]
fn an_entry_of_a_worker_that_died_costs_a_seconds_wait() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    dies(&mut proxy, 0, 7);
    proxy.follow(1, 2);
    proxy.talk();
    assert_eq!(proxy.ticks(1, 900), []);
    proxy.talk();
    assert_eq!(proxy.ticks(1, 100), resumed([2]));
    proxy.follow(0, 3);
    proxy.talk();
    proxy.answer_whole(1, 2, "two");
    proxy.talk();
    assert_eq!(proxy.acts(0), collapsed([3], "two"), "the new epoch follows its successor");
}

#[test]
fn a_leader_that_is_succeeded_at_home_has_a_new_lease() {
    let settings = Settings { max_leader_age: Duration::from_secs(3), ..Settings::default() };
    let mut proxy = Proxy::with(2, &settings);
    proxy.burst(0, [1, 2]);
    proxy.ticks(0, 2_000);
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    proxy.ticks(0, 2_000);
    assert_eq!(proxy.arrives(1, 3), Arrival::Waits);
}

#[test]
fn what_nobody_can_read_has_no_owner() {
    for garbage in [&b"\x02"[..], b"\x01\xff", b"nobody wrote this"] {
        let mut proxy = Proxy::of(2);
        proxy.outside.bucket = Some((garbage.to_vec(), 1));
        proxy.burst(0, [1]);
        proxy.follow(1, 2);
    }
}

#[test]
fn a_flight_that_was_alone_clears_its_bucket_without_looking_and_others_with_it() {
    // This is the price of one host call less for every request that nobody follows: one request more, once.
    let mut proxy = Proxy::of(3);
    assert_eq!(proxy.asks(0, 1, b"a", get()), Arrival::Leads);
    assert_eq!(proxy.asks(1, 2, KEY, get()), Arrival::Leads);
    proxy.ends(0, 1);
    assert_eq!(proxy.arrives(2, 3), Arrival::Leads, "its worker does not see the second one's");
    assert_eq!(proxy.arrives(1, 4), Arrival::Waits, "which goes on for its own");
    proxy.ends(1, 2);
    assert_eq!(proxy.acts(1), resumed([4]));
}

#[test]
fn a_flight_that_has_grown_old_looks_before_it_clears() {
    let mut proxy = Proxy::of(3);
    assert_eq!(proxy.asks(0, 1, b"a", get()), Arrival::Leads);
    proxy.ticks(0, 4_100);
    assert_eq!(proxy.asks(1, 2, KEY, get()), Arrival::Leads);
    proxy.ends(0, 1);
    assert_eq!(proxy.arrives(2, 3), Arrival::Waits);
}
