//! What clients are told when there is no answer.

use super::{part, protocol};
use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, Share};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn failure(body: &str) -> Share {
    protocol().failure(&part(body), 502, "the \"server\"\nbroke")
}

fn error(id: &str) -> String {
    let head = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"the \"server\"\nbroke"},"id":"#;
    [head, id, "}"].concat()
}

#[test]
fn a_call_fails_with_an_error_that_has_its_id() {
    for id in [r#""x""#, "7", "1.50", "null"] {
        let share = failure(&format!(r#"{{"jsonrpc":"2.0","method":"a","id":{id}}}"#));
        assert_eq!((share.status, share.content_type), (502, Some("application/json")));
        assert_eq!(String::from_utf8(share.body), Ok(error(id)));
    }
}

#[test]
fn each_call_of_a_clients_own_batch_fails_but_no_notification_does() {
    let call = |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"a"{id}}}"#);
    let share = failure(&format!("[{},{},{}]", call(r#","id":1"#), call(""), call(r#","id":"1""#)));
    assert_eq!(share.status, 502);
    assert_eq!(String::from_utf8(share.body), Ok(format!("[{},{}]", error("1"), error(r#""1""#))));
    let share = failure(&format!("[{}]", call(r#","id":1"#)));
    assert_eq!(String::from_utf8(share.body), Ok(format!("[{}]", error("1"))));
}

#[test]
fn a_notification_is_told_of_a_failure_as_any_server_would() {
    for body in [r#"{"jsonrpc":"2.0","method":"a"}"#, r#"[{"jsonrpc":"2.0","method":"a"}]"#] {
        let share = failure(body);
        assert_eq!((share.status, share.content_type), (502, Some("application/json")));
        assert_eq!(String::from_utf8(share.body), Ok(error("null")));
    }
}

fn said(body: &str, answer: &str) -> Option<String> {
    let share = protocol().said_to_all(&part(body), Answer { status: 429, body: answer.as_bytes() })?;
    assert_eq!(share.status, 429);
    String::from_utf8(share.body).ok()
}

#[test]
fn what_a_server_says_to_all_is_under_each_clients_own_id() {
    let call = r#"{"jsonrpc":"2.0","method":"a","id":"x"}"#;
    let says = |id: &str| {
        format!(r#"{{"jsonrpc":"2.0","error":{{"code":-32005,"message":"slow","data":{{"id":1}}}}{id}}}"#)
    };
    assert_eq!(said(call, &says(r#", "id": null"#)), Some(says(r#", "id": "x""#)));
    assert_eq!(said(call, &says(r#", "id": 1"#)), Some(says(r#", "id": "x""#)));
    assert_eq!(said(call, &says("")), Some(says(r#","id":"x""#)));
    let own = format!("[{call}]");
    assert_eq!(
        said(&own, &says(r#","id":null"#)),
        Some(says(r#","id":null"#)),
        "an array gets it as it stands"
    );
    let tells = r#"{"jsonrpc":"2.0","method":"a"}"#;
    assert_eq!(said(tells, &says(r#","id":null"#)), Some(says(r#","id":null"#)));
}

#[test]
fn what_is_no_error_of_the_protocol_goes_to_nobody() {
    let call = r#"{"jsonrpc":"2.0","method":"a","id":"x"}"#;
    for answer in [
        "",
        "slow down",
        "<html>",
        "{}",
        "[]",
        r#"{"error":"slow"}"#,
        r#"{"error":{"message":"slow"}}"#,
        r#"{"error":{"code":"1","message":"slow"}}"#,
        r#"{"error":{"code":1,"message":"slow"},"result":1}"#,
        r#"{"error":{"code":1,"message":"slow"},"error":{"code":1,"message":"slow"}}"#,
        r#"{"id":1,"id":2,"error":{"code":1,"message":"slow"}}"#,
    ] {
        assert_eq!(said(call, answer), None, "{answer}");
    }
    let long = format!(r#"{{"error":{{"code":1,"message":"{}"}}}}"#, "x".repeat(5_000));
    assert_eq!(said(call, &long), None, "everybody would get it at once");
}

#[test]
fn errors_of_all_calls_are_theirs_only_with_a_status_that_says_something_of_all() {
    let parts = [1, 2].map(|id| part(&format!(r#"{{"jsonrpc":"2.0","method":"a","id":{id}}}"#)));
    let body = format!("[{},{}]", error("1"), error("2"));
    let split = |status| protocol().split_all(&parts, Answer { status, body: body.as_bytes() });
    assert_eq!(split(500).err(), Some(Broken::Status(500)));
    let shares = split(401).expect("shares");
    let told: Vec<_> =
        shares.into_iter().map(|share| (share.status, String::from_utf8(share.body))).collect();
    assert_eq!(told, ["1", "2"].map(|id| (401, Ok(error(id)))));
}
