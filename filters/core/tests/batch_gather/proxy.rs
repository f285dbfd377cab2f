//! Requests of several workers in one batch.

use crate::batch_gather::world::{Done, Proxy, head, ms, post, replied, resumed, with};
use switchyard_core::batch::gather::{Arrival, End, Event, Pass, Trigger};
use switchyard_core::batch::{JsonArray, Protocol, Scope, Settings, Short};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(crate) fn settings() -> Settings {
    with(|settings| settings.scope = Scope::Proxy)
}

/// Three workers; the first gathers, and a request of its own is under way.
pub(crate) fn busy(settings: &Settings) -> Proxy {
    let mut proxy = Proxy::with(3, settings);
    assert_eq!(proxy.arrives(0, 1, post(), "1"), Arrival::Alone);
    proxy
}

/// These are held in the second and third worker, by turns.
pub(crate) fn guests(proxy: &mut Proxy, streams: impl IntoIterator<Item = u32>) {
    for stream in streams {
        let at = 2 - stream as usize % 2;
        assert_eq!(proxy.arrives(at, stream, post(), &stream.to_string()), Arrival::Waits);
    }
    assert_eq!(proxy.talk(), []);
}

#[test]
fn requests_of_all_workers_are_in_one_call_and_each_worker_answers_its_own() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3, 4]);
    assert_eq!(proxy.asks(5, "5"), Arrival::Waits);
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,3,4,5]"]);
    assert_eq!(proxy.answer_items(), [replied(5, "5")]);
    assert!(proxy.hears(1));
    assert_eq!(proxy.done(), [replied(3, "3")]);
    assert_eq!(proxy.talk(), [replied(2, "2"), replied(4, "4")]);
    proxy.is_quiet();
}

#[test]
fn one_that_finds_nothing_under_way_anywhere_goes_on_and_others_wait_for_it() {
    let mut proxy = busy(&settings());
    proxy.returns(1);
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    assert_eq!(proxy.talk(), resumed([2]));
    assert!(proxy.workers[1].is_alone(2));
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits);
    assert_eq!(proxy.asks(4, "4"), Arrival::Waits);
    proxy.workers[1].returned(&mut proxy.outside, 2, true);
    assert_eq!(proxy.talk(), []);
    assert_eq!(proxy.calls(), ["[3,4]"]);
    proxy.answer_items();
    proxy.is_quiet();
}

#[test]
fn a_lone_one_elsewhere_whose_client_leaves_lets_the_next_go() {
    let mut proxy = busy(&settings());
    proxy.returns(1);
    proxy.arrives(1, 2, post(), "2");
    proxy.talk();
    proxy.asks(3, "3");
    proxy.leaves(1, 2);
    assert_eq!(proxy.talk(), resumed([3]));
}

#[test]
fn who_leaves_is_left_out_wherever_it_was_held() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3, 4]);
    proxy.leaves(1, 3);
    proxy.talk();
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,4]"]);
    proxy.leaves(2, 4);
    proxy.talk();
    assert_eq!(proxy.answer_items(), []);
    assert_eq!(proxy.talk(), [replied(2, "2")]);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 2);
    proxy.is_quiet();
}

#[test]
fn one_that_leaves_while_it_is_told_to_go_on_keeps_nobody_waiting() {
    let mut proxy = busy(&settings());
    proxy.returns(1);
    proxy.arrives(1, 2, post(), "2");
    proxy.hears(0);
    proxy.leaves(1, 2);
    assert_eq!(proxy.talk(), [], "nothing is let go that has ended");
    proxy.is_quiet();
    proxy.arrives(1, 3, post(), "3");
    proxy.hears(0);
    proxy.outside.dead.insert(3);
    assert_eq!(proxy.talk(), []);
    proxy.is_quiet();
}

#[test]
fn failures_are_repeated_and_told_across_workers() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, 2..=5);
    proxy.returns(1);
    assert_eq!(proxy.answer_call(None), []);
    assert_eq!(proxy.calls(), ["[2,3]", "[4,5]"]);
    proxy.answer_call(None);
    let mut done = proxy.talk();
    done.sort_by_key(|done| format!("{done:?}"));
    assert_eq!(done, resumed([2, 3]));
    assert!(proxy.workers[1].is_alone(3) && proxy.workers[2].is_alone(2));
    proxy.workers[1].returned(&mut proxy.outside, 3, false);
    proxy.workers[2].returned(&mut proxy.outside, 2, false);
    proxy.answer_items();
    proxy.talk();
    proxy.is_quiet();
}

