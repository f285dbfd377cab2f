//! Workers that are no more, or say nothing, and messages that nobody should heed.

use crate::batch_gather::proxy::{busy, guests, settings};
use crate::batch_gather::world::{Done, Proxy, head, ms, post, replied, resumed};
use std::rc::Rc;
use switchyard_core::Address;
use switchyard_core::batch::gather::{Arrival, End, Event, Gatherer, Policy};
use switchyard_core::batch::{JsonArray, OnFailure, Protocol, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A worker begins anew, where it was.
pub(crate) fn dies(proxy: &mut Proxy, at: usize) {
    let mut worker: Gatherer<PlainRequest> = Gatherer::default();
    worker.reachable_at(Address { queue: at as u32, epoch: 900 + at as u64 });
    proxy.workers[at] = worker;
    let settings = proxy.policies[at].settings().clone();
    proxy.policies[at] = Rc::new(Policy::new("route", 7, settings));
}

#[test]
fn a_second_after_the_worker_that_gathers_has_died_its_guests_go_alone() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    dies(&mut proxy, 0);
    assert_eq!(proxy.lives_for(ms(950)), []);
    assert_eq!(proxy.lives_for(ms(50)).len(), 2);
    assert_eq!(proxy.count(Event::Ended(End::Alone)), 3);
    proxy.is_quiet();
    assert_eq!(proxy.arrives(1, 5, post(), "5"), Arrival::Alone, "and it is not asked for a while");
}

#[test]
fn those_that_may_not_be_made_twice_get_an_error() {
    let once = Protocol::JsonArray(JsonArray::default());
    for settings in
        [Settings { protocol: once, ..settings() }, Settings { on_failure: OnFailure::Fail, ..settings() }]
    {
        let mut proxy = busy(&settings);
        guests(&mut proxy, [2]);
        dies(&mut proxy, 0);
        let done = proxy.lives_for(ms(1_000));
        assert!(matches!(&done[..], [Done::Replied(2, 502, _)]), "{done:?}");
        proxy.is_quiet();
    }
}

#[test]
fn a_worker_that_answers_is_waited_for_however_long_the_upstream_takes() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    assert_eq!(proxy.lives_for(ms(10_000)), []);
    proxy.answer_items();
    assert_eq!(proxy.talk().len(), 2);
    proxy.is_quiet();
}

#[test]
fn nobody_waits_for_longer_than_its_time_whoever_gathers() {
    let mut proxy = busy(&settings());
    let head = post().with("grpc-timeout", "300m");
    assert_eq!(proxy.arrives(1, 2, head, "2"), Arrival::Waits);
    // Nobody listens.
    let done = proxy.passes(ms(300));
    assert!(matches!(&done[..], [Done::Replied(2, 504, _)]), "{done:?}");
    assert_eq!(proxy.count(Event::Ended(End::TimedOut)), 1);
    proxy.returns(1);
    assert_eq!(proxy.talk(), []);
    proxy.is_quiet();
}

#[test]
fn a_request_that_the_worker_does_not_know_any_more_is_not_waited_for() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2]);
    proxy.workers[0] = Gatherer::default();
    proxy.workers[0].reachable_at(Address { queue: 0, epoch: 100 });
    let done = proxy.lives_for(ms(300));
    assert_eq!(done, resumed([2]), "asked for after 250 ms");
}

#[test]
fn a_reply_that_is_under_way_when_it_is_asked_for_comes_first() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    // It is asked for, and the answer comes before that is heard.
    proxy.passes(ms(250));
    proxy.answer_items();
    let mut done = proxy.talk();
    done.sort_by_key(|done| format!("{done:?}"));
    assert_eq!(done, [replied(2, "2"), replied(3, "3")]);
    proxy.is_quiet();
}

#[test]
fn a_lone_request_of_a_worker_that_died_is_waited_for_no_longer_than_a_little_over_a_second() {
    let mut proxy = busy(&settings());
    proxy.returns(1);
    proxy.arrives(1, 2, post(), "2");
    assert_eq!(proxy.talk(), resumed([2]));
    proxy.policies[0] = Rc::clone(&proxy.policies[0]);
    dies(&mut proxy, 1);
    assert!(proxy.workers[0].next_tick(proxy.outside.now).is_some());
    assert_eq!(proxy.lives_for(ms(1_450)), []);
    assert_eq!(proxy.workers[0].keys(), 1);
    proxy.lives_for(ms(50));
    proxy.is_quiet();
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), None);
}

#[test]
fn one_of_a_worker_that_lives_is_waited_for() {
    let mut proxy = busy(&Settings { stall_timeout: ms(3_600_000), ..settings() });
    proxy.returns(1);
    proxy.arrives(1, 2, post(), "2");
    assert_eq!(proxy.talk(), resumed([2]));
    assert_eq!(proxy.lives_for(ms(10_000)), []);
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits, "it is under way still");
    proxy.workers[1].returned(&mut proxy.outside, 2, true);
    assert_eq!(proxy.talk(), resumed([3]));
}

