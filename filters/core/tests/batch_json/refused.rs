//! Documents that are not read, and where that shows.

use switchyard_core::batch::json::{ANSWER_DEPTH, Fault, Flaw, Value};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn fault(document: impl AsRef<[u8]>) -> Option<(usize, Flaw)> {
    Value::read(document.as_ref(), 60).err().map(|Fault { at, flaw }| (at, flaw))
}

#[test]
fn what_is_no_json_says_at_which_byte() {
    for (text, at) in [
        ("", 0),
        (" ", 1),
        ("{", 1),
        ("[1", 2),
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("{\"a\"}", 4),
        ("{\"a\" 1}", 5),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{1:2}", 1),
        ("1 2", 2),
        ("[] x", 3),
        ("truer", 4),
        ("True", 0),
        ("NaN", 0),
        ("-", 1),
        ("-Infinity", 1),
        ("+1", 0),
        ("01", 1),
        ("-01", 2),
        (".5", 0),
        ("1.", 2),
        ("1.e5", 2),
        ("1e", 2),
        ("1e+", 3),
        ("0x10", 1),
        ("\"", 1),
        ("\"a", 2),
        ("\"\\", 2),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("\"\\u12\"", 5),
        ("\"a\nb\"", 2),
        ("\"a\tb\"", 2),
        ("\"\0\"", 1),
        ("// a\n1", 0),
        ("[1] // a", 4),
        ("\u{feff}1", 0),
        ("\u{a0}1", 0),
        ("[\u{c}1]", 1),
    ] {
        assert_eq!(fault(text), Some((at, Flaw::Syntax)), "{text:?}");
    }
}

#[test]
fn half_of_a_surrogate_pair_is_refused_though_the_grammar_has_it() {
    for (text, at) in [
        (r#""\ud800""#, 1),
        (r#""a\udc00""#, 2),
        (r#""\ud800\ud800""#, 1),
        (r#""\ud800x""#, 1),
        (r#""\ud800\n""#, 1),
        (r#"{"\udfff":1}"#, 2),
    ] {
        assert_eq!(fault(text), Some((at, Flaw::Surrogate)), "{text}");
    }
    assert_eq!(fault(r#""\ud83d\ude00 \uD83D\uDE00 \ud7ff \ue000 \u0000""#), None);
}

#[test]
fn a_number_that_is_beyond_a_double_is_refused() {
    for text in ["1e309", "[1E+308]", "-1e400", "1e99999999999999999999999", &"9".repeat(309)] {
        assert!(matches!(fault(text), Some((_, Flaw::Number))), "{text}");
    }
    for text in ["1e307", "1e-400", "1e-99999999999999999999999", "0.5e300", &"9".repeat(308)] {
        assert_eq!(fault(text), None, "{text}");
    }
}

#[test]
fn what_is_no_utf8_is_refused_where_it_stops_being_so() {
    assert_eq!(fault(b"\"a\xff\""), Some((2, Flaw::Encoding)));
    assert_eq!(fault(b"\"\xed\xa0\x80\""), Some((1, Flaw::Encoding)), "a surrogate in bytes");
    assert_eq!(fault(b"\"\xc0\x80\""), Some((1, Flaw::Encoding)), "an overlong zero");
    assert_eq!(fault(b"\x1f\x8b\x08\x00"), Some((1, Flaw::Encoding)), "gzip");
}

#[test]
fn depth_has_a_limit_that_the_caller_sets() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert_eq!(fault(nested(60)), None);
    assert_eq!(fault(nested(61)), Some((60, Flaw::Depth)));
    let mixed = |depth: usize| [r#"{"a":["#.repeat(depth), "]}".repeat(depth)].concat();
    assert_eq!(fault(mixed(30)), None);
    assert_eq!(fault(mixed(31)), Some((30 * 6, Flaw::Depth)));
    assert_eq!(fault("1"), None);
    assert_eq!(Value::read(b"[]", 0).map_err(|fault| fault.at), Err(0));
}

#[test]
fn depth_takes_no_stack() {
    let deep = "[".repeat(ANSWER_DEPTH) + &"]".repeat(ANSWER_DEPTH);
    assert!(Value::read(deep.as_bytes(), ANSWER_DEPTH).is_ok());
    let deeper = "[".repeat(1_000_000);
    assert_eq!(
        Value::read(deeper.as_bytes(), ANSWER_DEPTH),
        Err(Fault { at: ANSWER_DEPTH, flaw: Flaw::Depth })
    );
}

#[test]
fn a_flat_document_may_be_as_wide_as_it_likes() {
    let wide = format!("[{}0]", "{},".repeat(100_000));
    let items = Value::read(wide.as_bytes(), 2).ok().and_then(Value::items);
    assert_eq!(items.map(|items| items.len()), Some(100_001));
}
