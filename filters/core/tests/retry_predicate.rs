//! What a JSON answer says, and what it does not.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use switchyard_core::retry::{BodyMatch, BodyRule, RetryOn};
use switchyard_core::route::full_match;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn exists(pointer: &str) -> BodyMatch {
    BodyMatch { pointer: pointer.into(), rule: BodyRule::Exists }
}

fn equals(pointer: &str, value: Value) -> BodyMatch {
    BodyMatch { pointer: pointer.into(), rule: BodyRule::Equals(value) }
}

fn matches(pointer: &str, pattern: &str) -> BodyMatch {
    let regex = full_match(pattern).expect("an expression");
    BodyMatch { pointer: pointer.into(), rule: BodyRule::Matches(regex) }
}

fn retry_on(body: Vec<BodyMatch>) -> RetryOn {
    RetryOn { body, ..RetryOn::default() }
}

#[test]
fn a_place_exists_if_there_is_anything_but_null() {
    for there in [json!({"error": {}}), json!({"error": false}), json!({"error": 0}), json!({"error": ""})] {
        assert!(exists("/error").holds(&there), "{there}");
    }
    for missing in
        [json!({"error": null}), json!({"errors": 1}), json!({}), json!([1]), json!("error"), json!(null)]
    {
        assert!(!exists("/error").holds(&missing), "{missing}");
    }
}

#[test]
fn a_pointer_finds_its_place_as_rfc_6901_says() {
    let body = json!({
        "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8,
    });
    let places = [
        ("", body.clone()),
        ("/foo", json!(["bar", "baz"])),
        ("/foo/0", json!("bar")),
        ("/", json!(0)),
        ("/a~1b", json!(1)),
        ("/c%d", json!(2)),
        ("/e^f", json!(3)),
        ("/g|h", json!(4)),
        ("/i\\j", json!(5)),
        ("/k\"l", json!(6)),
        ("/ ", json!(7)),
        ("/m~0n", json!(8)),
    ];
    for (pointer, value) in places {
        assert!(equals(pointer, value).holds(&body), "{pointer:?}");
    }
    for nowhere in ["foo", "/foo/2", "/foo/00", "/foo/-", "/foo/0/0", "/a/b", "/Foo"] {
        assert!(!exists(nowhere).holds(&body), "{nowhere:?}");
    }
}

#[test]
fn a_star_is_every_element_of_a_list_and_a_name_of_an_object() {
    let body =
        json!({"errors": [{"code": 1}, {"code": 503, "of": [[1, 2], [3]]}], "*": {"a": 7}, "none": []});
    for (pointer, value) in [
        ("/errors/*/code", 503),
        ("/errors/*/code", 1),
        ("/errors/*/of/*/*", 3),
        ("/errors/1/of/*/0", 1),
        ("/*/a", 7),
    ] {
        assert!(equals(pointer, json!(value)).holds(&body), "{pointer}");
    }
    assert!(
        equals("/errors/*", json!({"code": 1})).holds(&body) && matches("/errors/*/code", "5..").holds(&body)
    );
    for nowhere in
        ["/errors/*/code/*", "/none/*", "/errors/*/of/*/*/*", "/errors/**/code", "/errors/-/code", "*"]
    {
        assert!(!exists(nowhere).holds(&body), "{nowhere}");
    }
    assert!(exists("/*").holds(&json!([null, 1])) && !exists("/*").holds(&json!([null])));
}

#[test]
fn a_value_equals_only_itself() {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!("0"),
        json!(""),
        json!([]),
        json!({}),
        json!([0]),
    ];
    for (at, left) in values.iter().enumerate() {
        for (other, right) in values.iter().enumerate() {
            assert_eq!(equals("/x", left.clone()).holds(&json!({"x": right})), at == other, "{left} {right}");
        }
    }
    assert!(!equals("/x", json!(null)).holds(&json!({})), "what is missing is not null");
}

#[test]
fn numbers_are_compared_as_numbers_wherever_they_stand() {
    for (left, right) in [
        (json!(503), json!(503.0)),
        (json!(-1), json!(-1.0)),
        (json!([1, [2.0]]), json!([1.0, [2]])),
        (json!({"code": {"is": 503.0}}), json!({"code": {"is": 503}})),
    ] {
        assert!(equals("", left.clone()).holds(&right), "{left} {right}");
        assert!(equals("", right.clone()).holds(&left), "{right} {left}");
    }
    for (left, right) in [
        (json!(503), json!(503.5)),
        (json!(503), json!("503")),
        (json!([1]), json!([1.0, 1.0])),
        (json!([1, 2]), json!([2.0, 1.0])),
        (json!({"a": 1}), json!({"b": 1.0})),
        (json!({"a": 1}), json!({"a": 1.0, "b": 1})),
    ] {
        assert!(!equals("", left.clone()).holds(&right), "{left} {right}");
        assert!(!equals("", right.clone()).holds(&left), "{right} {left}");
    }
}

