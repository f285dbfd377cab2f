//! Requests with little time.

use crate::batch_gather::world::{Done, Proxy, items, ms, post, replied, resumed, with};
use core::time::Duration;
use switchyard_core::batch::gather::{Arrival, End, Event, Failure, Trigger};
use switchyard_core::batch::{Adaptive, Broken, Estimator, Leaves, OnFailure, Short};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn within(millis: u64) -> PlainRequest {
    post().with("grpc-timeout", format!("{millis}m"))
}

/// One for which it is known that a batch takes 100 ms.
fn slow(change: impl FnOnce(&mut switchyard_core::batch::Settings)) -> Proxy {
    let mut proxy = Proxy::of(&with(change));
    for _ in 0..5 {
        assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
        proxy.outside.now = proxy.outside.now.plus(ms(100));
        proxy.returns(1);
    }
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    proxy
}

/// How long it is until something happens to those who wait.
fn waits(proxy: &mut Proxy) -> Duration {
    let begin = proxy.outside.now;
    while proxy.outside.calls.is_empty() && proxy.outside.done.is_empty() {
        let wait = proxy.workers[0].next_tick(proxy.outside.now).expect("a tick");
        let done = proxy.passes(wait);
        proxy.outside.done = done;
    }
    proxy.outside.now.since(begin)
}

fn late(stream: u32, done: &[Done]) -> bool {
    done.iter().any(|done| matches!(done, Done::Replied(other, 504, _) if *other == stream))
}

#[test]
fn a_call_has_as_much_time_as_the_request_that_has_least() {
    let mut proxy = Proxy::busy(&items(), [2]);
    assert_eq!(proxy.arrives(0, 3, within(3_000), "3"), Arrival::Waits);
    proxy.passes(ms(20));
    assert_eq!(proxy.outside.calls[0].left, ms(2_980));
}

#[test]
fn a_request_that_a_batch_would_take_too_long_for_goes_alone() {
    let mut proxy = slow(|_| {});
    assert_eq!(proxy.arrives(0, 2, within(125), "2"), Arrival::Alone);
    assert_eq!(proxy.count(Event::Left(Trigger::Short, 1)), 1);
    assert_eq!(proxy.arrives(0, 3, within(1_000), "3"), Arrival::Waits);
    proxy.returns(2);
    assert_eq!(proxy.calls(), [""; 0], "the first is under way still");
    assert_eq!(proxy.returns(1), resumed([3]));
}

#[test]
fn or_is_refused_at_once_and_leaves_nothing_behind() {
    let mut proxy = slow(|settings| settings.short = Short::Refuse);
    let Arrival::Refused(reply) = proxy.arrives(0, 2, within(125), "2") else { panic!("not refused") };
    assert_eq!(reply.status, 504);
    assert_eq!(proxy.count(Event::Ended(End::Refused)), 1);
    proxy.returns(1);
    proxy.is_quiet();
    let mut proxy = Proxy::of(&with(|settings| {
        (settings.short, settings.leaves) = (Short::Refuse, Leaves::FixedDelay);
    }));
    assert!(matches!(proxy.arrives(0, 1, within(5), "1"), Arrival::Refused(_)));
    proxy.is_quiet();
}

#[test]
fn a_batch_leaves_before_it_is_too_late_for_one_of_its_requests() {
    let mut proxy = slow(|settings| settings.max_delay = ms(1_000));
    assert_eq!(proxy.arrives(0, 2, within(400), "2"), Arrival::Waits);
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits);
    let wait = waits(&mut proxy);
    assert!(wait < ms(291) && wait > ms(150), "{wait:?}");
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.count(Event::Left(Trigger::Deadline, 2)), 1);
}

#[test]
fn the_more_wait_with_it_the_sooner() {
    let alone = waits(&mut quick(&Leaves::WhileBusy, 500, 0));
    let together = waits(&mut quick(&Leaves::WhileBusy, 500, 10));
    let sooner = alone.saturating_sub(together);
    assert!(sooner > ms(40) && sooner < ms(60), "ten items more: {sooner:?}");
}

