//! What goes into a batch, and what does not.

use super::{joined, part, protocol, read};
use switchyard_core::batch::Why;
use switchyard_core::batch::json::Flaw;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn refused(body: &str) -> Option<(usize, Why)> {
    read(body).err().map(|refusal| (refusal.at, refusal.why))
}

#[test]
fn calls_of_several_clients_get_numbers_of_their_own() {
    let one = r#"{"jsonrpc":"2.0","method":"add","params":[1, 2.50],"id":"a"}"#;
    let two = r#"{"id":7, "params":{"x":1e2},"method":"add","jsonrpc":"2.0"}"#;
    let three = r#"{"jsonrpc":"2.0","method":"v\u0065rsion","id":null}"#;
    let expected = [
        r#"[{"jsonrpc":"2.0","id":1,"method":"add","params":[1, 2.50]},"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"add","params":{"x":1e2}},"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"v\u0065rsion"}]"#,
    ];
    assert_eq!(joined(&[one, two, three]), expected.concat());
}

#[test]
fn a_notification_has_no_number_in_the_batch_either() {
    let call = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"b","params":[]}"#;
    let expected =
        [r#"[{"jsonrpc":"2.0","method":"b","params":[]},"#, r#"{"jsonrpc":"2.0","id":2,"method":"a"}]"#];
    assert_eq!(joined(&[notification, call]), expected.concat());
}

#[test]
fn a_clients_own_batch_merges_with_calls_of_others() {
    let own = r#" [{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":1}] "#;
    let call = r#"{"jsonrpc":"2.0","method":"c","id":1}"#;
    let expected = [
        r#"[{"jsonrpc":"2.0","id":1,"method":"c"},"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"a"},"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"b"}]"#,
    ];
    assert_eq!(joined(&[call, own]), expected.concat());
    assert_eq!((part(own).items(), part(call).items()), (2, 1));
}

