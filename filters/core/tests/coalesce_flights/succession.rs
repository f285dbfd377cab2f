//! Who leads when the leader does not.

use crate::coalesce_flights::proxy::{Done, Proxy, collapsed, get, head, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Arrival, Begun, Event, OnError, Settings, Why};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn when_the_leaders_client_leaves_the_oldest_leads_and_the_others_wait_for_it() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2, 3]);
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    assert_eq!(proxy.count(Event::Succeeded(Why::Gone)), 1);
    proxy.answer_whole(0, 2, "two");
    assert_eq!(proxy.acts(0), collapsed([3], "two"));
    [2, 3].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn a_follower_that_has_left_never_leads() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2, 3]);
    proxy.ends(0, 2);
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([3]));
}

#[test]
fn a_follower_that_leaves_before_it_is_let_go_is_not_touched_and_the_next_leads() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2, 3]);
    proxy.ends(0, 1);
    proxy.ends(0, 2);
    assert_eq!(proxy.acts(0), resumed([3]));
    proxy.ends(0, 3);
    proxy.is_quiet();
}

#[test]
fn the_oldest_leads_wherever_it_waits() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(0, 3);
    proxy.talk();
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), []);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
    proxy.answer_whole(1, 2, "two");
    proxy.talk();
    assert_eq!(proxy.acts(0), collapsed([3], "two"), "those at home wait for it, too");
}

#[test]
fn those_who_wait_in_a_third_worker_follow_the_next_leader_at_once() {
    let mut proxy = Proxy::of(3);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(2, 3);
    proxy.talk();
    proxy.ends(0, 1);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
    assert_eq!(proxy.acts(2), []);
    proxy.answer_whole(1, 2, "two");
    proxy.talk();
    assert_eq!(proxy.acts(2), collapsed([3], "two"), "no time has passed");
}

#[test]
fn a_worker_whose_followers_have_all_left_is_passed_over() {
    let mut proxy = Proxy::of(3);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(2, 3);
    proxy.talk();
    proxy.ends(1, 2);
    proxy.ends(0, 1);
    proxy.talk();
    assert_eq!(proxy.acts(2), resumed([3]));
    proxy.ends(2, 3);
    proxy.is_quiet();
}

#[test]
fn if_the_oldests_worker_cannot_be_told_somebody_else_leads() {
    let mut proxy = Proxy::of(3);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(2, 3);
    proxy.talk();
    proxy.outside.gone = Some(1);
    proxy.ends(0, 1);
    proxy.talk();
    assert_eq!(proxy.acts(2), resumed([3]));
}

#[test]
fn failures_are_succeeded_so_often_and_then_the_others_are_let_go() {
    let mut proxy = Proxy::with(1, &Settings { max_elections: 2, ..Settings::default() });
    proxy.burst(0, 1..=5);
    assert_eq!(proxy.begins(0, 1, 503, &head()), Begun::Passes);
    assert_eq!(proxy.acts(0), resumed([2]));
    proxy.begins(0, 2, 500, &head());
    assert_eq!(proxy.acts(0), resumed([3]));
    proxy.begins(0, 3, 503, &head());
    assert_eq!(proxy.acts(0), resumed([4, 5]), "by themselves");
    assert_eq!(proxy.count(Event::Succeeded(Why::Failed)), 2);
    assert_eq!(proxy.arrives(0, 6), Arrival::Leads, "a failure says nothing of those to come");
}

#[test]
fn failures_count_wherever_they_happen() {
    let mut proxy = Proxy::with(2, &Settings { max_elections: 1, ..Settings::default() });
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(1, 3);
    proxy.talk();
    proxy.begins(0, 1, 503, &head());
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
    proxy.begins(1, 2, 503, &head());
    assert_eq!(proxy.acts(1), resumed([3]), "let go");
    assert_eq!(proxy.arrives(1, 4), Arrival::Leads);
}

