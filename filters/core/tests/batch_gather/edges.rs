//! Limits that are just reached, and why those leave who leave then.

use crate::batch_gather::proxy::{guests, settings};
use crate::batch_gather::world::{Done, Proxy, head, items, ms, post, replied, resumed, with};
use switchyard_core::batch::gather::{Arrival, Event, Trigger};
use switchyard_core::batch::{Adaptive, Estimator, Leaves, Short};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn within(millis: u64) -> PlainRequest {
    post().with("grpc-timeout", format!("{millis}m"))
}

/// So many times a batch of two cannot be split.
fn strikes(proxy: &mut Proxy, count: u32) {
    for _ in 0..count {
        (1..=3).for_each(|stream| drop(proxy.asks(stream, "1")));
        proxy.returns(1);
        assert_eq!(proxy.answer_call(Some((head(200), "[]"))), resumed([2, 3]));
        [2, 3].iter().for_each(|stream| drop(proxy.returns(*stream)));
    }
}

#[test]
fn as_many_as_may_go_leave_because_something_has_returned() {
    let adaptive = Adaptive { target: ms(50), estimator: Estimator::LeastSquares };
    let mut proxy = Proxy::busy(&with(|settings| settings.leaves = Leaves::Adaptive(adaptive)), 2..=5);
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,3,4,5]"]);
    assert_eq!(proxy.count(Event::Left(Trigger::Returned, 4)), 1);
}

#[test]
fn of_more_requests_than_a_doubted_server_gets_the_rest_waits() {
    for (waiting, trigger) in [(8, Trigger::Returned), (9, Trigger::Adaptive), (10, Trigger::Adaptive)] {
        let mut proxy = Proxy::of(&with(|settings| settings.max_in_flight = 1));
        strikes(&mut proxy, 1);
        assert_eq!(proxy.asks(100, "1"), Arrival::Alone);
        (0..waiting).for_each(|number| assert_eq!(proxy.asks(101 + number, "1"), Arrival::Waits));
        proxy.returns(100);
        assert_eq!(proxy.calls(), ["[1,1,1,1,1,1,1,1]"]);
        assert_eq!(proxy.count(Event::Left(trigger, 8)), 1, "{waiting}");
    }
}

#[test]
fn those_who_waited_for_one_that_stands_still_leave_though_nothing_has_returned() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_in_flight = 1), [2, 3]);
    proxy.passes(ms(1_000));
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.count(Event::Left(Trigger::Idle, 2)), 1);
}

#[test]
fn one_that_leaves_by_itself_does_not_try_whether_batches_are_taken() {
    let mut proxy = Proxy::of(&items());
    strikes(&mut proxy, 3);
    proxy.outside.now = proxy.outside.now.plus(ms(1_000));
    assert_eq!((proxy.asks(31, "1"), proxy.asks(32, "1")), (Arrival::Alone, Arrival::Waits));
    assert_eq!(proxy.returns(31), resumed([32]));
    assert_eq!((proxy.asks(33, "1"), proxy.asks(34, "1")), (Arrival::Waits, Arrival::Waits));
    proxy.returns(32);
    assert_eq!(proxy.calls(), ["[1,1]"], "these two do");
}

#[test]
fn a_full_batch_that_may_not_leave_is_no_work() {
    let mut proxy =
        Proxy::busy(&with(|settings| (settings.max_items, settings.max_in_flight) = (2, 1)), [2, 3]);
    assert!(!proxy.workers[0].has_work());
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,3]"]);
}

#[test]
fn who_has_just_the_shortest_time_may_wait() {
    for (millis, waits) in [(10, true), (9, false)] {
        let mut proxy = Proxy::of(&with(|settings| {
            (settings.short, settings.leaves) = (Short::Refuse, Leaves::FixedDelay);
        }));
        assert_eq!(proxy.arrives(0, 1, within(millis), "1") == Arrival::Waits, waits, "{millis} ms");
    }
}

/// A batch of one takes 100 ms, and one of two 200. One is under way since a moment ago.
fn known() -> Proxy {
    let mut proxy = Proxy::of(&with(|settings| settings.max_in_flight = 1));
    for _ in 0..5 {
        assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
        proxy.outside.now = proxy.outside.now.plus(ms(100));
        proxy.returns(1);
        proxy.outside.now = proxy.outside.now.plus(ms(1_000));
    }
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    proxy
}