#[test]
fn a_worker_whose_queue_is_gone_is_not_relied_on() {
    let mut proxy = busy(&settings());
    proxy.outside.gone = Some(0);
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Alone);
    assert_eq!(proxy.count(Event::Degraded), 1);
    proxy.leaves(1, 2);
    assert_eq!(proxy.policies[1].requests(), 0);
}

#[test]
fn a_guest_whose_queue_is_gone_keeps_nobody_waiting() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [3]);
    proxy.outside.gone = Some(1);
    proxy.returns(1);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 1);
    assert_eq!((proxy.policies[0].requests(), proxy.workers[0].keys()), (0, 0));
}

#[test]
fn what_was_meant_for_an_earlier_life_is_not_heeded() {
    let mut proxy = busy(&settings());
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    dies(&mut proxy, 0);
    assert_eq!(proxy.talk(), []);
    assert!(proxy.workers[0].is_empty());
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    dies(&mut proxy, 1);
    // The new epoch has a stream of the same number.
    proxy.arrives(1, 3, post(), "33");
    proxy.answer_items();
    assert_eq!(proxy.talk(), resumed([3]).into_iter().chain([replied(2, "2")]).collect::<Vec<_>>());
}

#[test]
fn a_worker_that_was_given_up_and_speaks_again_changes_nothing() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    proxy.returns(1);
    // The others hear nothing for a second: the first is busy.
    for _ in 0..12 {
        proxy.outside.now = proxy.outside.now.plus(ms(100));
        for at in [1, 2] {
            proxy.workers[at].tick(&mut proxy.outside);
        }
    }
    let mut done = proxy.done();
    done.sort_by_key(|done| format!("{done:?}"));
    assert_eq!(done, resumed([2, 3]));
    assert_eq!(proxy.talk(), []);
    assert_eq!(proxy.answer_call(Some((head(200), "[2,3]"))), []);
    assert_eq!(proxy.talk(), []);
    proxy.is_quiet();
}

#[test]
fn a_worker_that_stood_still_itself_hears_first_what_has_come_meanwhile() {
    let once = Protocol::JsonArray(JsonArray::default());
    let mut proxy = busy(&Settings { protocol: once, ..settings() });
    guests(&mut proxy, [3, 5]);
    proxy.returns(1);
    proxy.answer_items();
    proxy.outside.now = proxy.outside.now.plus(ms(5_000));
    proxy.workers[1].tick(&mut proxy.outside);
    assert_eq!(proxy.done(), []);
    assert_eq!(proxy.talk(), [replied(3, "3"), replied(5, "5")]);
    proxy.is_quiet();
}

#[test]
fn one_that_was_given_up_while_it_waited_is_not_asked_for_any_more() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [2, 3]);
    for _ in 0..12 {
        proxy.outside.now = proxy.outside.now.plus(ms(100));
        for at in [1, 2] {
            proxy.workers[at].tick(&mut proxy.outside);
        }
    }
    assert_eq!(proxy.done().len(), 2);
    proxy.talk();
    proxy.returns(1);
    assert!(proxy.outside.calls.is_empty(), "{:?}", proxy.calls());
    proxy.is_quiet();
}

#[test]
fn bytes_that_are_no_message_are_none() {
    let mut proxy = busy(&settings());
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    let message = proxy.outside.queues[0].pop_front().expect("an offer");
    for end in 0..message.len() {
        proxy.outside.queues[0].push_back(message[..end].to_vec());
    }
    for byte in 0..message.len() {
        let mut wrong = message.clone();
        wrong[byte] ^= 0xff;
        proxy.outside.queues[0].push_back(wrong);
    }
    // Some read as offers of others; none is answered wrongly here.
    proxy.talk();
    assert!(proxy.workers[1].len() <= 1);
}

#[test]
fn only_the_worker_that_gathers_a_request_answers_it() {
    let mut proxy = busy(&settings());
    guests(&mut proxy, [3, 5]);
    proxy.returns(1);
    proxy.answer_items();
    // After version and receiver stands the sender.
    let reply = proxy.outside.queues[1].front_mut().expect("a reply");
    reply[9] ^= 2;
    assert_eq!(proxy.talk(), [replied(5, "5")]);
}

#[test]
fn what_lone_requests_of_others_take_is_learnt_if_they_return_well() {
    for well in [true, false] {
        let mut proxy = busy(&settings());
        proxy.returns(1);
        for stream in 10..15 {
            proxy.arrives(1, stream, post(), "2");
            assert_eq!(proxy.talk(), resumed([stream]));
            proxy.outside.now = proxy.outside.now.plus(ms(100));
            proxy.workers[1].returned(&mut proxy.outside, stream, well);
            proxy.talk();
        }
        assert_eq!(proxy.asks(2, "2"), Arrival::Alone);
        let short = proxy.arrives(0, 3, post().with("grpc-timeout", "100m"), "3");
        assert_eq!(short, if well { Arrival::Alone } else { Arrival::Waits });
    }
}
