//! Beyond a limit a request goes on as if nobody coalesced.

use crate::coalesce_flights::proxy::{KEY, Proxy, collapsed, get, head, resumed};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::coalesce::{
    Arrival, Begun, Event, Exit, Flights, NotShared, Pass, Policy, Scope, Settings,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_flight_has_so_many_followers_in_a_worker() {
    let mut proxy = Proxy::with(2, &Settings { max_followers: 2, ..Settings::default() });
    proxy.burst(0, [1, 2, 3]);
    assert_eq!(proxy.arrives(0, 4), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Followers)), 1);
    proxy.follow(1, 5);
    proxy.ends(0, 2);
    assert_eq!(proxy.arrives(0, 6), Arrival::Waits, "one has left");
    proxy.ends(0, 4);
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed([3, 6], "one"));
}

#[test]
fn whoever_stands_in_line_is_one_of_the_followers() {
    let mut proxy =
        Proxy::with(1, &Settings { max_followers: 2, release_concurrency: 1, ..Settings::default() });
    let german = || get().with("user-agent", "de");
    proxy.burst(0, [1, 2]);
    assert_eq!(proxy.begins(0, 1, 200, &head().with("vary", "user-agent")), Begun::Captured);
    assert_eq!(proxy.asks(0, 3, KEY, german()), Arrival::Waits);
    assert_eq!(proxy.acts(0), resumed([3]), "it is its turn, and it takes no place any more");
    assert_eq!(proxy.asks(0, 4, KEY, german()), Arrival::Waits);
    assert_eq!(proxy.asks(0, 5, KEY, german()), Arrival::Passes, "one waits, one stands in line");
    assert_eq!(proxy.arrives(0, 6), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Followers)), 2);
    proxy.ends(0, 3);
    assert_eq!(proxy.acts(0), resumed([4]));
    assert_eq!(proxy.arrives(0, 7), Arrival::Waits);
}

#[test]
fn there_are_so_many_flights_and_every_one_that_ends_makes_room() {
    let mut proxy = Proxy::with(1, &Settings { max_flights: 2, ..Settings::default() });
    for round in 0..10 {
        let stream = |number| round * 10 + number;
        assert_eq!(proxy.asks(0, stream(1), b"a", get()), Arrival::Leads);
        assert_eq!(proxy.asks(0, stream(2), b"b", get()), Arrival::Leads);
        assert_eq!(proxy.asks(0, stream(3), b"c", get()), Arrival::Passes);
        assert_eq!(proxy.asks(0, stream(4), b"a", get()), Arrival::Waits, "a follower needs no flight");
        assert_eq!(proxy.count(Event::Passed(Pass::Flights)), round + 1);
        if round % 2 == 0 {
            proxy.answer_whole(0, stream(1), "a");
        } else {
            proxy.ends(0, stream(1));
            proxy.ends(0, stream(4));
        }
        proxy.acts(0);
        proxy.begins(0, stream(2), 200, &head());
        (1..=4).for_each(|number| proxy.ends(0, stream(number)));
        proxy.acts(0);
        proxy.is_quiet();
    }
}

#[test]
fn a_flight_of_another_worker_is_one_of_this_as_long_as_somebody_waits_here() {
    let mut proxy = Proxy::with(2, &Settings { max_flights: 1, ..Settings::default() });
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    assert_eq!(proxy.asks(1, 3, b"another", get()), Arrival::Passes);
    proxy.ends(1, 2);
    assert_eq!(proxy.asks(1, 4, b"another", get()), Arrival::Leads);
}

#[test]
fn an_answer_that_grows_too_long_is_its_own_clients() {
    let mut proxy = Proxy::with(1, &Settings { max_body_bytes: 10, ..Settings::default() });
    proxy.burst(0, [1, 2]);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Captured);
    assert!(proxy.piece(0, 1, "0123456789", false));
    assert_eq!(proxy.policies[0].held(), 10);
    assert!(!proxy.piece(0, 1, "a", false));
    assert_eq!(proxy.count(Event::NotShared(NotShared::TooLong)), 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    assert_eq!(proxy.policies[0].held(), 0);
    assert_eq!(proxy.arrives(0, 3), Arrival::Passes, "the next would be too long as well");
}