#[test]
fn a_worker_that_gathers_refuses_for_others_too() {
    let mut proxy = busy(&with(|settings| (settings.scope, settings.short) = (Scope::Proxy, Short::Refuse)));
    assert_eq!(proxy.arrives(1, 2, post().with("grpc-timeout", "5m"), "2"), Arrival::Waits);
    let done = proxy.talk();
    assert!(matches!(&done[..], [Done::Replied(2, 504, _)]), "{done:?}");
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn one_for_which_there_is_no_room_goes_on_by_itself() {
    let mut proxy = busy(&with(|settings| (settings.scope, settings.max_requests) = (Scope::Proxy, 1)));
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    assert_eq!(proxy.talk(), resumed([2]));
    assert!(!proxy.workers[1].is_alone(2), "and nothing of it is to be told");
    proxy.arrives(1, 3, post(), "3");
    assert_eq!(proxy.arrives(1, 4, post(), "4"), Arrival::Passes, "nor is there where it is held");
    assert_eq!(proxy.count(Event::Passed(Pass::Requests)), 2);
    let mut proxy = busy(&with(|settings| (settings.scope, settings.max_bytes_held) = (Scope::Proxy, 300)));
    assert_eq!(proxy.arrives(1, 2, post(), &"1".repeat(300)), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Held)), 1);
}

#[test]
fn a_long_reply_is_not_sent_across_workers() {
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    proxy.answer_call(Some((head(200), &format!("[2,{long}]"))));
    let mut done = proxy.talk();
    done.sort_by_key(|done| format!("{done:?}"));
    assert_eq!(done, [replied(2, "2"), Done::Resumed(3)], "it is asked for again");
    proxy.is_quiet();
    let mut settings = settings();
    (settings.budget.ratio_ppm, settings.budget.min_per_second) = (0, 0);
    let once = Protocol::JsonArray(JsonArray::default());
    for settings in [settings.clone(), Settings { protocol: once, ..settings }] {
        let mut proxy = busy(&settings);
        guests(&mut proxy, [2, 3]);
        proxy.returns(1);
        proxy.answer_call(Some((head(200), &format!("[2,{long}]"))));
        let done = proxy.talk();
        assert!(done.iter().any(|done| matches!(done, Done::Replied(3, 502, _))), "if that may be: {done:?}");
        proxy.is_quiet();
    }
}

#[test]
fn requests_of_other_workers_count_for_the_budget() {
    let mut settings = settings();
    (settings.budget.ratio_ppm, settings.budget.min_per_second) = (1_000_000, 0);
    let mut proxy = busy(&settings);
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    proxy.answer_call(None);
    assert_eq!(proxy.talk().len(), 2, "both again: there were three");
    assert_eq!(proxy.count(Event::Left(Trigger::Repeat, 1)), 2);
}

#[test]
fn without_shared_data_workers_gather_by_themselves() {
    let mut proxy = Proxy::with(2, &settings());
    proxy.outside.slots = None;
    for at in 0..2 {
        assert_eq!(proxy.arrives(at, 1, post(), "1"), Arrival::Alone);
        assert_eq!(proxy.arrives(at, 2, post(), "2"), Arrival::Waits);
        proxy.leaves(at, 1);
        assert_eq!(proxy.acts(at), resumed([2]));
    }
    assert_eq!(proxy.count(Event::Degraded), 4);
}

#[test]
fn a_claim_lasts_while_it_is_used_and_two_seconds_more() {
    let mut proxy = busy(&settings());
    for _ in 0..10 {
        proxy.outside.now = proxy.outside.now.plus(ms(1_500));
        proxy.asks(2, "2");
        proxy.leaves(0, 2);
        proxy.acts(0);
        assert_eq!(proxy.arrives(1, 3, post(), "3"), Arrival::Waits, "it is the first's");
        proxy.leaves(1, 3);
        proxy.talk();
    }
    proxy.outside.now = proxy.outside.now.plus(ms(2_001));
    assert_eq!(proxy.arrives(1, 3, post(), "3"), Arrival::Alone, "now it is the second's");
    assert_eq!(proxy.asks(4, "4"), Arrival::Waits);
}

#[test]
fn who_has_another_configuration_declines_and_is_not_asked_for_a_while() {
    let mut proxy = busy(&settings());
    let other = switchyard_core::batch::gather::Policy::new("route", 8, settings());
    proxy.policies[0] = std::rc::Rc::new(other);
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    assert_eq!(proxy.talk(), resumed([2]));
    assert_eq!(proxy.arrives(1, 3, post(), "3"), Arrival::Alone);
    assert_eq!(proxy.arrives(1, 4, post(), "4"), Arrival::Waits);
    proxy.leaves(1, 3);
    assert_eq!(proxy.acts(1), resumed([4]));
    assert_eq!(proxy.talk(), []);
}

#[test]
fn what_a_worker_claimed_is_anybodys_when_its_life_is_over() {
    let mut proxy = busy(&settings());
    proxy.workers[0].resign(&mut proxy.outside);
    assert!(!proxy.workers[0].is_reachable());
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Alone, "it is the second's now");
    assert_eq!(proxy.arrives(2, 3, post(), "3"), Arrival::Waits);
    proxy.workers[0].resign(&mut proxy.outside);
    assert_eq!(proxy.arrives(2, 4, post(), "4"), Arrival::Waits, "and not given up twice");
    proxy.talk();
    proxy.leaves(1, 2);
    proxy.acts(1);
    assert_eq!(proxy.calls(), ["[3,4]"]);
}
