//! JSON read without changing it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod refused;

use switchyard_core::batch::json::{Fault, Flaw, Value, quoted};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(text: &str) -> Value<'_> {
    Value::read(text.as_bytes(), 60).expect("JSON")
}

fn texts<'a>(values: &[Value<'a>]) -> Vec<&'a str> {
    values.iter().map(|value| value.text()).collect()
}

#[test]
fn a_value_is_the_text_that_stands_there() {
    for text in [
        "0",
        "-0.0",
        "1e5",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        r#""\u0041\/""#,
        r#"{ "a" : [ 1 ,2 ] }"#,
        "[]",
        "{}",
        "true",
        "null",
    ] {
        assert_eq!(read(text).text(), text);
        assert_eq!(read(&format!(" \t\r\n{text}\n ")).text(), text, "without the space around");
    }
}

#[test]
fn the_items_of_an_array_are_in_order_and_know_their_place() {
    let document = r#" [ 1.50 , "a,]" ,[2,[3]], {"b":[4]} ,null ]"#;
    let items = read(document).items().expect("an array");
    assert_eq!(texts(&items), ["1.50", r#""a,]""#, "[2,[3]]", r#"{"b":[4]}"#, "null"]);
    for item in items {
        assert!(document[item.at()..].starts_with(item.text()));
    }
    let inner = read("[[10, 20]]").items().expect("an array")[0].items().expect("an array");
    assert_eq!((inner[1].at(), inner[1].text()), (6, "20"), "of the whole document");
}

#[test]
fn an_empty_array_has_no_items_and_an_empty_object_no_fields() {
    assert_eq!(read("[ ]").items(), Some(Vec::new()));
    assert!(read("{ }").object().is_some_and(|object| object.fields.is_empty()));
}

#[test]
fn what_is_no_array_has_no_items_and_what_is_no_object_no_fields() {
    for text in ["{}", r#""[]""#, "1", "null"] {
        assert_eq!(read(text).items(), None);
    }
    for text in ["[]", r#""{}""#, "1", "null"] {
        assert!(read(text).object().is_none());
    }
}

#[test]
fn the_fields_of_an_object_are_in_order_with_their_names_decoded() {
    let object = read(r#"{"b": 1.0, "\u0061" : {"x":2}, "": [ ] }"#).object().expect("an object");
    let fields = object.fields.iter().map(|field| (&*field.name, field.key.text(), field.value.text()));
    let expected = [("b", r#""b""#, "1.0"), ("a", r#""\u0061""#, r#"{"x":2}"#), ("", r#""""#, "[ ]")];
    assert_eq!(fields.collect::<Vec<_>>(), expected);
    assert_eq!(object.get("a").map(|value| value.map(Value::text)), Ok(Some(r#"{"x":2}"#)));
    assert_eq!(object.get("c"), Ok(None));
}

#[test]
fn a_name_that_is_there_twice_is_an_error_only_for_who_asks_for_it() {
    let object = read(r#"{"a":1,"b":2,"\u0061":3}"#).object().expect("an object");
    let repeated = Fault { at: 13, flaw: Flaw::Repeated };
    assert_eq!(object.get("a"), Err(repeated), "however it is written");
    assert_eq!(object.get("b").map(|value| value.map(Value::text)), Ok(Some("2")));
    assert_eq!(object.is_unambiguous(), Err(repeated));
    let object = read(r#"{"a":1,"A":2}"#).object().expect("an object");
    assert_eq!(object.is_unambiguous(), Ok(()));
}

#[test]
fn a_string_is_decoded_and_can_be_written_again() {
    assert_eq!(read(r#""a\u00e9\ud83d\ude00\n""#).string().as_deref(), Some("aé😀\n"));
    assert_eq!(read(r#""plain é""#).string().as_deref(), Some("plain é"));
    assert_eq!(read("1").string(), None);
    assert_eq!(quoted("a\"\\\n\u{1}é"), r#""a\"\\\n\u0001é""#);
}

#[test]
fn a_value_knows_what_it_is() {
    assert!(read("{}").is_object() && read("[]").is_array() && read("\"\"").is_string());
    assert!(read("-1").is_number() && read("0").is_number() && read("null").is_null());
    assert!(!read("\"1\"").is_number() && !read("true").is_null() && !read("true").is_string());
}

#[test]
fn a_whole_number_is_one_that_is_written_in_digits_alone() {
    assert_eq!(read("0").whole_number(), Some(0));
    assert_eq!(read("18446744073709551615").whole_number(), Some(u64::MAX));
    for text in ["18446744073709551616", "-1", "1.0", "1e0", "\"1\"", "null"] {
        assert_eq!(read(text).whole_number(), None, "{text}");
    }
}

#[test]
fn a_pointer_leads_through_objects_and_arrays() {
    let value = read(r#"{"a":[{"b/~":"x"},7],"":1,"d":1,"d":2,"e":{"id":0}}"#);
    let at = |pointer| value.pointer(pointer).map(Value::text);
    assert_eq!(at("/a/0/b~1~0"), Some(r#""x""#));
    assert_eq!(at("/a/1"), Some("7"));
    assert_eq!(at("/"), Some("1"));
    assert_eq!(at(""), Some(value.text()));
    for nowhere in ["/x", "/a/2", "/a/x", "/a/01", "/a/+1", "/a/", "/a/-", "/a/1/x", "/d", "/e/id/x"] {
        assert_eq!(at(nowhere), None, "{nowhere}");
    }
}