#[test]
fn an_answer_that_there_is_no_room_for_is_its_own_clients_this_time() {
    let mut proxy = Proxy::with(1, &Settings { max_bytes_held: 10, ..Settings::default() });
    proxy.burst(0, [1, 2]);
    proxy.begins(0, 1, 200, &head());
    assert!(!proxy.piece(0, 1, "01234567890", false));
    assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    assert_eq!(proxy.arrives(0, 3), Arrival::Leads, "there may be room the next time");
}

#[test]
fn who_has_waited_long_enough_goes_on_by_itself() {
    let settings = Settings { max_wait: Duration::from_millis(50), ..Settings::default() };
    let mut proxy = Proxy::with(2, &settings);
    proxy.burst(0, [1]);
    proxy.follow(0, 2);
    proxy.follow(1, 3);
    assert_eq!(proxy.ticks(0, 40), []);
    assert_eq!(proxy.ticks(0, 10), resumed([2]));
    assert_eq!(proxy.ticks(1, 0), resumed([3]));
    assert_eq!(proxy.outside.exits, [Exit::MaxWait; 2]);
    assert_eq!(proxy.workers[0].waiting(), 0);
    proxy.ends(0, 2);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Passes, "nobody waits any more");
}

#[test]
fn a_crowd_that_has_waited_long_enough_goes_so_many_at_a_time_in_all_workers_together() {
    let second = Duration::from_secs(1);
    let settings = Settings {
        max_wait: second,
        max_leader_age: 60 * second,
        release_concurrency: 4,
        ..Settings::default()
    };
    let mut proxy = Proxy::with(2, &settings);
    proxy.burst(0, 1..=20);
    (101..=120).for_each(|stream| proxy.follow(1, stream));
    for _ in 0..9 {
        proxy.talk();
        assert_eq!(proxy.ticks(0, 100), []);
        assert_eq!(proxy.ticks(1, 0), []);
    }
    proxy.talk();
    assert_eq!(proxy.ticks(0, 100), resumed([2, 3]), "the oldest first");
    assert_eq!(proxy.ticks(1, 0), resumed([101, 102]));
    assert_eq!(proxy.ticks(0, 100), []);
    proxy.ends(0, 2);
    assert_eq!(proxy.acts(0), resumed([4]), "when one is done the next goes");
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.acts(0), collapsed(5..=20, "one"), "who is in line is answered all the same");
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed(103..=120, "one"));
    assert_eq!(proxy.outside.exits.iter().filter(|exit| **exit == Exit::MaxWait).count(), 5);
}

/// docs/coalesce.md has these figures.
#[test]
fn of_eight_hundred_clients_of_an_upstream_that_takes_fourteen_seconds_eleven_ask() {
    let mut proxy = Proxy::of(1);
    assert_eq!(proxy.arrives(0, 1), Arrival::Leads);
    proxy.passes(1);
    (2..=800).for_each(|stream| assert_eq!(proxy.arrives(0, stream), Arrival::Waits));
    let mut asked = 1;
    for _ in 0..1_399 {
        asked += proxy.ticks(0, 10).len();
    }
    assert_eq!(asked, 11);
    proxy.answer_whole(0, 1, "soup");
    assert_eq!(proxy.acts(0), collapsed(12..=800, "soup"));
}

#[test]
fn who_has_waited_for_half_as_long_again_goes_at_an_even_pace_and_all_have_gone_by_twice_the_time() {
    let second = Duration::from_secs(1);
    let settings = Settings {
        max_wait: second,
        max_leader_age: 60 * second,
        release_concurrency: 2,
        ..Settings::default()
    };
    let mut proxy = Proxy::with(1, &settings);
    assert_eq!(proxy.arrives(0, 0), Arrival::Leads);
    (1..=502).for_each(|stream| assert_eq!(proxy.arrives(0, stream), Arrival::Waits));
    let went: Vec<_> = (0..200).map(|_| proxy.ticks(0, 10).len()).collect();
    assert_eq!((went[..149].iter().sum::<usize>(), went[99]), (2, 2), "two at a time, and none is done");
    assert_eq!(went.iter().sum::<usize>(), 502, "nobody waits for longer");
    assert!(went.iter().all(|count| *count <= 12), "no crowd goes at once: {went:?}");
    assert_eq!(proxy.outside.exits.iter().filter(|exit| **exit == Exit::Overdue).count(), 500);
}

