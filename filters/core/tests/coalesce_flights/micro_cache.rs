//! Answers that serve further requests for a moment.

use crate::coalesce_flights::proxy::{Done, KEY, Proxy, collapsed, get, head};
use core::time::Duration;
use switchyard_core::coalesce::{Arrival, Begun, Event, Served, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn holding() -> Settings {
    let second = Duration::from_secs(1);
    Settings { hold: second, stale_if_error: second, ..Settings::default() }
}

/// What it was served with at once.
fn body(arrival: &Arrival) -> Option<(&[u8], Served)> {
    match arrival {
        Arrival::Served(answer, served) => Some((&answer.body, *served)),
        _ => None,
    }
}

/// A client asks alone, and gets this.
fn is_answered_alone(proxy: &mut Proxy, stream: u32, head: &PlainRequest, answer: &str) {
    assert_eq!(proxy.arrives(0, stream), Arrival::Leads);
    proxy.begins(0, stream, 200, head);
    proxy.piece(0, stream, answer, true);
    proxy.ends(0, stream);
}

#[test]
fn an_answer_serves_those_who_come_within_its_time() {
    let mut proxy = Proxy::with(1, &holding());
    is_answered_alone(&mut proxy, 1, &head(), "one");
    proxy.passes(999);
    assert_eq!(body(&proxy.arrives(0, 2)), Some((&b"one"[..], Served::Hit)));
    assert_eq!(proxy.count(Event::Kept(Served::Hit)), 1);
    // It has read its copy.
    proxy.ends(0, 2);
    proxy.passes(1);
    assert_eq!(proxy.arrives(0, 3), Arrival::Leads);
    proxy.ends(0, 3);
    proxy.is_quiet();
}

#[test]
fn it_serves_no_longer_than_its_server_lets_it() {
    for forbids in ["no-cache", "max-age=0", "s-maxage=0, max-age=9"] {
        let mut proxy = Proxy::with(1, &holding());
        is_answered_alone(&mut proxy, 1, &head().with("cache-control", forbids), "one");
        assert_eq!(proxy.arrives(0, 2), Arrival::Leads, "{forbids}");
    }
}

#[test]
fn it_serves_nobody_whom_it_does_not_fit() {
    let mut proxy = Proxy::with(1, &holding());
    is_answered_alone(&mut proxy, 1, &head().with("vary", "user-agent"), "one");
    assert_eq!(proxy.asks(0, 2, KEY, get().with("user-agent", "de")), Arrival::Leads);
    assert_eq!(proxy.asks(0, 3, b"another", get()), Arrival::Leads);
}

#[test]
fn it_goes_to_those_who_wait_as_well() {
    let mut proxy = Proxy::with(1, &holding());
    proxy.burst(0, [1, 2]);
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed([2], "one"));
    assert!(body(&proxy.arrives(0, 3)).is_some());
}

#[test]
fn what_breaks_off_is_not_kept() {
    let mut proxy = Proxy::with(1, &holding());
    proxy.arrives(0, 1);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Captured);
    proxy.piece(0, 1, "on", false);
    proxy.ends(0, 1);
    proxy.is_quiet();
    assert_eq!(proxy.arrives(0, 2), Arrival::Leads);
}

#[test]
fn when_a_leader_fails_the_last_good_answer_goes_to_it_and_to_all_who_wait() {
    let mut proxy = Proxy::with(2, &holding());
    is_answered_alone(&mut proxy, 1, &head(), "one");
    proxy.passes(1_500);
    proxy.burst(0, [2, 3]);
    proxy.follow(1, 4);
    proxy.talk();
    let Begun::Replaced(answer, Served::Stale) = proxy.begins(0, 2, 503, &head()) else { panic!("it is") };
    assert_eq!(answer.body, b"one");
    let stale = |stream| [Done::Replied(stream, "one".to_owned(), Served::Stale)];
    assert_eq!(proxy.acts(0), stale(3));
    proxy.talk();
    assert_eq!(proxy.acts(1), stale(4));
    [2, 3].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.ends(1, 4);
    proxy.is_quiet();
}

#[test]
fn an_answer_that_is_too_old_serves_in_place_of_no_failure() {
    let mut proxy = Proxy::with(1, &holding());
    is_answered_alone(&mut proxy, 1, &head(), "one");
    proxy.passes(2_000);
    proxy.arrives(0, 2);
    assert_eq!(proxy.begins(0, 2, 503, &head()), Begun::Passes);
}

#[test]
fn without_a_time_nothing_is_kept() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2]);
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.arrives(0, 3), Arrival::Leads);
}

#[test]
fn a_new_configuration_remembers_nothing_of_the_old() {
    let mut proxy = Proxy::with(1, &holding());
    is_answered_alone(&mut proxy, 1, &head(), "one");
    proxy.policies[0] = std::rc::Rc::new(switchyard_core::coalesce::Policy::new("route", holding()));
    assert_eq!(proxy.arrives(0, 2), Arrival::Leads);
}
