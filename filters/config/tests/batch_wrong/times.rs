//! Waits, targets and deadlines.

use super::{JSON_RPC, errors_beside};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn what_leaves_no_time_is_refused() {
    let late = "leaves no time for the call within timeout (15s by default); lower it or raise that";
    let wait = "is no longer than max_delay (20ms by default), for which a request may wait alone; raise it or lower that";
    let cases: &[(&str, &[String])] = &[
        (r#""max_delay": "9s", "timeout": "8s""#, &[format!("max_delay: {late}")]),
        (r#""max_delay": "5s", "timeout": "5s""#, &[format!("max_delay: {late}")]),
        (
            r#""timeout": "10ms""#,
            &[
                "deadline_floor: leaves no time for an attempt within timeout (15s by default); lower it or raise that"
                    .to_owned(),
                format!("max_delay: {late}"),
            ],
        ),
        (r#""leaves": "adaptive", "adaptive": {"target": "20ms"}"#, &[format!("adaptive.target: {wait}")]),
        (
            r#""leaves": "adaptive", "max_delay": "1s", "adaptive": {"target": "500ms"}"#,
            &[format!("adaptive.target: {wait}")],
        ),
        (
            r#""leaves": "adaptive", "adaptive": {"target": "16s"}"#,
            &["adaptive.target: is longer than timeout (15s by default); lower it or raise that".to_owned()],
        ),
        (
            r#""leaves": "adaptive", "adaptive": {"target": "0s"}"#,
            &["adaptive.target: is zero; it takes more than zero".to_owned()],
        ),
        (
            r#""leaves": "adaptive", "adaptive": {"target": "2h"}"#,
            &[r#"adaptive.target: is longer than 1h; write "1h" or less"#.to_owned()],
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(errors_beside(JSON_RPC, fields), *expected, "{fields}");
    }
}

#[test]
fn headers_that_hold_no_time_are_refused() {
    for (name, problem) in [
        ("grpc-timeout", r#""grpc-timeout" is always heard; remove it"#),
        (":path", r#"":path" holds no time; name another header"#),
        ("X-Deadline", r#""X-Deadline"; write it in lower case: "x-deadline""#),
        ("", "is empty; name a header"),
    ] {
        let field = format!(r#""deadline_header": "{name}""#);
        assert_eq!(errors_beside(JSON_RPC, &field), [format!("deadline_header: {problem}")]);
    }
}