/// When the one under way has returned after 100 ms: who is let go, and the calls that were made, of two with so much time.
fn leave_with(first: u64, second: u64) -> (Vec<Done>, Vec<String>) {
    let mut proxy = known();
    assert_eq!(proxy.arrives(0, 2, within(first), "2"), Arrival::Waits);
    assert_eq!(proxy.arrives(0, 3, within(second), "3"), Arrival::Waits);
    proxy.outside.now = proxy.outside.now.plus(ms(100));
    let done = proxy.returns(1);
    (done, proxy.calls().into_iter().map(str::to_owned).collect())
}

#[test]
fn who_has_just_as_much_time_as_a_batch_takes_is_in_it() {
    let batch = || (Vec::new(), vec!["[2,3]".to_owned()]);
    assert_eq!(leave_with(300, 9_000), batch());
    assert_eq!(leave_with(299, 9_000).1, [""; 0], "the second goes by itself when the first has returned");
    assert_eq!(leave_with(290, 300), (resumed([2]), Vec::new()), "the second has time enough");
    assert_eq!(leave_with(290, 299), batch(), "both have too little, and nobody is cut short");
}

#[test]
fn all_that_are_known_are_counted_wherever_they_are() {
    let mut proxy = Proxy::with(2, &settings());
    assert!(proxy.workers[0].is_reachable() && proxy.workers[0].is_empty());
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    assert_eq!(proxy.asks(2, "2"), Arrival::Waits);
    assert_eq!(proxy.arrives(1, 3, post(), "3"), Arrival::Waits);
    proxy.talk();
    assert_eq!((proxy.workers[0].len(), proxy.workers[1].len()), (3, 1));
    assert!(!proxy.workers[0].is_empty() && !proxy.workers[1].is_empty());
    guests(&mut proxy, [5]);
    assert_eq!((proxy.workers[0].len(), proxy.workers[1].len()), (4, 2));
    let alone = switchyard_core::batch::gather::Gatherer::<PlainRequest>::default();
    assert!(!alone.is_reachable());
}

#[test]
fn one_that_goes_alone_meanwhile_does_not_send_off_those_who_wait_for_a_crowd() {
    let mut proxy = super::crowds::crowd();
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    assert_eq!(proxy.arrives(0, 9, within(15), "9"), Arrival::Alone);
    proxy.outside.now = proxy.outside.now.plus(ms(8));
    assert_eq!(proxy.returns(9), [], "it may be back soon");
    assert_eq!(proxy.passes(ms(2)), resumed([1]));
}

#[test]
fn where_batches_leave_by_time_alone_nobody_is_looked_at_sooner_for_a_crowd() {
    let mut proxy = Proxy::of(&with(|settings| settings.leaves = Leaves::FixedDelay));
    for _ in 0..6 {
        (1..=4).for_each(|stream| assert_eq!(proxy.asks(stream, "1"), Arrival::Waits));
        assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), Some(ms(20)));
        proxy.passes(ms(20));
        proxy.outside.now = proxy.outside.now.plus(ms(20));
        assert_eq!(proxy.answer_items(), [1, 2, 3, 4].map(|stream| replied(stream, "1")));
    }
}

/// How many alarms are kept after so many keys have waited, so many of them have left, and one more has come; and the worker.
fn alarms(keys: u32, leave: u32) -> (usize, Proxy) {
    let mut settings = items();
    (settings.leaves, settings.max_delay) = (Leaves::FixedDelay, ms(10_000));
    let mut proxy = Proxy::of(&settings);
    let comes = |proxy: &mut Proxy, stream: u32| {
        let head = post().with("authorization", stream.to_string());
        assert_eq!(proxy.arrives(0, stream, head, "1"), Arrival::Waits);
    };
    (1..=keys).for_each(|stream| comes(&mut proxy, stream));
    (1..=leave).for_each(|stream| proxy.leaves(0, stream));
    comes(&mut proxy, keys + 1);
    (format!("{:?}", proxy.workers[0]).matches("Reverse(").count(), proxy)
}

#[test]
fn alarms_are_looked_through_when_there_are_more_than_twice_as_many_as_queues_and_a_few() {
    let (kept, _) = alarms(101, 83);
    assert_eq!(kept, 102, "twice nineteen and 64");
    let (kept, mut proxy) = alarms(101, 84);
    assert_eq!(kept, 18, "those that count");
    assert_eq!(proxy.passes(ms(10_000)).len(), 18, "and they do");
}
