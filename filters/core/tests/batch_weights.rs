//! What items weigh.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use switchyard_core::batch::{JsonArray, JsonRpc, Protocol, Sends};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn weight(protocol: &Protocol, body: &str) -> u64 {
    protocol.read(b"POST", b"/", body.as_bytes()).expect("a part").weight
}

/// What this body weighs as an item.
fn of_item(weigh: Option<&str>, body: &str) -> u64 {
    weight(&Protocol::JsonArray(JsonArray { weigh: weigh.map(Into::into), ..JsonArray::default() }), body)
}

/// What this body weighs as items.
fn of_items(weigh: &str, body: &str) -> u64 {
    let (field, weigh) = (Some("instances".into()), Some(weigh.into()));
    weight(
        &Protocol::JsonArray(JsonArray { field, weigh, sends: Sends::Items, ..JsonArray::default() }),
        body,
    )
}

/// What this body weighs as calls.
fn of_calls(weigh: Option<&str>, body: &str) -> u64 {
    let weigh = weigh.map(Into::into);
    weight(&Protocol::JsonRpc(JsonRpc { weigh, ..JsonRpc::default() }), body)
}

#[test]
fn a_text_weighs_its_bytes_however_it_is_written() {
    assert_eq!(of_item(Some("/text"), r#"{"id": 12345, "text": "hello"}"#), 5);
    assert_eq!(of_item(Some("/text"), r#"{"text": "h\u0065ll\u00f6"}"#), 6, "two for \u{f6}");
    assert_eq!(of_item(Some(""), r#""hello""#), 5, "the item itself");
    assert_eq!(of_item(Some("/a~1b/0/~0"), r#"{"a/b": [{"~": "xyz"}]}"#), 3);
}

#[test]
fn an_array_weighs_as_many_as_it_has() {
    assert_eq!(of_item(Some("/tokens"), r#"{"tokens": [10, 20, 30]}"#), 3);
    assert_eq!(of_item(Some(""), "[[1,2,3],[4,5,6]]"), 2);
}

#[test]
fn nothing_weighs_less_than_one() {
    for body in [r#"{"text": ""}"#, r#"{"text": []}"#] {
        assert_eq!(of_item(Some("/text"), body), 1, "{body}");
    }
    assert_eq!(of_calls(Some("/params"), r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#), 1);
}

#[test]
fn where_there_is_neither_the_item_weighs_its_bytes() {
    for body in [
        r#"{"text": 5}"#,
        r#"{"text": null}"#,
        r#"{"text": {"a": 1}}"#,
        "{}",
        "7",
        r#"{"text":"a","text":"b"}"#,
    ] {
        assert_eq!(of_item(Some("/text"), body), body.len() as u64, "{body}");
        assert_eq!(of_item(None, body), body.len() as u64, "{body}");
    }
    assert_eq!(of_item(None, "  [1, 2] "), 6, "without space around");
}

#[test]
fn a_part_weighs_what_its_items_do_together() {
    assert_eq!(
        of_items("/text", r#"{"instances": [{"text": "abc"}, {"text": ""}, {"text": "de"}, {}]}"#),
        3 + 1 + 2 + 2
    );
}

#[test]
fn a_call_weighs_by_what_stands_in_it() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"embed","params":["hello", [1, 2]]}"#;
    assert_eq!(of_calls(Some("/params/0"), call), 5);
    assert_eq!(of_calls(Some("/params/1"), call), 2);
    assert_eq!(of_calls(Some("/params"), call), 2);
    let inner = r#""method":"embed","params":["hello", [1, 2]]"#.len() as u64;
    assert_eq!(of_calls(Some("/params/2"), call), inner);
    assert_eq!(of_calls(None, call), inner);
    assert_eq!(
        of_calls(None, &call.replace("\"id\":1", "\"id\":\"a long one\"")),
        inner,
        "its id is replaced"
    );
    assert_eq!(of_calls(Some("/params/0"), &["[", call, ",", call, "]"].concat()), 10, "in all");
}