#[test]
fn whole_numbers_that_share_a_double_are_told_apart() {
    let (odd, even) = (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64));
    assert!(!equals("", odd.clone()).holds(&even));
    assert!(equals("", odd.clone()).holds(&odd));
    assert!(!equals("", json!(u64::MAX)).holds(&json!(u64::MAX - 1)));
    assert!(!equals("", json!(i64::MIN)).holds(&json!(i64::MIN + 1)));
}

#[test]
fn an_expression_matches_a_whole_text() {
    let body = |text: &str| json!({"status": text});
    for (pattern, text) in [("busy|busy now", "busy now"), ("5..", "503"), ("(?i)error", "ErRoR"), ("", "")] {
        assert!(matches("/status", pattern).holds(&body(text)), "{pattern} {text}");
    }
    for (pattern, text) in
        [("busy", "busy now"), ("now", "busy now"), ("5..", "5030"), ("", "x"), ("a$", "a\n")]
    {
        assert!(!matches("/status", pattern).holds(&body(text)), "{pattern} {text:?}");
    }
}

#[test]
fn an_expression_is_tried_on_the_text_of_numbers_and_booleans_and_on_nothing_else() {
    for (pattern, value) in
        [("5..", json!(503)), ("-1", json!(-1)), (r"0\.5", json!(0.5)), ("true", json!(true))]
    {
        assert!(matches("", pattern).holds(&value), "{pattern} {value}");
    }
    for value in [json!(null), json!([]), json!(["x"]), json!({}), json!({"x": "x"})] {
        assert!(!matches("", "(?s).*").holds(&value), "{value}");
    }
}

#[test]
fn one_condition_that_holds_is_enough() {
    let retry_on = retry_on(vec![equals("/code", json!(503)), exists("/error")]);
    for failed in
        [r#"{"code":503}"#, r#"{"error":"x"}"#, r#"{"code":200,"error":{"a":1}}"#, " {\"error\":1}\n"]
    {
        assert!(retry_on.says_failure(failed.as_bytes()), "{failed}");
    }
    for good in [r#"{"code":200}"#, r#"{"error":null}"#, "{}", "[]", "503"] {
        assert!(!retry_on.says_failure(good.as_bytes()), "{good}");
    }
}

#[test]
fn what_is_no_json_says_nothing() {
    let retry_on = retry_on(vec![exists("")]);
    for strange in [
        &b""[..],
        b" ",
        b"{",
        b"{\"error\":1",
        b"{\"error\":1} and more",
        b"{'error':1}",
        b"error",
        b"\xff",
        b"\"\xff\"",
        b"1e999",
        b"null",
    ] {
        assert!(!retry_on.says_failure(strange), "{strange:?}");
    }
    assert!(!retry_on.says_failure("[".repeat(100_000).as_bytes()), "however deep");
    assert!(retry_on.says_failure(b"{}"));
}

#[test]
fn without_conditions_no_body_says_anything() {
    assert!(!RetryOn::default().says_failure(br#"{"error":"x"}"#));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c~/]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-c~/]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same with every number as a Struct has it.
    fn doubles(value: &Value) -> Value {
        match value {
            Value::Number(number) => json!(number.as_f64()),
            Value::Array(list) => list.iter().map(doubles).collect(),
            Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), doubles(value))).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_value_equals_itself_in_doubles_and_no_other(one in value(), other in value()) {
            prop_assert!(equals("", doubles(&one)).holds(&one));
            prop_assert!(equals("", one.clone()).holds(&doubles(&one)));
            prop_assert_eq!(equals("", doubles(&one)).holds(&other), one == other);
        }

        #[test]
        fn a_body_says_what_its_value_says(body in value(), pointer in "(/[a-c01~/]{0,3}){0,3}") {
            let says = retry_on(vec![exists(&pointer)]).says_failure(body.to_string().as_bytes());
            prop_assert_eq!(says, body.pointer(&pointer).is_some_and(|found| !found.is_null()));
        }

        #[test]
        fn no_body_panics(
            body in prop::collection::vec(any::<u8>(), 0..64), near in "[\\[\\]{}\",:0-9a-z.eE+\\\\-]{0,32}",
        ) {
            let conditions = || vec![exists("/a"), equals("/0", json!(1)), matches("", "a*")];
            for body in [body.as_slice(), near.as_bytes()] {
                let says = retry_on(conditions()).says_failure(body);
                prop_assert!(!says || serde_json::from_slice::<Value>(body).is_ok());
            }
        }
    }
}
