//! How those go on whose answer is for another one alone.

use crate::coalesce_flights::proxy::{Done, KEY, Proxy, get, head, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Arrival, Begun, Event, Exit, NotShared, OnError, Pass, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn so_many_at_a_time(release_concurrency: u32) -> Settings {
    Settings { release_concurrency, on_error: OnError::Release, ..Settings::default() }
}

/// Its answer is its client's alone.
fn is_private(proxy: &mut Proxy, at: usize, stream: u32) {
    let head = head().with("cache-control", "private");
    assert_eq!(proxy.begins(at, stream, 200, &head), Begun::Passes);
}

#[test]
fn so_many_go_at_a_time_and_the_next_when_one_has_ended() {
    let mut proxy = Proxy::with(1, &so_many_at_a_time(2));
    proxy.burst(0, 1..=5);
    is_private(&mut proxy, 0, 1);
    assert_eq!(proxy.acts(0), resumed([2, 3]));
    assert_eq!(proxy.ticks(0, 100), []);
    proxy.ends(0, 3);
    assert_eq!(proxy.acts(0), resumed([4]));
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), [], "the leader is none of them");
    proxy.ends(0, 2);
    assert_eq!(proxy.acts(0), resumed([5]));
    [4, 5].into_iter().for_each(|stream| proxy.ends(0, stream));
    assert_eq!(proxy.outside.exits, [Exit::Released; 4]);
    proxy.is_quiet();
}

#[test]
fn one_that_leaves_before_its_turn_takes_no_place() {
    let mut proxy = Proxy::with(1, &so_many_at_a_time(1));
    proxy.burst(0, 1..=5);
    is_private(&mut proxy, 0, 1);
    proxy.ends(0, 3);
    assert_eq!(proxy.acts(0), resumed([2]));
    proxy.ends(0, 2);
    proxy.ends(0, 4);
    assert_eq!(proxy.acts(0), resumed([5]), "the fourth left between its turn and the root's");
}

#[test]
fn workers_share_the_cap() {
    let mut proxy = Proxy::with(3, &so_many_at_a_time(6));
    proxy.burst(0, 0..5);
    (10..15).for_each(|stream| proxy.follow(1, stream));
    (20..25).for_each(|stream| proxy.follow(2, stream));
    proxy.talk();
    is_private(&mut proxy, 0, 0);
    proxy.talk();
    let done: Vec<_> = (0..3).map(|at| proxy.acts(at)).collect();
    assert_eq!(done, [resumed([1, 2]), resumed([10, 11]), resumed([20, 21])]);
}

#[test]
fn every_worker_lets_one_go_at_a_time_at_least() {
    let mut proxy = Proxy::with(2, &so_many_at_a_time(1));
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    proxy.talk();
    is_private(&mut proxy, 0, 1);
    proxy.talk();
    assert_eq!((proxy.acts(0), proxy.acts(1)), (resumed([2]), resumed([3])));
}

