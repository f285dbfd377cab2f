//! What is held, and what is not.

use crate::batch_gather::world::{Proxy, items, ms, post, replied, with};
use switchyard_core::batch::gather::{Arrival, Event, Pass};
use switchyard_core::batch::{JsonArray, Leaves, Protocol, Sends, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Clients that send lists.
fn lists() -> Settings {
    Settings::new(Protocol::JsonArray(JsonArray { sends: Sends::Items, ..JsonArray::default() }))
}

#[test]
fn as_many_are_held_as_may_be_and_others_pass() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_requests = 3), [2, 3]);
    assert_eq!(proxy.asks(4, "4"), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Requests)), 1);
    proxy.leaves(0, 3);
    assert_eq!(proxy.asks(5, "5"), Arrival::Waits, "there is a place again");
    proxy.returns(1);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(5, "5")]);
    proxy.is_quiet();
}

#[test]
fn so_much_is_held_as_may_be_and_others_pass() {
    let mut proxy = Proxy::busy(&with(|settings| settings.max_bytes_held = 400), [2]);
    let held = proxy.policies[0].held();
    assert_eq!(proxy.asks(3, &format!("\"{}\"", "x".repeat(400))), Arrival::Passes);
    assert_eq!(proxy.count(Event::Passed(Pass::Held)), 1);
    assert_eq!(proxy.policies[0].held(), held);
    assert_eq!(proxy.policies[0].requests(), 2);
}

#[test]
fn what_would_be_too_much_by_itself_passes() {
    let mut settings = lists();
    (settings.max_items, settings.max_weight) = (3, 100);
    let mut proxy = Proxy::of(&settings);
    assert_eq!(proxy.asks(1, "[1,2,3,4]"), Arrival::Passes);
    assert_eq!(proxy.asks(2, &format!("[\"{}\"]", "x".repeat(100))), Arrival::Passes);
    settings.max_bytes = 300;
    let mut narrow = Proxy::of(&settings);
    let long = post().with("x-long", "y".repeat(300));
    assert_eq!(narrow.arrives(0, 1, long, "[1]"), Arrival::Passes);
    assert_eq!(proxy.asks(3, "[1,2,3]"), Arrival::Alone);
    assert_eq!(proxy.count(Event::Passed(Pass::Limit)), 2);
    proxy.returns(3);
    proxy.is_quiet();
}

#[test]
fn a_batch_has_no_more_items_than_it_may_and_keeps_the_order() {
    let mut settings = lists();
    settings.max_items = 4;
    let mut proxy = Proxy::of(&settings);
    proxy.asks(1, "[1]");
    for (stream, body) in [(2, "[2,2]"), (3, "[3]"), (4, "[4,4,4]"), (5, "[5]")] {
        assert_eq!(proxy.asks(stream, body), Arrival::Waits);
    }
    proxy.acts(0);
    assert_eq!(proxy.calls(), ["[2,2,3]", "[4,4,4,5]"], "a smaller one does not overtake");
    assert_eq!(proxy.answer_items(), [replied(2, "[2,2]"), replied(3, "[3]")]);
}

#[test]
fn times_of_queues_that_are_no_more_are_not_kept() {
    let mut settings = items();
    (settings.leaves, settings.max_delay) = (Leaves::FixedDelay, ms(10_000));
    let mut proxy = Proxy::of(&settings);
    for stream in 1..2_000_u32 {
        let head = post().with("authorization", stream.to_string());
        assert_eq!(proxy.arrives(0, stream, head, "1"), Arrival::Waits);
        proxy.leaves(0, stream);
    }
    proxy.is_quiet();
    let kept = format!("{:?}", proxy.workers[0]).matches("Reverse(").count();
    assert!(kept < 200, "{kept}");
    assert_eq!(proxy.asks(5_000, "1"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(10_000)).len(), 1, "the one that counts is");
}