#[test]
fn whom_the_answer_does_not_fit_goes_when_it_begins_wherever_it_waits() {
    let mut proxy = Proxy::of(2);
    let german = || get().with("user-agent", "de");
    assert_eq!(proxy.arrives(0, 1), Arrival::Leads);
    assert_eq!(proxy.asks(0, 2, KEY, german()), Arrival::Waits);
    proxy.follow(0, 3);
    assert_eq!(proxy.asks(1, 4, KEY, german()), Arrival::Waits);
    proxy.follow(1, 5);
    proxy.talk();
    assert_eq!(proxy.begins(0, 1, 200, &head().with("vary", "user-agent")), Begun::Captured);
    proxy.talk();
    assert_eq!((proxy.acts(0), proxy.acts(1)), (resumed([2]), resumed([4])));
    assert_eq!(
        proxy.asks(0, 6, KEY, german()),
        Arrival::Waits,
        "nor need those who come later wait for its end"
    );
    assert_eq!(proxy.asks(1, 7, KEY, german()), Arrival::Waits);
    assert_eq!((proxy.acts(0), proxy.acts(1)), (resumed([6]), resumed([7])));
    assert_eq!(proxy.outside.exits, [Exit::Vary; 4]);
    assert!(!proxy.piece(0, 1, "one", true));
    proxy.talk();
    assert_eq!((proxy.acts(0), proxy.acts(1)), (collapsed([3], "one"), collapsed([5], "one")));
}

#[test]
fn a_clock_that_steps_back_lengthens_no_wait() {
    let settings = Settings { max_wait: Duration::from_millis(50), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, [1, 2]);
    proxy.outside.now = switchyard_core::Timestamp::from_millis(1_000_000_000_000);
    assert_eq!(proxy.ticks(0, 0), []);
    assert_eq!(proxy.ticks(0, 40), []);
    assert_eq!(proxy.ticks(0, 10), resumed([2]));
}

#[test]
fn a_shadow_holds_nobody_up_and_counts_who_would_have_waited() {
    let mut proxy = Proxy::with(2, &Settings { shadow: true, ..Settings::default() });
    assert_eq!(proxy.arrives(0, 1), Arrival::Leads);
    assert_eq!(proxy.arrives(0, 2), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Shadow)), 1);
    assert_eq!(proxy.arrives(1, 3), Arrival::Leads, "the board is not asked");
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Passes);
    (1..=2).for_each(|stream| proxy.ends(0, stream));
    proxy.ends(1, 3);
    proxy.is_quiet();
}

#[test]
fn flights_of_a_worker_stay_within_it_if_the_operator_says_so_or_nobody_can_reach_it() {
    let mut proxy = Proxy::with(2, &Settings { scope: Scope::Worker, ..Settings::default() });
    assert_eq!((proxy.arrives(0, 1), proxy.arrives(1, 2)), (Arrival::Leads, Arrival::Leads));
    let mut proxy = Proxy::of(2);
    proxy.workers[1] = Flights::default();
    assert_eq!((proxy.arrives(0, 1), proxy.arrives(1, 2)), (Arrival::Leads, Arrival::Leads));
    assert_eq!(proxy.arrives(1, 3), Arrival::Waits);
    proxy.ends(1, 2);
    assert_eq!(proxy.acts(1), resumed([3]));
    assert!(proxy.outside.queues.iter().all(std::collections::VecDeque::is_empty), "and nobody is told");
}

#[test]
fn a_request_under_a_new_configuration_waits_as_the_flight_that_it_follows_says() {
    let old = Settings { max_wait: Duration::from_secs(2), ..Settings::default() };
    let mut proxy = Proxy::with(1, &old);
    proxy.burst(0, [1]);
    let new = Settings { max_wait: Duration::from_millis(10), ..Settings::default() };
    proxy.policies[0] = Rc::new(Policy::new("route", new));
    proxy.follow(0, 2);
    assert_eq!(proxy.ticks(0, 100), [], "the new policy's wait is over");
    assert_eq!(proxy.ticks(0, 1_900), resumed([2]));
    assert_eq!(proxy.asks(0, 3, KEY, get()), Arrival::Waits);
}
