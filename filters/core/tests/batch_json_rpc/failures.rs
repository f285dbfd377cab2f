//! What clients are told when there is no answer.

use super::{part, protocol};
use switchyard_core::batch::Share;
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
fn a_notification_hears_nothing_of_it() {
    for body in [r#"{"jsonrpc":"2.0","method":"a"}"#, r#"[{"jsonrpc":"2.0","method":"a"}]"#] {
        let share = failure(body);
        assert_eq!((share.status, share.content_type, share.body.as_slice()), (204, None, b"".as_slice()));
    }
}
