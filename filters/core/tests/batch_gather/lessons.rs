//! What failures say of a server, and what of an answer is for everybody.

use crate::batch_gather::proxy::{guests, settings as of_proxy};
use crate::batch_gather::world::{Done, Proxy, head, items, ms, post, replied, resumed, with};
use switchyard_core::batch::Broken;
use switchyard_core::batch::gather::{Arrival, Failure};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Whether there are batches after three that failed like this.
fn has_batches_after(answer: Option<(u16, &str)>) -> bool {
    let mut proxy = Proxy::of(&with(|settings| settings.is_repeatable = true));
    for batch in 0..3 {
        let streams = [1, 2, 3].map(|stream| 10 * batch + stream);
        streams.iter().for_each(|stream| drop(proxy.asks(*stream, "1")));
        proxy.returns(streams[0]);
        while !proxy.outside.calls.is_empty() {
            proxy.answer_call(answer.map(|(status, body)| (head(status), body)));
        }
        streams.iter().for_each(|stream| drop(proxy.returns(*stream)));
        proxy.is_quiet();
    }
    proxy.asks(91, "1");
    proxy.asks(92, "1") == Arrival::Waits
}

#[test]
fn only_failures_that_batches_are_to_blame_for_end_them() {
    for (answer, has) in [
        (None, true),
        (Some((200, "[]")), false),
        (Some((500, "")), false),
        (Some((401, "")), true),
        (Some((429, "")), true),
        (Some((408, "")), true),
        (Some((503, "")), true),
    ] {
        assert_eq!(has_batches_after(answer), has, "{answer:?}");
    }
}

#[test]
fn failures_have_names() {
    let all = [
        (Failure::Call, "call"),
        (Failure::Unreached, "unreached"),
        (Failure::Reset, "reset"),
        (Failure::Timeout, "timeout"),
        (Failure::Encoded, "encoded"),
        (Failure::Memory, "memory"),
        (Failure::Broken(Broken::Form), Broken::Form.name()),
    ];
    all.iter().for_each(|(failure, name)| assert_eq!(failure.name(), *name));
}

/// What two clients get when the server says this to their batch.
fn told(body: &str) -> Vec<Done> {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    proxy.answer_call(Some((head(401), body)))
}

#[test]
fn what_says_an_error_is_for_everybody_and_anything_else_for_nobody() {
    let prefix = "{\"error\":\"";
    let long = |bytes: usize| format!("{prefix}{}\"}}", "x".repeat(bytes - prefix.len() - 2));
    for body in ["{\"error\":1}", "{\"a\":1,\"title\":\"no\"}", "{\"detail\":[]}", &long(2_048)] {
        let both = [2, 3].map(|stream| Done::Replied(stream, 401, body.to_owned()));
        assert_eq!(told(body), both);
    }
    for body in ["{\"a\":1}", "{}", "{\"error\":null}", "[1,2]", &long(2_049)] {
        let done = told(body);
        assert!(done.len() == 2, "{done:?}");
        for done in done {
            assert!(matches!(&done, Done::Replied(_, 401, other) if other != body), "{done:?}");
        }
    }
}

fn within(millis: u64) -> PlainRequest {
    post().with("grpc-timeout", format!("{millis}m"))
}

#[test]
fn who_has_just_the_shortest_time_left_is_not_asked_for_again() {
    for (after, is_again) in [(190, false), (189, true)] {
        let mut proxy = Proxy::busy(&items(), []);
        [2, 3].iter().for_each(|stream| drop(proxy.arrives(0, *stream, within(200), "1")));
        proxy.returns(1);
        proxy.outside.now = proxy.outside.now.plus(ms(after));
        let done = proxy.answer_call(Some((head(200), "no answer")));
        assert_eq!(done == resumed([2, 3]), is_again, "after {after} ms: {done:?}");
    }
}

#[test]
fn one_that_is_under_way_here_needs_no_tick_and_one_elsewhere_does() {
    let mut proxy = Proxy::with(2, &of_proxy());
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), None);
    assert!(proxy.policies[0].held() > 0);
    guests(&mut proxy, [3]);
    proxy.returns(1);
    assert_eq!(proxy.talk(), resumed([3]));
    assert_eq!(proxy.passes(ms(20)), []);
    assert_eq!(proxy.workers[0].next_tick(proxy.outside.now), Some(ms(100)));
}

#[test]
fn the_end_of_a_long_reply_of_another_worker_is_to_be_told() {
    let mut proxy = Proxy::with(2, &of_proxy());
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    guests(&mut proxy, [3, 5]);
    proxy.returns(1);
    let (short, long) = (format!("\"{}\"", "x".repeat(4_093)), format!("\"{}\"", "x".repeat(4_094)));
    proxy.answer_call(Some((head(200), &format!("[{short},{long}]"))));
    assert_eq!(proxy.talk(), [replied(3, &short), replied(5, &long)]);
    assert_eq!([3, 5].map(|stream| proxy.workers[1].is_unread(stream)), [false, true]);
    proxy.leaves(1, 5);
    assert!(!proxy.workers[1].is_unread(5));
}
