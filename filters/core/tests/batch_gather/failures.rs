//! Batches that fail as a whole.

use crate::world::{Done, Proxy, head, items, ms, post, resumed, with};
use switchyard_core::batch::gather::{End, Event, Failure, Repeat, Trigger};
use switchyard_core::batch::{JsonRpc, OnFailure, Protocol, Settings};
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
    assert_eq!(done, resumed(2..=5), "in the end each goes alone, in the same turn");
    assert!(!proxy.workers[0].has_work());
    assert_eq!(proxy.count(Event::Failed(Failure::Call)), 3);
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