/// Everything that is under way is answered, and takes five milliseconds for an item.
fn serves(proxy: &mut Proxy, mut lone: Vec<u32>) {
    loop {
        let done = if let Some(stream) = lone.pop() {
            proxy.outside.now = proxy.outside.now.plus(ms(5));
            proxy.returns(stream)
        } else if let Some(call) = proxy.outside.calls.first() {
            let items = u32::try_from(call.body.split(',').count()).expect("few");
            proxy.outside.now = proxy.outside.now.plus(ms(5) * items);
            proxy.answer_items()
        } else {
            return;
        };
        lone.extend(done.iter().filter_map(|done| match done {
            Done::Resumed(stream) => Some(*stream),
            Done::Replied(..) => None,
        }));
    }
}

/// One for which it is known that an item takes five milliseconds, and in which one waits with so little time, and others with
/// much.
fn quick(leaves: &Leaves, millis: u64, others: u32) -> Proxy {
    let mut proxy = Proxy::of(&with(|settings| {
        (settings.max_delay, settings.max_items) = (ms(10_000), 20);
        settings.leaves = leaves.clone();
    }));
    for stream in 1..=6_u32 {
        let first = stream * 100;
        proxy.asks(first, "1");
        (1..=3 * stream).for_each(|number| assert_eq!(proxy.asks(first + number, "1"), Arrival::Waits));
        serves(&mut proxy, vec![first]);
        // The next who come are none of these, who came back.
        proxy.outside.now = proxy.outside.now.plus(ms(1_000));
    }
    proxy.asks(1, "1");
    assert_eq!(proxy.arrives(0, 2, within(millis), "2"), Arrival::Waits);
    (3..3 + others).for_each(|stream| assert_eq!(proxy.asks(stream, "1"), Arrival::Waits));
    proxy
}

#[test]
fn only_what_is_in_the_next_batch_makes_it_leave_sooner() {
    let adaptive = Adaptive { target: ms(50), estimator: Estimator::LeastSquares };
    let wait = waits(&mut quick(&Leaves::Adaptive(adaptive), 180, 11));
    assert!(wait > ms(140) && wait < ms(150), "five in 25 ms, and ten to spare: {wait:?}");
}

#[test]
fn who_waits_in_vain_gets_504_when_no_call_can_be_made_in_time() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_in_flight = 1), []);
    assert_eq!(proxy.arrives(0, 2, within(300), "2"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(289)), []);
    let wait = proxy.workers[0].next_tick(proxy.outside.now);
    assert_eq!(wait, Some(ms(1)), "ten milliseconds are too few for a call");
    assert!(late(2, &proxy.passes(ms(1))));
    assert_eq!(proxy.count(Event::Ended(End::TimedOut)), 1);
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn a_call_that_is_given_up_is_a_timeout_even_if_the_host_is_a_little_early() {
    for early in [Duration::ZERO, ms(1)] {
        let mut proxy = Proxy::busy(&with(|settings| settings.is_repeatable = false), []);
        assert_eq!(proxy.arrives(0, 2, within(200), "2"), Arrival::Waits);
        assert_eq!(proxy.arrives(0, 3, within(200), "3"), Arrival::Waits);
        proxy.returns(1);
        proxy.outside.now = proxy.outside.now.plus(ms(200) - early);
        let done = proxy.answer_call(None);
        assert!(late(2, &done) && late(3, &done), "{done:?}");
        assert_eq!(proxy.count(Event::Failed(Failure::Timeout)), 1);
        proxy.is_quiet();
    }
}

#[test]
fn a_call_that_nobody_ends_is_given_up_soon_after_its_time() {
    let mut proxy = Proxy::busy(&items(), []);
    proxy.arrives(0, 2, within(200), "2");
    proxy.arrives(0, 3, within(10_000), "3");
    proxy.returns(1);
    let call = proxy.outside.calls[0].id;
    assert_eq!(proxy.passes(ms(600)), []);
    let done = proxy.passes(ms(100));
    assert!(late(2, &done) && done.contains(&Done::Resumed(3)), "{done:?}");
    let answer = (crate::batch_gather::world::head(200), b"[2,3]".as_slice());
    proxy.workers[0].answered(&mut proxy.outside, call, Some((&answer.0, answer.1.to_vec())));
    assert_eq!(proxy.done(), [], "what comes after that is nobody's");
    proxy.returns(3);
    proxy.is_quiet();
}