#[test]
fn all_calls_of_a_server_may_share_a_batch() {
    let call = part(r#"{"jsonrpc":"2.0","method":"a","id":1}"#);
    let other = part(r#"[{"jsonrpc":"2.0","method":"b","params":{}}]"#);
    assert_eq!(call.group, other.group);
    assert!(call.weight >= 1 && other.weight > call.weight && other.bytes() > 0);
    assert!(!protocol().groups_by_path());
    assert_eq!(protocol().name(), "json_rpc");
}

#[test]
fn only_methods_that_the_configuration_names_are_repeatable() {
    let repeatable =
        |method: &str| part(&format!(r#"{{"jsonrpc":"2.0","method":{method},"id":1}}"#)).is_repeatable;
    assert!(repeatable(r#""get_block""#) && repeatable(r#""get_""#) && repeatable(r#""version""#));
    assert!(repeatable(r#""g\u0065t_x""#), "however it is written");
    for other in [r#""send""#, r#""get""#, r#""versions""#, r#""GET_x""#, r#""""#] {
        assert!(!repeatable(other), "{other}");
    }
}

#[test]
fn a_clients_own_batch_is_repeatable_if_all_of_it_is() {
    let both = |one: &str, other: &str| {
        part(&format!(
            r#"[{{"jsonrpc":"2.0","method":"{one}"}},{{"jsonrpc":"2.0","method":"{other}","id":1}}]"#
        ))
    };
    assert!(both("version", "get_a").is_repeatable);
    assert!(!both("send", "get_a").is_repeatable && !both("version", "send").is_repeatable);
}

#[test]
fn what_is_no_call_goes_by_itself_and_says_where() {
    for (body, at) in [
        ("1", 0),
        (r#" "call""#, 1),
        (r#"{"method":"a","id":1}"#, 0),
        (r#"{"jsonrpc":"1.0","method":"a","id":1}"#, 11),
        (r#"{"jsonrpc":2.0,"method":"a","id":1}"#, 11),
        (r#"{"jsonrpc":"2.0","id":1}"#, 0),
        (r#"{"jsonrpc":"2.0","method":1,"id":1}"#, 26),
        (r#"{"jsonrpc":"2.0","method":"a","params":1}"#, 39),
        (r#"{"jsonrpc":"2.0","method":"a","params":null}"#, 39),
        (r#"{"jsonrpc":"2.0","method":"a","id":[1]}"#, 35),
        (r#"{"jsonrpc":"2.0","method":"a","id":{}}"#, 35),
        (r#"{"jsonrpc":"2.0","method":"a","id":true}"#, 35),
        (r#"[{"jsonrpc":"2.0","method":"a"},1]"#, 32),
        (r#"[[{"jsonrpc":"2.0","method":"a"}]]"#, 1),
        (r#"{"jsonrpc":"2.0","result":1,"id":1}"#, 17),
    ] {
        assert_eq!(refused(body), Some((at, Why::Form)), "{body}");
    }
}

#[test]
fn an_empty_batch_goes_by_itself() {
    assert_eq!(refused(" []"), Some((1, Why::Empty)));
}

#[test]
fn a_member_that_some_servers_take_for_the_id_keeps_a_call_out() {
    for (name, at) in [("ID", 35), ("Id", 35), ("i\u{221}", 35), ("method ", 35), ("extra", 35)] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","{name}":2}}"#);
        assert_eq!(refused(&body), Some((at + 2, Why::Form)), "{name}");
    }
}

#[test]
fn a_member_that_is_there_twice_keeps_a_call_out() {
    let twice = Some((30, Why::Json(Flaw::Repeated)));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","method":"a","method":"b","id":1}"#), twice);
    assert_eq!(refused(r#"{"jsonrpc":"2.0","method":"a","\u006dethod":"b"}"#), twice);
}

#[test]
fn what_is_no_json_goes_by_itself_and_says_where() {
    assert_eq!(refused(r#"{"jsonrpc":"2.0",}"#), Some((17, Why::Json(Flaw::Syntax))));
    assert_eq!(refused(""), Some((0, Why::Json(Flaw::Syntax))));
    let deep = format!(r#"{{"jsonrpc":"2.0","method":"a","params":{}{}}}"#, "[".repeat(60), "]".repeat(60));
    assert_eq!(refused(&deep).map(|(_, why)| why), Some(Why::Json(Flaw::Depth)));
    let half = r#"{"jsonrpc":"2.0","method":"a","params":["\ud800"]}"#;
    assert_eq!(refused(half), Some((41, Why::Json(Flaw::Surrogate))));
}

#[test]
fn only_post_is_a_call() {
    let body = br#"{"jsonrpc":"2.0","method":"a","id":1}"#;
    for method in ["GET", "PUT", "post", "", "OPTIONS"] {
        let refusal = protocol().read(method.as_bytes(), b"/", body).err();
        assert_eq!(refusal.map(|refusal| refusal.why), Some(Why::Method), "{method}");
    }
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let flaws = [Flaw::Encoding, Flaw::Syntax, Flaw::Depth, Flaw::Number, Flaw::Surrogate, Flaw::Repeated]
        .map(Why::Json);
    let others = [Why::Method, Why::Path, Why::Form, Why::Empty, Why::Limit];
    let mut names: Vec<_> = flaws.iter().chain(&others).map(|why| why.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 11);
}

#[test]
fn the_bytes_of_an_id_count_for_what_a_call_holds() {
    let call = |id: &str| part(&format!(r#"{{"jsonrpc":"2.0","method":"a","id":{id}}}"#)).bytes();
    assert!(call("12345678") >= call("1") + 7, "{} and {}", call("12345678"), call("1"));
}

#[test]
fn what_is_no_call_at_all_is_told_from_one_that_goes_by_itself() {
    let read = |method: &[u8], body: &str| {
        let unbatchable =
            protocol().read(method, b"/rpc", body.as_bytes()).expect_err("none that is batched");
        unbatchable.is_malformed()
    };
    assert!(read(b"POST", "{") && read(b"POST", "7"));
    assert!(!read(b"GET", "{}") && !read(b"POST", "[]"));
}
