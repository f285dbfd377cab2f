//! Clients that leave, whatever is being done for them.

use crate::batch_gather::world::{Proxy, items, ms, replied, resumed, with};
use switchyard_core::batch::Leaves;
use switchyard_core::batch::gather::{Arrival, End, Event};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn one_that_waited_is_not_asked_for() {
    let mut proxy = Proxy::busy(&items(), [2, 3, 4]);
    proxy.leaves(0, 3);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 1);
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,4]"]);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(4, "4")]);
    proxy.is_quiet();
}

#[test]
fn one_that_is_in_a_batch_gets_nothing_and_the_others_their_own() {
    let mut proxy = Proxy::busy(&items(), [2, 3, 4]);
    proxy.returns(1);
    proxy.leaves(0, 3);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(4, "4")]);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 1);
    proxy.is_quiet();
}

#[test]
fn one_that_has_left_is_not_asked_for_again() {
    let mut proxy = Proxy::busy(&items(), [2, 3, 4]);
    proxy.returns(1);
    proxy.leaves(0, 3);
    assert_eq!(proxy.answer_call(None), resumed([2, 4]));
    proxy.returns(2);
    proxy.returns(4);
    proxy.is_quiet();
}

#[test]
fn if_all_leave_the_answer_is_nobodys_and_the_next_batch_goes() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    [2, 3].into_iter().for_each(|stream| proxy.leaves(0, stream));
    assert_eq!(proxy.workers[0].len(), 0);
    assert_eq!(proxy.asks(4, "4"), Arrival::Waits, "its call is under way still");
    assert_eq!(proxy.answer_items(), resumed([4]));
    proxy.returns(4);
    proxy.is_quiet();
}

#[test]
fn a_lone_one_that_leaves_lets_the_next_batch_go() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.leaves(0, 1);
    assert!(proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0), []);
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 0, "it went alone, and that was counted");
}

#[test]
fn if_all_that_wait_leave_nothing_is_left_of_them() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    [2, 3, 1].into_iter().for_each(|stream| proxy.leaves(0, stream));
    proxy.is_quiet();
    assert_eq!(proxy.asks(4, "4"), Arrival::Alone);
    let mut proxy = Proxy::of(&with(|settings| settings.leaves = Leaves::FixedDelay));
    proxy.asks(1, "1");
    proxy.leaves(0, 1);
    proxy.is_quiet();
    assert_eq!(proxy.passes(ms(20)), []);
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), None);
}

#[test]
fn what_was_full_is_not_when_one_leaves_before_the_roots_turn() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_items = 2), [2, 3]);
    proxy.leaves(0, 2);
    assert_eq!(proxy.acts(0), []);
    assert!(proxy.outside.calls.is_empty());
    assert_eq!(proxy.passes(ms(20)), resumed([3]));
}

#[test]
fn who_is_unknown_may_leave_or_return() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.leaves(0, 99);
    assert_eq!(proxy.returns(98), []);
    proxy.workers[0].returned(&mut proxy.outside, 2, true);
    assert_eq!(proxy.acts(0), [], "one that waits has nothing to return");
    proxy.returns(1);
    assert_eq!(proxy.answer_items().len(), 2);
    proxy.is_quiet();
}
