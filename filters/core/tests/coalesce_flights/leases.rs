//! Entries of the board that share a bucket, and whose lease ends when.

use crate::coalesce_flights::proxy::{KEY, Proxy, collapsed, get, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Arrival, BUCKETS, Flights, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The first leads one key, and the second, after so many milliseconds, another of the same bucket.
fn two_after(millis: u64, settings: &Settings) -> Proxy {
    let mut proxy = Proxy::with(3, settings);
    assert_eq!(proxy.asks(0, 1, b"a", get()), Arrival::Leads);
    if millis > 0 {
        proxy.ticks(0, millis);
    }
    assert_eq!(proxy.asks(1, 2, KEY, get()), Arrival::Leads);
    proxy
}

#[test]
fn keys_are_spread_over_all_buckets() {
    let mut proxy = Proxy::of(1);
    for number in 0..500_u32 {
        assert_eq!(proxy.asks(0, number, &number.to_le_bytes(), get()), Arrival::Leads);
    }
    let mut buckets = core::mem::take(&mut proxy.outside.read);
    assert!(buckets.iter().all(|bucket| *bucket < BUCKETS));
    buckets.sort_unstable();
    buckets.dedup();
    assert!(buckets.len() > 400, "{}", buckets.len());
}

#[test]
fn an_entry_that_is_not_alone_is_taken_off_and_the_others_stay() {
    let mut proxy = two_after(0, &Settings::default());
    proxy.ends(1, 2);
    assert_eq!(proxy.asks(2, 4, b"a", get()), Arrival::Waits, "its entry is still there");
    assert_eq!(proxy.arrives(2, 3), Arrival::Leads, "the other one is not");
}

#[test]
fn an_entry_is_cleared_without_looking_until_the_second_last_look_before_its_lease_ends() {
    for (millis, arrival) in [(0, Arrival::Leads), (3_999, Arrival::Leads), (4_000, Arrival::Waits)] {
        let mut proxy = two_after(millis, &Settings::default());
        proxy.ends(0, 1);
        assert_eq!(proxy.arrives(2, 3), arrival, "after {millis} ms");
    }
}

#[test]
fn who_succeeds_has_a_new_lease_and_others_in_the_bucket_have_theirs() {
    let settings = Settings { max_leader_age: Duration::from_secs(3), ..Settings::default() };
    let mut proxy = two_after(0, &settings);
    assert_eq!(proxy.arrives(1, 3), Arrival::Waits);
    proxy.ticks(1, 2_000);
    proxy.ends(1, 2);
    assert_eq!(proxy.acts(1), resumed([3]));
    proxy.passes(2_000);
    assert_eq!(proxy.arrives(2, 4), Arrival::Waits);
    assert_eq!(proxy.asks(2, 5, b"a", get()), Arrival::Leads, "that lease is over");
}

#[test]
fn what_a_worker_has_under_way_is_told() {
    let mut proxy = Proxy::of(2);
    assert!(proxy.workers[0].is_reachable() && proxy.workers[0].is_empty());
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    let told = |flights: &Flights<PlainRequest>| {
        let under_way: Vec<_> = flights.under_way().map(|one| (one.is_led, one.waiting)).collect();
        (flights.len(), flights.is_empty(), flights.streams(), under_way)
    };
    assert_eq!(told(&proxy.workers[0]), (1, false, 2, vec![(true, 1)]));
    assert_eq!(told(&proxy.workers[1]), (1, false, 1, vec![(false, 1)]));
    proxy.ticks(1, 0);
    assert_eq!(proxy.workers[1].time(), proxy.outside.now);
    assert!(!Flights::<PlainRequest>::default().is_reachable());
}

#[test]
fn since_when_somebody_has_waited_is_told_again_as_it_was() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.follow(0, 3);
    assert_eq!(proxy.ticks(1, 250), []);
    proxy.talk();
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), [], "the oldest is elsewhere");
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
}

#[test]
fn where_the_oldest_cannot_be_told_the_next_leads_at_once() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.follow(0, 3);
    proxy.outside.gone = Some(1);
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([3]));
}

#[test]
fn who_leads_for_nobody_is_not_succeeded_and_what_nobody_follows_is_forgotten() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    assert_eq!(proxy.ticks(0, 6_000), []);
    assert_eq!(proxy.outside.events.len(), 1, "it leads, and that is all: {:?}", proxy.outside.events);
    assert_eq!(proxy.arrives(0, 2), Arrival::Waits);
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed([2], "one"));

    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.ends(1, 2);
    assert_eq!(proxy.ticks(1, 10), []);
    assert_eq!(proxy.workers[1].len(), 0);
}
