//! Leaders that took too long, and whose answers may still be the first.

use crate::coalesce_flights::proxy::{KEY, Proxy, collapsed, head, resumed};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_core::coalesce::{Begun, Flights, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_leader_that_takes_too_long_is_succeeded_and_whose_answer_begins_first_answers_all() {
    let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, [1, 2, 3]);
    assert_eq!(proxy.ticks(0, 990), []);
    assert_eq!(proxy.ticks(0, 10), resumed([2]));
    assert_eq!(proxy.begins(0, 2, 200, &head()), Begun::Captured);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Passes, "it comes second");
    assert!(!proxy.piece(0, 2, "two", true));
    assert_eq!(proxy.acts(0), collapsed([3], "two"));

    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, [1, 2, 3]);
    assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed([3], "one"), "the first leader's answer is theirs");
    assert_eq!(proxy.begins(0, 2, 200, &head()), Begun::Passes, "nobody waits for the second");
    (1..=3).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn the_late_answer_of_an_elder_is_all_workers() {
    let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(2, &settings);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(0, 3);
    proxy.talk();
    assert_eq!(
        proxy.ticks(0, 1_000),
        resumed([3]),
        "who waits beside it, though another one has waited longer"
    );
    proxy.answer_whole(0, 1, "one");
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed([2], "one"));
    proxy.begins(0, 3, 200, &head());
    [1, 3].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.ends(1, 2);
    proxy.ticks(0, 1_000);
    proxy.is_quiet();
}

#[test]
fn an_elder_whose_answer_is_a_failure_keeps_it_and_one_whose_answer_is_private_tells_all() {
    let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 1..=4);
    assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
    assert_eq!(proxy.begins(0, 1, 503, &head()), Begun::Passes);
    assert_eq!(proxy.acts(0), [], "who leads now may do better");
    assert_eq!(proxy.ticks(0, 1_000), resumed([3]));
    assert_eq!(proxy.begins(0, 2, 200, &head().with("cache-control", "private")), Begun::Passes);
    assert_eq!(proxy.acts(0), resumed([4]), "at the headers");
    (1..=4).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn an_elder_whose_answer_breaks_off_is_succeeded_like_any_leader() {
    let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 1..=4);
    assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Captured);
    assert!(proxy.piece(0, 1, "on", false));
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([3]));
    proxy.answer_whole(0, 2, "two");
    assert_eq!(proxy.acts(0), collapsed([4], "two"), "one that was overtaken and came first nevertheless");
    (2..=4).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn when_nobody_may_be_elected_any_more_those_who_wait_are_answered_or_go_in_their_turn() {
    let settings = Settings {
        max_leader_age: Duration::from_secs(1),
        max_wait: Duration::from_secs(3),
        max_elections: 1,
        release_concurrency: 1,
        ..Settings::default()
    };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 1..=5);
    assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
    assert_eq!(proxy.ticks(0, 1_900), [], "it takes long, too");
    assert_eq!(proxy.ticks(0, 100), resumed([3]), "one at a time");
    assert_eq!(proxy.ticks(0, 100), []);
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed([4, 5], "one"));
}

/// A request without headers, of which it is known who has it.
struct Known {
    _by: Rc<()>,
}

impl RequestView for Known {
    fn header_values<'a>(&'a self, _: &'a str) -> impl Iterator<Item = &'a [u8]> {
        core::iter::empty()
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn the_request_of_an_elder_that_has_ended_is_not_kept() {
    let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    let (mut flights, first) = (Flights::default(), Rc::new(()));
    let requests = [Rc::clone(&first), Rc::default(), Rc::default()];
    for (stream, by) in (1..).zip(requests) {
        let request = Known { _by: by };
        flights.arrive(&mut proxy.outside, stream, KEY.to_vec(), request, &proxy.policies[0]);
    }
    proxy.passes(1_000);
    flights.tick(&mut proxy.outside);
    assert_eq!(Rc::strong_count(&first), 2, "its answer may be the first to come");
    flights.ended(&mut proxy.outside, 1);
    assert_eq!((Rc::strong_count(&first), flights.len()), (1, 1));
}