#[test]
fn those_of_a_second_flight_queue_behind_those_of_the_first() {
    let mut proxy = Proxy::with(1, &so_many_at_a_time(1));
    proxy.burst(0, 1..=4);
    proxy.begins(0, 1, 503, &head());
    assert_eq!(proxy.acts(0), resumed([2]));
    proxy.burst(0, 5..=7);
    proxy.begins(0, 5, 503, &head());
    assert_eq!(proxy.acts(0), [], "one of the first is under way");
    for (ended, next) in [(2, 3), (3, 4), (4, 6), (6, 7)] {
        proxy.ends(0, ended);
        assert_eq!(proxy.acts(0), resumed([next]));
    }
    [1, 5, 7].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn who_waits_too_long_for_a_turn_goes_anyway_at_an_even_pace_and_takes_none() {
    let settings = Settings { max_wait: Duration::from_secs(1), ..so_many_at_a_time(1) };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 1..=4);
    is_private(&mut proxy, 0, 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    assert_eq!(proxy.ticks(0, 1_000), [], "it is nobody's turn");
    assert_eq!(proxy.ticks(0, 490), []);
    assert_eq!(proxy.ticks(0, 10), resumed([3]), "the oldest first");
    assert_eq!(proxy.ticks(0, 10), resumed([4]), "and not both at once");
    assert_eq!(proxy.outside.exits, [Exit::Released, Exit::Overdue, Exit::Overdue]);
    (1..=4).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

/// Whoever comes while an answer that does not fit it is under way stands in line before those who wait for that answer.
#[test]
fn whoever_has_waited_longest_is_first_in_line_and_all_have_gone_by_twice_the_time() {
    let settings = Settings { max_wait: Duration::from_secs(1), ..so_many_at_a_time(1) };
    let mut proxy = Proxy::with(1, &settings);
    (1..=51).for_each(|stream| drop(proxy.arrives(0, stream)));
    proxy.passes(900);
    assert_eq!(proxy.begins(0, 1, 200, &head().with("vary", "user-agent")), Begun::Captured);
    for stream in [100, 101] {
        assert_eq!(proxy.asks(0, stream, KEY, get().with("user-agent", "de")), Arrival::Waits);
    }
    assert_eq!(proxy.acts(0), resumed([100]), "one at a time");
    proxy.workers[0].answer_trailers(&mut proxy.outside, 1);
    assert_eq!(proxy.acts(0), [], "the answer is for nobody else");
    let mut went = Vec::new();
    for _ in 0..110 {
        let now = proxy.ticks(0, 10);
        assert!(now.len() <= 2, "not all at once: {now:?}");
        went.extend(now);
    }
    assert_eq!(
        went,
        resumed(2..=51),
        "nobody waits for longer than two seconds, and the newcomer waits still"
    );
    proxy.ends(0, 100);
    assert_eq!(proxy.acts(0), resumed([101]));
    (1..=51).chain([101]).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn a_key_that_is_not_shared_is_passed_on_at_once_until_its_time_is_over() {
    let mut proxy = Proxy::with(2, &Settings { pass_ttl: Duration::from_secs(1), ..so_many_at_a_time(1) });
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    proxy.talk();
    is_private(&mut proxy, 0, 1);
    proxy.talk();
    for at in 0..2 {
        assert_eq!(proxy.arrives(at, 4), Arrival::Passes, "in both workers");
    }
    assert_eq!(proxy.count(Event::Passed(Pass::HitForPass)), 2);
    assert_eq!(proxy.asks(0, 5, b"another", get()), Arrival::Leads);
    proxy.passes(1_000);
    assert_eq!(proxy.arrives(0, 6), Arrival::Leads);
}

#[test]
fn a_shareable_answer_ends_that_early() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2]);
    is_private(&mut proxy, 0, 1);
    assert_eq!(proxy.arrives(0, 3), Arrival::Passes);
    assert_eq!(proxy.begins(0, 3, 503, &head()), Begun::Passes);
    assert_eq!(proxy.arrives(0, 4), Arrival::Passes, "a failure says nothing");
    assert_eq!(proxy.begins(0, 4, 200, &head()), Begun::Passes);
    assert_eq!(proxy.arrives(0, 5), Arrival::Leads);
}

#[test]
fn an_answer_that_cannot_be_read_is_not_for_others() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2]);
    let unreadable = || None::<(u16, switchyard_core::request::PlainRequest)>;
    let begun = proxy.workers[0].answer_begins(&mut proxy.outside, 1, true, unreadable);
    assert_eq!((begun, proxy.acts(0)), (Begun::Passes, resumed([2])));
    assert_eq!(proxy.arrives(0, 3), Arrival::Leads, "nor is that known of those to come");
}

#[test]
fn every_reason_not_to_share_is_counted() {
    let cases = [
        (302, head(), NotShared::Status),
        (200, head().with("cache-control", "no-store"), NotShared::NoStore),
        (200, head().with("set-cookie", "a=b"), NotShared::SetCookie),
        (200, head().with("vary", "*"), NotShared::Vary),
        (200, head().with("content-range", "bytes 0-1/2"), NotShared::Partial),
        (200, head().with("content-type", "text/event-stream"), NotShared::Stream),
        (200, head().with("content-type", "application/grpc-web+proto"), NotShared::Trailers),
        (200, head().with("content-length", "99999999"), NotShared::TooLong),
    ];
    for (status, head, why) in cases {
        let mut proxy = Proxy::of(1);
        proxy.burst(0, [1, 2]);
        assert_eq!(proxy.begins(0, 1, status, &head), Begun::Passes);
        assert_eq!(proxy.count(Event::NotShared(why)), 1, "{why:?}");
        assert_eq!(proxy.acts(0), [Done::Resumed(2)]);
        assert_eq!(proxy.asks(0, 3, KEY, get()), Arrival::Passes);
    }
}
