//! Clients that come back together when they are answered go together.

use crate::batch_gather::world::{Proxy, items, ms, resumed, with};
use core::time::Duration;
use switchyard_core::batch::Leaves;
use switchyard_core::batch::gather::Arrival;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FOUR: [u32; 4] = [1, 2, 3, 4];

/// Four clients that ask again a millisecond after they are answered, of a server that takes 20 ms, so often. What the first of them did each time.
fn cycles(proxy: &mut Proxy, count: usize) -> Vec<Arrival> {
    let mut first = Vec::new();
    for _ in 0..count {
        proxy.outside.now = proxy.outside.now.plus(ms(1));
        let arrivals = FOUR.map(|stream| proxy.asks(stream, &stream.to_string()));
        proxy.acts(0);
        if arrivals[0] == Arrival::Alone {
            proxy.outside.now = proxy.outside.now.plus(ms(20));
            proxy.returns(1);
        }
        if proxy.calls().is_empty() {
            // The one that went alone is waited for, and is not back.
            proxy.passes(ms(5));
        }
        first.extend(arrivals.into_iter().take(1));
        proxy.outside.now = proxy.outside.now.plus(ms(20));
        proxy.answer_items();
    }
    first
}

/// A proxy to which they have come back a few times.
pub(crate) fn crowd() -> Proxy {
    let mut proxy = Proxy::of(&items());
    cycles(&mut proxy, 6);
    proxy
}

#[test]
fn those_who_came_back_together_before_are_waited_for_and_leave_when_they_are_back() {
    let mut proxy = Proxy::of(&items());
    let first = cycles(&mut proxy, 8);
    assert_eq!((&first[0], &first[7]), (&Arrival::Alone, &Arrival::Waits), "{first:?}");
    let calls = proxy.outside.made;
    for stream in FOUR {
        assert!(!proxy.workers[0].has_work() && proxy.outside.made == calls, "{stream}");
        assert_eq!(proxy.asks(stream, &stream.to_string()), Arrival::Waits);
    }
    assert!(proxy.workers[0].has_work(), "no timer is waited for");
    proxy.acts(0);
    assert_eq!(proxy.calls(), ["[1,2,3,4]"]);
    proxy.answer_items();
    proxy.is_quiet();
}

#[test]
fn who_does_not_come_back_is_not_waited_for_for_long() {
    let mut proxy = crowd();
    assert_eq!([1, 2].map(|stream| proxy.asks(stream, "1")), [Arrival::Waits, Arrival::Waits]);
    assert_eq!((proxy.passes(Duration::ZERO), proxy.calls().len()), (Vec::new(), 0));
    // A quarter of what the batch took.
    proxy.passes(ms(5));
    assert_eq!(proxy.calls(), ["[1,1]"]);
    proxy.answer_items();
    proxy.is_quiet();
}

#[test]
fn one_that_comes_later_goes_at_once() {
    let mut proxy = crowd();
    proxy.outside.now = proxy.outside.now.plus(ms(6));
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn a_client_that_leaves_while_others_are_waited_for_holds_nobody_up() {
    let mut proxy = crowd();
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    proxy.leaves(0, 1);
    assert_eq!(proxy.passes(ms(20)), []);
    proxy.is_quiet();
    let mut proxy = crowd();
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(5)), resumed([1]), "alone, if no other comes");
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn who_only_counts_and_who_waits_anyway_waits_for_nobody_else() {
    for change in [|settings: &mut switchyard_core::batch::Settings| settings.shadow = true] {
        let mut proxy = Proxy::of(&with(change));
        for _ in 0..5 {
            assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
            proxy.returns(1);
        }
        proxy.is_quiet();
    }
    let mut proxy = Proxy::of(&with(|settings| settings.leaves = Leaves::FixedDelay));
    for _ in 0..6 {
        FOUR.iter().for_each(|stream| drop(proxy.asks(*stream, "1")));
        proxy.passes(ms(20));
        proxy.answer_items();
    }
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(19)), []);
    assert_eq!(proxy.passes(ms(1)), resumed([1]));
}

#[test]
fn one_that_came_meanwhile_is_none_of_those_who_were_answered() {
    let mut proxy = Proxy::of(&items());
    cycles(&mut proxy, 10);
    let come = |proxy: &mut Proxy| {
        proxy.outside.now = proxy.outside.now.plus(ms(1));
        FOUR.iter().for_each(|stream| drop(proxy.asks(*stream, &stream.to_string())));
        proxy.acts(0);
    };
    come(&mut proxy);
    assert_eq!(proxy.calls(), ["[1,2,3,4]"]);
    proxy.outside.now = proxy.outside.now.plus(ms(10));
    assert_eq!(proxy.asks(5, "5"), Arrival::Waits);
    proxy.outside.now = proxy.outside.now.plus(ms(10));
    proxy.answer_items();
    assert!(proxy.calls().is_empty(), "it waits for the four");
    come(&mut proxy);
    assert_eq!(proxy.calls(), ["[5,1,2,3,4]"], "and not for five");
}