#[test]
fn failures_go_to_all_if_the_operator_says_so() {
    let settings = Settings { on_error: OnError::Share(vec![503]), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, [1, 2]);
    assert_eq!(proxy.begins(0, 1, 503, &head()), Begun::Captured);
    proxy.piece(0, 1, "down", true);
    let shared = switchyard_core::coalesce::Served::Shared;
    assert_eq!(proxy.acts(0), [Done::Replied(2, "down".to_owned(), shared)]);
}

#[test]
fn a_failure_that_is_its_own_clients_goes_to_nobody_else() {
    let settings = Settings { on_error: OnError::Share(vec![503]), ..Settings::default() };
    for (name, value) in
        [("set-cookie", "a=b"), ("cache-control", "private"), ("content-type", "text/event-stream")]
    {
        let mut proxy = Proxy::with(1, &settings);
        proxy.burst(0, [1, 2]);
        assert_eq!(proxy.begins(0, 1, 503, &head().with(name, value)), Begun::Passes, "{name}");
        assert_eq!(proxy.acts(0), resumed([2]));
    }
}

#[test]
fn a_leader_whose_body_stands_still_is_succeeded() {
    let settings = Settings { stall_timeout: Duration::from_millis(100), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, [1, 2]);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Captured);
    assert_eq!(proxy.ticks(0, 90), []);
    assert!(proxy.piece(0, 1, "a", false));
    assert_eq!(proxy.ticks(0, 90), [], "it moved");
    assert_eq!(proxy.ticks(0, 10), resumed([2]));
    assert!(!proxy.piece(0, 1, "b", true), "nobody needs its answer any more");
    assert_eq!(proxy.policies[0].held(), 0);
}

#[test]
fn a_body_that_moves_while_nobody_waits_has_not_stood_still_when_somebody_does() {
    let second = Duration::from_secs(1);
    for at in 0..2 {
        let mut proxy =
            Proxy::with(2, &Settings { stall_timeout: second, hold: second, ..Settings::default() });
        proxy.burst(0, [1]);
        assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Captured);
        for _ in 0..20 {
            proxy.passes(100);
            assert!(proxy.piece(0, 1, "a", false));
        }
        proxy.follow(at, 2);
        proxy.talk();
        assert_eq!(proxy.ticks(0, 990), [], "wherever it waits");
        proxy.talk();
        proxy.ticks(0, 10);
        assert_eq!(proxy.count(Event::Succeeded(Why::Stall)), 1);
    }
}

#[test]
fn a_worker_that_is_silent_for_a_second_is_taken_for_dead() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    for _ in 0..9 {
        proxy.outside.queues[0].clear();
        assert_eq!(proxy.ticks(1, 110), []);
    }
    assert_eq!(proxy.ticks(1, 110), resumed([2]));
    assert_eq!(proxy.count(Event::Succeeded(Why::Lost)), 1);
}

#[test]
fn a_worker_that_says_something_is_waited_for() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    for _ in 0..40 {
        assert_eq!(proxy.ticks(1, 100), []);
        proxy.talk();
    }
}

#[test]
fn a_worker_without_a_queue_is_taken_for_dead_at_the_next_tick() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.outside.gone = Some(0);
    proxy.follow(1, 2);
    assert_eq!(proxy.ticks(1, 10), resumed([2]));
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_and_a_client_that_leaves_before_is_none() {
    let mut proxy = Proxy::with(1, &Settings { max_elections: 1, ..Settings::default() });
    proxy.burst(0, 1..=6);
    for leaver in 1..=3 {
        proxy.ends(0, leaver);
        assert_eq!(proxy.acts(0), resumed([leaver + 1]), "as often as it likes");
    }
    proxy.begins(0, 4, 200, &head());
    proxy.piece(0, 4, "a", false);
    proxy.ends(0, 4);
    assert_eq!(proxy.acts(0), resumed([5]));
    proxy.begins(0, 5, 200, &get());
    proxy.ends(0, 5);
    assert_eq!(proxy.acts(0), resumed([6]));
    assert_eq!(proxy.arrives(0, 7), Arrival::Leads, "the last one was let go by itself");
}
