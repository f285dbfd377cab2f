//! Requests that the upstream left out of its answer.

use crate::batch_gather::world::{Done, Proxy, head, resumed};
use switchyard_core::batch::gather::{End, Event, Repeat};
use switchyard_core::batch::{JsonRpc, OnFailure, Protocol, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Three calls are under way; the second is left out of the answer.
fn left_out(method: &str, change: impl FnOnce(&mut Settings)) -> (Proxy, Vec<Done>) {
    let mut settings =
        Settings::new(Protocol::JsonRpc(JsonRpc { repeatable: vec!["get*".into()], ..JsonRpc::default() }));
    change(&mut settings);
    let mut proxy = Proxy::of(&settings);
    for stream in 1..=4 {
        proxy.asks(stream, &format!(r#"{{"jsonrpc":"2.0","id":"c{stream}","method":"{method}"}}"#));
    }
    proxy.returns(1);
    let answer = r#"[{"jsonrpc":"2.0","id":3,"result":"c"},{"jsonrpc":"2.0","id":1,"result":"a"}]"#;
    let done = proxy.answer_call(Some((head(200), answer)));
    (proxy, done)
}

fn body(done: &Done) -> &str {
    match done {
        Done::Replied(_, _, body) => body,
        Done::Resumed(_) => "",
    }
}

#[test]
fn one_that_may_be_made_twice_goes_alone() {
    let (mut proxy, done) = left_out("get_it", |_| {});
    assert_eq!(body(&done[0]), r#"{"jsonrpc":"2.0","id":"c2","result":"a"}"#);
    assert_eq!(done[1..2], resumed([3]));
    assert_eq!(body(&done[2]), r#"{"jsonrpc":"2.0","id":"c4","result":"c"}"#);
    assert!(proxy.workers[0].is_alone(3));
    assert_eq!(proxy.count(Event::Repeated(Repeat::Alone)), 1);
    proxy.returns(3);
    proxy.is_quiet();
}

#[test]
fn any_other_gets_an_error_in_its_own_form() {
    let (proxy, done) = left_out("put_it", |_| {});
    assert!(matches!(&done[1], Done::Replied(3, 502, _)), "{done:?}");
    assert!(body(&done[1]).contains(r#""error""#) && body(&done[1]).contains(r#""id":"c3""#));
    assert_eq!(proxy.count(Event::Ended(End::Lost)), 1);
    proxy.is_quiet();
}

#[test]
fn so_does_one_for_which_there_is_no_budget_or_who_is_to_get_every_failure() {
    for change in [
        |settings: &mut Settings| settings.budget.max_concurrent = 0,
        |settings: &mut Settings| settings.on_failure = OnFailure::Fail,
    ] {
        let (proxy, done) = left_out("get_it", change);
        assert!(matches!(&done[1], Done::Replied(3, 502, _)), "{done:?}");
        proxy.is_quiet();
    }
}