#[test]
fn a_lone_request_keeps_others_back_no_longer_than_its_time() {
    let mut proxy = Proxy::of(&with(|settings| settings.max_in_flight = 1));
    assert_eq!(proxy.arrives(0, 1, within(1_000), "1"), Arrival::Alone);
    assert_eq!(proxy.asks(2, "2"), Arrival::Waits);
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(1_490)), []);
    proxy.passes(ms(10));
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert!(!proxy.workers[0].is_alone(1));
    assert_eq!(proxy.returns(1), [], "its end changes nothing any more");
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(3, "3")]);
    proxy.is_quiet();
}

#[test]
fn no_call_is_made_with_less_than_the_shortest_time() {
    let mut proxy = Proxy::busy(&items(), []);
    proxy.arrives(0, 2, within(200), "2");
    proxy.arrives(0, 3, within(200), "3");
    proxy.returns(1);
    proxy.outside.now = proxy.outside.now.plus(ms(192));
    let body = "not an answer";
    let done = proxy.answer_call(Some((crate::batch_gather::world::head(200), body)));
    assert!(matches!(&done[0], Done::Replied(2, 502, _)), "{done:?}");
    assert!(proxy.outside.calls.is_empty());
    proxy.is_quiet();
}

#[test]
fn who_goes_on_after_a_wait_has_the_time_that_is_left() {
    let mut proxy = Proxy::busy(&items(), []);
    proxy.arrives(0, 2, within(3_000), "2");
    assert_eq!(proxy.passes(ms(20)), resumed([2]));
    assert_eq!(proxy.outside.left[&2], ms(2_980));
}

#[test]
fn an_answer_of_the_host_that_time_is_over_is_a_timeout_and_any_other_504_is_the_upstreams() {
    for (after, failure) in
        [(200, Failure::Timeout), (191, Failure::Timeout), (180, Failure::Broken(Broken::Status(504)))]
    {
        let mut proxy = Proxy::busy(&with(|settings| settings.on_failure = OnFailure::Fail), []);
        proxy.arrives(0, 2, within(200), "2");
        proxy.arrives(0, 3, within(200), "3");
        proxy.returns(1);
        proxy.outside.now = proxy.outside.now.plus(ms(after));
        proxy.answer_call(Some((crate::batch_gather::world::head(504), "upstream request timeout")));
        assert_eq!(proxy.count(Event::Failed(failure)), 1, "after {after} ms");
    }
}

#[test]
fn who_has_waited_too_long_for_a_batch_does_not_cut_it_short_for_the_others() {
    for short in [Short::Alone, Short::Refuse] {
        let mut proxy = slow(|settings| {
            (settings.max_in_flight, settings.max_delay, settings.short) = (1, ms(10_000), short);
        });
        assert_eq!(proxy.arrives(0, 3, within(9_000), "3"), Arrival::Waits);
        assert_eq!(proxy.arrives(0, 4, within(9_000), "4"), Arrival::Waits);
        assert_eq!(proxy.arrives(0, 5, within(230), "5"), Arrival::Waits);
        assert_eq!(proxy.passes(ms(140)), []);
        let ended = proxy.returns(1);
        if short == Short::Alone {
            assert_eq!(ended, resumed([5]), "{:?}", proxy.outside.events);
            proxy.returns(5);
        } else {
            assert!(ended.len() == 1 && late(5, &ended), "{ended:?}");
        }
        assert_eq!(proxy.outside.calls.len(), 1);
        assert_eq!(proxy.outside.calls[0].left, ms(8_860), "what the others have");
    }
}

#[test]
fn those_whose_time_is_over_do_not_hurry_the_others() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_in_flight = 1), []);
    proxy.arrives(0, 2, within(300), "2");
    proxy.asks(3, "3");
    assert!(late(2, &proxy.passes(ms(290))));
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), Some(ms(100)), "nothing is due");
    assert_eq!(proxy.returns(1), resumed([3]));
}

#[test]
fn while_nothing_is_known_of_calls_a_batch_leaves_before_the_time_of_its_requests_is_over() {
    let mut proxy = Proxy::of(&with(|settings| settings.max_delay = ms(10_000)));
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    assert_eq!(proxy.arrives(0, 2, within(500), "2"), Arrival::Waits);
    assert_eq!(proxy.arrives(0, 3, within(900), "3"), Arrival::Waits);
    assert_eq!(waits(&mut proxy), ms(480));
    assert_eq!(proxy.count(Event::Left(Trigger::Deadline, 2)), 1);
    assert_eq!(proxy.outside.calls[0].left, ms(20));
}
