//! Batches that fail as a whole.

use crate::batch_gather::world::{Done, Proxy, head, items, ms, post, resumed, with};
use switchyard_core::batch::gather::{Arrival, End, Event, Failure, Repeat, Trigger};
use switchyard_core::batch::{JsonRpc, OnFailure, Protocol, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn statuses(done: &[Done]) -> Vec<u16> {
    let status = |done: &Done| match done {
        Done::Replied(_, status, _) => *status,
        Done::Resumed(_) => 0,
    };
    done.iter().map(status).collect()
}

#[test]
fn bisection_finds_one_bad_request_among_many_and_all_others_are_answered() {
    for bad in 2..=33 {
        let mut proxy = Proxy::busy(&items(), 2..=33);
        proxy.returns(1);
        let (mut answered, mut calls) = (Vec::new(), 0);
        while let Some(call) = proxy.outside.calls.first() {
            let numbers: Vec<u32> = serde_json::from_str(&call.body).expect("an array");
            calls += 1;
            answered.extend(match numbers.contains(&bad) {
                true => proxy.answer_call(Some((head(500), "no"))),
                false => proxy.answer_items(),
            });
        }
        let alone: Vec<_> = answered.iter().filter(|done| matches!(done, Done::Resumed(_))).collect();
        assert!(alone.contains(&&Done::Resumed(bad)) && alone.len() == 2, "it and its neighbour: {alone:?}");
        assert_eq!(answered.len(), 32);
        // 32 and 16, 8, 4, 2 twice each; the two single ones are no calls.
        assert_eq!(calls, 9);
        alone.iter().for_each(|done| {
            if let Done::Resumed(stream) = **done {
                proxy.workers[0].returned(&mut proxy.outside, stream, true);
            }
        });
        proxy.is_quiet();
    }
}

#[test]
fn a_call_that_cannot_be_made_is_a_failure_by_the_same_rules() {
    let mut proxy = Proxy::busy(&items(), 2..=5);
    proxy.outside.is_unreachable = true;
    let done = proxy.returns(1);
    assert_eq!(done, resumed(2..=5), "each goes alone, in the same turn");
    assert!(!proxy.workers[0].has_work());
    assert_eq!(proxy.count(Event::Failed(Failure::Call)), 1, "halves could not be made either");
    proxy.outside.is_unreachable = false;
    (2..=5).for_each(|stream| drop(proxy.returns(stream)));
    proxy.is_quiet();
}

#[test]
fn each_goes_alone_if_that_is_what_the_operator_said() {
    let mut proxy = Proxy::busy(&with(|settings| settings.on_failure = OnFailure::Singly), 2..=5);
    proxy.returns(1);
    assert_eq!(proxy.answer_call(None), resumed(2..=5));
    assert_eq!(proxy.count(Event::Failed(Failure::Reset)), 1);
    assert_eq!(proxy.count(Event::Repeated(Repeat::Alone)), 4);
    assert_eq!(proxy.count(Event::Left(Trigger::Repeat, 1)), 4);
}

/// Calls that may not be made twice.
fn calls(streams: impl IntoIterator<Item = u32>) -> Proxy {
    let mut proxy = Proxy::of(&Settings::new(Protocol::JsonRpc(JsonRpc::default())));
    for stream in streams {
        proxy.asks(stream, &format!(r#"{{"jsonrpc":"2.0","id":{stream},"method":"put"}}"#));
    }
    proxy.returns(1);
    proxy
}

const UNREACHED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

fn unreached() -> PlainRequest {
    head(503).with("content-type", "text/plain")
}

#[test]
fn what_reached_nobody_goes_once_more_as_it_is_and_then_alone_whatever_it_does() {
    let mut proxy = calls(1..=4);
    let batch = proxy.calls()[0].to_owned();
    assert_eq!(proxy.answer_call(Some((unreached(), UNREACHED))), []);
    assert_eq!(proxy.calls(), [batch]);
    assert_eq!(proxy.count(Event::Repeated(Repeat::Whole)), 1);
    assert_eq!(proxy.answer_call(Some((unreached(), UNREACHED))), resumed(2..=4));
    (2..=4).for_each(|stream| drop(proxy.returns(stream)));
    proxy.is_quiet();
    let mut proxy = calls(1..=4);
    let broken_off = UNREACHED.replace("remote connection failure", "connection termination");
    assert_eq!(
        statuses(&proxy.answer_call(Some((unreached(), &broken_off)))),
        [502; 3],
        "it may have been seen"
    );
    let mut proxy = calls(1..=4);
    let other = unreached().with("server", "envoy").with("date", "now");
    assert_eq!(
        statuses(&proxy.answer_call(Some((other, UNREACHED)))),
        [502; 3],
        "another Envoy's word for itself"
    );
}

#[test]
fn what_is_too_large_is_halved_and_larger_ones_are_not_sent_until_that_is_forgotten() {
    let mut settings = items();
    (settings.budget.ratio_ppm, settings.budget.min_per_second) = (0, 0);
    let mut proxy = Proxy::busy(&settings, 2..=13);
    proxy.returns(1);
    assert_eq!(proxy.answer_call(Some((head(413), "too large"))), []);
    assert_eq!(proxy.calls(), ["[2,3,4,5,6,7]", "[8,9,10,11,12,13]"], "without a budget, too");
    assert_eq!(proxy.answer_items().len() + proxy.answer_items().len(), 12);
    let sizes = |proxy: &mut Proxy| {
        (20..=33).for_each(|stream| drop(proxy.asks(stream, &stream.to_string())));
        proxy.returns(20);
        let mut sizes = Vec::new();
        while let Some(call) = proxy.outside.calls.first() {
            sizes.push(call.body.split(',').count());
            proxy.answer_items();
        }
        proxy.returns(33);
        sizes
    };
    assert_eq!(sizes(&mut proxy), [6, 6]);
    proxy.outside.now = proxy.outside.now.plus(ms(61_000));
    assert_eq!(sizes(&mut proxy), [13]);
    proxy.is_quiet();
}

#[test]
fn what_was_left_undone_goes_again_though_it_may_not_be_made_twice() {
    let mut proxy = calls(1..=5);
    let answer = r#"[{"id":1,"result":1},{"id":2,"result":2},{"id":3,"error":{"code":-32003,"message":"response too large"}},{"id":4,"error":{"code":-32003,"message":"response too large"}}]"#;
    assert_eq!(statuses(&proxy.answer_call(Some((head(200), answer)))), [200, 200, 0, 0]);
    [4, 5].iter().for_each(|stream| drop(proxy.returns(*stream)));
    proxy.is_quiet();
    for stream in 6..=9 {
        proxy.asks(stream, &format!(r#"{{"jsonrpc":"2.0","id":{stream},"method":"put"}}"#));
    }
    proxy.returns(6);
    assert_eq!(proxy.calls()[0].matches("put").count(), 2, "four were too many");
}

#[test]
fn a_notification_sees_the_failure_of_its_batch() {
    let mut proxy = calls(1..=2);
    let tells = r#"{"jsonrpc":"2.0","method":"put"}"#;
    [3, 4].iter().for_each(|stream| drop(proxy.asks(*stream, tells)));
    proxy.returns(2);
    let done = proxy.answer_call(Some((head(500), "no")));
    assert_eq!(statuses(&done), [500, 500]);
}

#[test]
fn a_notification_whose_batch_is_sent_elsewhere_sees_that_it_went_wrong() {
    for (status, seen) in [(302, 502), (399, 502), (400, 400)] {
        let mut proxy = calls(1..=2);
        let tells = r#"{"jsonrpc":"2.0","method":"put"}"#;
        [3, 4].iter().for_each(|stream| drop(proxy.asks(*stream, tells)));
        proxy.returns(2);
        assert_eq!(statuses(&proxy.answer_call(Some((head(status), "no")))), [seen; 2], "{status}");
    }
}

#[test]
fn where_nobody_may_go_again_nothing_is_sent_again() {
    let settings = with(|settings| settings.on_failure = OnFailure::Fail);
    let mut proxy = Proxy::busy(&settings, 2..=5);
    proxy.returns(1);
    assert_eq!(statuses(&proxy.answer_call(Some((unreached(), UNREACHED)))), [502; 4]);
    assert_eq!(
        (proxy.count(Event::Failed(Failure::Unreached)), proxy.count(Event::Failed(Failure::Call))),
        (1, 0)
    );
    assert_eq!(proxy.count(Event::Left(Trigger::Repeat, 0)), 0);
    proxy.is_quiet();
}

#[test]
fn what_the_upstream_wrote_of_its_caller_goes_to_all_as_it_is() {
    let error = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let answer = || head(429).with("retry-after", "3").with("x-ratelimit-reset-requests", "1s");
    let mut proxy = Proxy::busy(&items(), 2..=5);
    proxy.returns(1);
    let done = proxy.answer_call(Some((answer(), error)));
    let all: Vec<_> = (2..=5).map(|stream| Done::Replied(stream, 429, error.to_owned())).collect();
    assert_eq!(done, all);
    assert_eq!(
        (proxy.header(5, "retry-after"), proxy.header(5, "x-ratelimit-reset-requests")),
        (Some("3"), Some("1s"))
    );
    assert_eq!(proxy.header(5, "content-type"), Some("application/json"));
    proxy.is_quiet();
    let mut proxy = Proxy::busy(&with(|settings| settings.key.mixes_principals = true), 2..=5);
    proxy.returns(1);
    let Done::Replied(2, 429, body) = &proxy.answer_call(Some((answer(), error)))[0] else {
        panic!("no answer")
    };
    assert!(!body.contains("quota"), "that was said to the first: {body}");
}

/// A batch of three that the server cannot be asked for, and what becomes of its requests.
fn unsplit(proxy: &mut Proxy, streams: core::ops::Range<u32>) -> Vec<Done> {
    for stream in streams.clone() {
        proxy.asks(stream, "1");
    }
    let mut done = proxy.returns(streams.start);
    while let Some(call) = proxy.outside.calls.first() {
        assert!(call.body.starts_with('['));
        done.extend(proxy.answer_call(Some((head(200), "[]"))));
    }
    streams.skip(1).for_each(|stream| drop(proxy.returns(stream)));
    done
}

#[test]
fn a_server_that_takes_no_batches_is_sent_none_but_by_two_who_try_now_and_then() {
    let mut proxy = Proxy::of(&items());
    for batch in 0..3 {
        let first = 10 * batch + 1;
        assert_eq!(unsplit(&mut proxy, first..first + 3), resumed(first + 1..first + 3));
    }
    assert_eq!(proxy.outside.made, 3);
    for delay in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
        assert_eq!(proxy.asks(101, "1"), Arrival::Alone);
        assert_eq!(proxy.asks(102, "1"), Arrival::Alone, "though one is under way");
        [101, 102].iter().for_each(|stream| drop(proxy.returns(*stream)));
        let made = proxy.outside.made;
        proxy.outside.now = proxy.outside.now.plus(ms(1_000 * delay - 1));
        assert_eq!(proxy.asks(103, "1"), Arrival::Alone);
        assert_eq!(proxy.asks(104, "1"), Arrival::Alone);
        proxy.outside.now = proxy.outside.now.plus(ms(1));
        let all: Vec<_> = (105..=108).map(|stream| proxy.asks(stream, "1")).collect();
        assert_eq!(all, [Arrival::Waits, Arrival::Waits, Arrival::Waits, Arrival::Waits]);
        [103, 104].iter().for_each(|stream| drop(proxy.returns(*stream)));
        assert_eq!((proxy.outside.made, proxy.calls()), (made + 1, vec!["[1,1]"]), "after {delay} s");
        proxy.answer_call(Some((head(200), "[]")));
        (105..=108).for_each(|stream| drop(proxy.returns(stream)));
        proxy.is_quiet();
    }
}

#[test]
fn a_server_that_takes_batches_again_gets_them_again() {
    let mut proxy = Proxy::of(&items());
    for first in [1, 11, 21] {
        unsplit(&mut proxy, first..first + 3);
    }
    proxy.outside.now = proxy.outside.now.plus(ms(1_000));
    (31..=34).for_each(|stream| drop(proxy.asks(stream, "1")));
    assert_eq!(proxy.returns(31), resumed([34]), "two try it, and the others do not wait for that");
    assert_eq!(proxy.answer_items().len(), 2);
    proxy.returns(34);
    (41..=49).for_each(|stream| drop(proxy.asks(stream, "1")));
    proxy.returns(41);
    assert_eq!(proxy.answer_items().len(), 8);
    proxy.is_quiet();
}

#[test]
fn a_key_without_batches_takes_them_from_no_other() {
    let mut proxy = Proxy::of(&items());
    for first in [1, 11, 21] {
        unsplit(&mut proxy, first..first + 3);
    }
    assert_eq!((proxy.asks(31, "1"), proxy.asks(32, "1")), (Arrival::Alone, Arrival::Alone));
    let other = || post().with("authorization", "somebody else");
    assert_eq!(proxy.arrives(0, 41, other(), "41"), Arrival::Alone);
    for stream in 42..=52 {
        assert_eq!(proxy.arrives(0, stream, other(), &stream.to_string()), Arrival::Waits);
    }
    proxy.returns(41);
    assert_eq!(proxy.answer_items().len(), 11, "all in one call");
    [31, 32].iter().for_each(|stream| drop(proxy.returns(*stream)));
    proxy.is_quiet();
}

#[test]
fn nobody_pays_twice_for_a_server_that_takes_no_batches() {
    // Without any budget each is asked for by itself once it is known that batches are at fault.
    let mut settings = items();
    (settings.budget.ratio_ppm, settings.budget.min_per_second) = (0, 0);
    let mut proxy = Proxy::of(&settings);
    let mut sizes = Vec::new();
    for first in [1, 101, 201, 301] {
        (first..first + 64).for_each(|stream| drop(proxy.asks(stream, "1")));
        proxy.returns(first);
        while let Some(call) = proxy.outside.calls.first() {
            sizes.push(call.body.split(',').count());
            proxy.answer_call(Some((head(200), "[]")));
        }
        (first + 1..first + 64).for_each(|stream| drop(proxy.returns(stream)));
    }
    assert_eq!(sizes[0], 63);
    assert!(sizes[1..].iter().all(|size| *size <= 8) && sizes.len() <= 8, "{sizes:?}");
    let failed = proxy.count(Event::Ended(End::Failed));
    assert!(failed <= 63 + 5 * 8, "{failed} of 252");
    proxy.is_quiet();
}

#[test]
fn or_everybody_gets_the_failure() {
    let mut proxy = Proxy::busy(&with(|settings| settings.on_failure = OnFailure::Fail), 2..=5);
    proxy.returns(1);
    assert_eq!(statuses(&proxy.answer_call(None)), [502; 4]);
    proxy.is_quiet();
}

#[test]
fn what_may_not_be_made_twice_is_not_and_its_client_is_told_in_its_protocol() {
    let mut settings =
        Settings::new(Protocol::JsonRpc(JsonRpc { repeatable: vec!["get".into()], ..JsonRpc::default() }));
    settings.is_repeatable = false;
    let mut proxy = Proxy::of(&settings);
    for (stream, method) in [(1, "get"), (2, "put"), (3, "get"), (4, "put"), (5, "get")] {
        proxy.asks(stream, &format!(r#"{{"jsonrpc":"2.0","id":{stream},"method":"{method}"}}"#));
    }
    proxy.returns(1);
    let done = proxy.answer_call(Some((head(503).with("retry-after", "3"), "busy")));
    assert_eq!(statuses(&done[..2]), [502, 502]);
    let Done::Replied(2, _, body) = &done[0] else { panic!("{done:?}") };
    assert!(body.contains(r#""error""#) && body.contains(r#""id":2"#), "{body}");
    assert_eq!(proxy.header(2, "retry-after"), Some("3"));
    assert_eq!(done[2..], resumed([3, 5]), "the others go again, and these two alone");
}

#[test]
fn the_operator_may_say_that_everything_may_be_made_twice() {
    let mut settings = Settings::new(Protocol::JsonArray(Default::default()));
    settings.is_repeatable = true;
    let mut proxy = Proxy::busy(&settings, [2, 3]);
    proxy.returns(1);
    assert_eq!(proxy.answer_call(None), resumed([2, 3]));
}

#[test]
fn a_status_that_says_something_of_all_is_for_all_and_nothing_is_asked_again() {
    for status in [401, 403, 404, 405, 407, 429] {
        let mut proxy = Proxy::busy(&items(), 2..=5);
        proxy.returns(1);
        let done = proxy.answer_call(Some((head(status).with("www-authenticate", "Basic"), "no")));
        assert_eq!(statuses(&done), [status; 4]);
        assert_eq!(proxy.header(5, "www-authenticate"), Some("Basic"));
        proxy.is_quiet();
    }
    let mut proxy = Proxy::busy(&items(), 2..=5);
    proxy.returns(1);
    proxy.answer_call(Some((head(400), "no")));
    assert_eq!(proxy.outside.calls.len(), 2, "one bad request may make a 400 of all");
}

#[test]
fn without_budget_nothing_is_made_again_and_the_failure_is_told_with_its_headers() {
    let mut settings = items();
    (settings.budget.ratio_ppm, settings.budget.min_per_second) = (0, 0);
    let mut proxy = Proxy::busy(&settings, 2..=5);
    proxy.returns(1);
    let done = proxy.answer_call(Some((head(503).with("retry-after", "3"), "busy")));
    assert_eq!(statuses(&done), [502; 4]);
    assert_eq!(proxy.header(4, "retry-after"), Some("3"));
    assert_eq!(proxy.count(Event::Repeated(Repeat::Denied)), 2);
    proxy.is_quiet();
}

#[test]
fn as_many_repeats_are_under_way_as_may_be_and_each_gives_its_place_back() {
    let mut settings = items();
    settings.budget.max_concurrent = 2;
    let mut proxy = Proxy::busy(&settings, 2..=9);
    proxy.returns(1);
    assert_eq!(proxy.answer_call(None), []);
    assert_eq!(proxy.calls(), ["[2,3,4,5]", "[6,7,8,9]"]);
    let done = proxy.answer_call(None);
    assert_eq!(proxy.calls(), ["[6,7,8,9]", "[2,3]"], "one of the two halves has the place of the whole");
    assert_eq!(statuses(&done), [502, 502]);
    proxy.answer_items();
    assert_eq!(proxy.answer_items().len(), 2);
    proxy.is_quiet();
    for stream in [20, 21, 22] {
        proxy.asks(stream, "1");
    }
    proxy.returns(20);
    assert_eq!(proxy.answer_call(None), resumed([21, 22]), "both places are free again");
    proxy.returns(21);
    proxy.leaves(0, 22);
    for stream in [30, 31, 32] {
        proxy.asks(stream, "1");
    }
    proxy.returns(30);
    assert_eq!(proxy.answer_call(None), resumed([31, 32]), "those that went alone have given theirs back");
}

#[test]
fn those_that_time_out_are_told_so_and_who_has_time_left_is_asked_for_again() {
    let mut proxy = Proxy::busy(&items(), []);
    proxy.arrives(0, 2, post().with("grpc-timeout", "100m"), "2");
    proxy.asks(3, "3");
    proxy.asks(4, "4");
    proxy.returns(1);
    proxy.outside.now = proxy.outside.now.plus(ms(100));
    assert_eq!(statuses(&proxy.answer_call(None)), [504, 0, 0]);
    assert_eq!(proxy.count(Event::Ended(End::TimedOut)), 1);
}

#[test]
fn what_waits_does_not_wait_for_ever_for_batches_that_fail() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    proxy.asks(4, "4");
    proxy.asks(5, "5");
    assert_eq!(proxy.answer_call(None), resumed([2, 3]));
    assert!(proxy.outside.calls.is_empty());
    proxy.returns(2);
    proxy.returns(3);
    assert_eq!(proxy.calls(), ["[4,5]"]);
    proxy.answer_items();
    proxy.is_quiet();
}
