//! When a batch leaves, and who is in it.

use crate::batch_gather::world::{Proxy, items, ms, post, replied, resumed, with};
use switchyard_core::batch::gather::{Arrival, Event, Pass, Trigger};
use switchyard_core::batch::{Adaptive, Estimator, Leaves};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_request_that_finds_nothing_under_way_goes_on_at_once() {
    let mut proxy = Proxy::of(&items());
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    assert!(proxy.workers[0].is_alone(1));
    assert_eq!(proxy.returns(1), []);
    assert_eq!(proxy.count(Event::Left(Trigger::Idle, 1)), 1);
    proxy.is_quiet();
}

#[test]
fn those_that_come_while_one_is_under_way_leave_as_one_when_it_returns() {
    let mut proxy = Proxy::busy(&items(), 2..=5);
    assert_eq!(proxy.acts(0), []);
    assert_eq!(proxy.returns(1), []);
    assert_eq!(proxy.calls(), ["[2,3,4,5]"], "in the order that they came in");
    assert_eq!(proxy.count(Event::Left(Trigger::Returned, 4)), 1);
    let all: Vec<_> = (2..=5).map(|stream| replied(stream, &stream.to_string())).collect();
    assert_eq!(proxy.answer_items(), all);
    proxy.is_quiet();
}

#[test]
fn what_waits_alone_goes_on_as_it_is() {
    let mut proxy = Proxy::busy(&items(), [2]);
    assert_eq!(proxy.returns(1), resumed([2]));
    assert!(proxy.workers[0].is_alone(2));
    assert_eq!(proxy.returns(2), []);
    proxy.is_quiet();
}

#[test]
fn the_answer_to_a_batch_lets_the_next_leave() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    [4, 5].iter().for_each(|stream| assert_eq!(proxy.asks(*stream, &stream.to_string()), Arrival::Waits));
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(3, "3")]);
    assert_eq!(proxy.calls(), ["[4,5]"]);
    proxy.answer_items();
    proxy.is_quiet();
}

#[test]
fn a_batch_that_is_full_leaves_though_another_is_under_way() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_items = 3), [2, 3]);
    assert!(!proxy.workers[0].has_work());
    assert_eq!(proxy.asks(4, "4"), Arrival::Waits);
    assert!(proxy.workers[0].has_work());
    proxy.acts(0);
    assert_eq!(proxy.calls(), ["[2,3,4]"]);
    assert_eq!(proxy.count(Event::Left(Trigger::Items, 3)), 1);
}

#[test]
fn so_does_one_that_holds_or_weighs_as_much_as_it_may() {
    let long = format!("\"{}\"", "x".repeat(1_000));
    let mut proxy = Proxy::busy(&with(|settings| settings.max_bytes = 2_000), []);
    proxy.asks(2, &long);
    assert!(!proxy.workers[0].has_work());
    proxy.asks(3, &long);
    proxy.acts(0);
    assert_eq!(proxy.count(Event::Left(Trigger::Bytes, 1)), 1, "both would be too much");
    let mut proxy = Proxy::busy(&with(|settings| settings.max_weight = 2_004), []);
    proxy.asks(2, &long);
    assert!(!proxy.workers[0].has_work());
    proxy.asks(3, &long);
    proxy.acts(0);
    assert_eq!(proxy.count(Event::Left(Trigger::Weight, 2)), 1);
}

#[test]
fn nobody_waits_for_longer_than_is_configured() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), Some(ms(20)));
    proxy.passes(ms(19));
    assert_eq!(proxy.outside.calls.len(), 0);
    proxy.passes(ms(1));
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.count(Event::Left(Trigger::Delay, 2)), 1);
    assert_eq!(proxy.count(Event::Waited(ms(20))), 2);
}

#[test]
fn the_oldest_waits_longest_whoever_came_before_it() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.passes(ms(10));
    proxy.returns(1);
    proxy.asks(4, "4");
    proxy.asks(5, "5");
    proxy.passes(ms(10));
    assert_eq!(proxy.calls(), ["[2,3]"], "the alarm of those who have left is nobody's");
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), Some(ms(10)));
    proxy.passes(ms(10));
    assert_eq!(proxy.calls(), ["[2,3]", "[4,5]"]);
}

#[test]
fn no_more_batches_of_a_key_are_under_way_than_may_be() {
    let mut proxy =
        Proxy::busy(&with(|settings| (settings.max_items, settings.max_in_flight) = (2, 2)), [2, 3, 4, 5, 6]);
    proxy.acts(0);
    assert_eq!(proxy.calls(), ["[2,3]"], "one more than the first");
    proxy.passes(ms(500));
    assert_eq!(proxy.calls(), ["[2,3]"], "however long others wait");
    proxy.answer_items();
    assert_eq!(proxy.calls(), ["[4,5]"]);
    assert_eq!(proxy.returns(1), resumed([6]));
}

#[test]
fn a_fixed_delay_is_waited_out_though_nothing_is_under_way() {
    let mut proxy = Proxy::of(&with(|settings| settings.leaves = Leaves::FixedDelay));
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(10)), []);
    assert_eq!(proxy.asks(2, "2"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(9)), []);
    proxy.passes(ms(1));
    assert_eq!(proxy.calls(), ["[1,2]"]);
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits);
    proxy.answer_items();
    assert!(proxy.outside.calls.is_empty(), "a return is no reason");
    assert_eq!(proxy.passes(ms(20)), resumed([3]));
    proxy.returns(3);
    proxy.is_quiet();
}

#[test]
fn sizes_that_keep_answers_in_time_hold_the_rest_back() {
    let adaptive = Adaptive { target: ms(50), estimator: Estimator::LeastSquares };
    let mut proxy = Proxy::busy(&with(|settings| settings.leaves = Leaves::Adaptive(adaptive)), 2..=11);
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,3,4,5]"], "nothing is known yet");
    assert_eq!(proxy.count(Event::Left(Trigger::Adaptive, 4)), 1);
    proxy.outside.now = proxy.outside.now.plus(ms(5));
    proxy.answer_items();
    assert_eq!(proxy.calls(), ["[6,7,8,9,10,11]"]);
}

#[test]
fn requests_of_different_keys_never_share_a_call_or_wait_for_each_other() {
    let mut proxy = Proxy::of(&items());
    let of = |who: &str| post().with("authorization", who);
    for (stream, who) in [(1, "a"), (2, "b")] {
        assert_eq!(proxy.arrives(0, stream, of(who), "0"), Arrival::Alone);
    }
    for (stream, who) in [(3, "a"), (4, "b"), (5, "a"), (6, "b")] {
        assert_eq!(proxy.arrives(0, stream, of(who), &stream.to_string()), Arrival::Waits);
    }
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[3,5]"]);
    proxy.returns(2);
    assert_eq!(proxy.calls(), ["[3,5]", "[4,6]"]);
}

#[test]
fn who_only_counts_holds_nothing_back() {
    let mut proxy = Proxy::of(&with(|settings| settings.shadow = true));
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    assert_eq!(proxy.asks(2, "2"), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Shadow)), 1);
    assert!(!proxy.workers[0].is_alone(2));
    proxy.returns(1);
    proxy.is_quiet();
    let mut proxy = Proxy::of(&with(|settings| {
        (settings.shadow, settings.leaves) = (true, Leaves::FixedDelay);
    }));
    assert_eq!(proxy.asks(1, "1"), Arrival::Passes);
    proxy.is_quiet();
}
