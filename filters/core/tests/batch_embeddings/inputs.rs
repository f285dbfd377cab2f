//! What goes into a batch, and what does not.

use super::{asks, joined, narrow, part, protocol, refused};
use switchyard_core::batch::Why;
use switchyard_core::batch::json::Flaw;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn texts_of_several_clients_are_one_array() {
    let bodies = [asks(r#""a\u00e9""#), asks(r#"["b", "c"]"#)];
    assert_eq!(joined(&[&bodies[0], &bodies[1]]), r#"{"model":"m","input":["a\u00e9","b","c"]}"#);
}

#[test]
fn one_text_in_tokens_is_one_item_and_several_are_several() {
    let bodies = [asks("[1, 2]"), asks("[[3],[4,5]]")];
    assert_eq!(joined(&[&bodies[0], &bodies[1]]), r#"{"model":"m","input":[[1, 2],[3],[4,5]]}"#);
    assert_eq!((part(&bodies[0]).items(), part(&bodies[1]).items()), (1, 2));
}

#[test]
fn texts_and_tokens_never_share_a_batch() {
    assert_ne!(part(&asks(r#""1""#)).group, part(&asks("[1]")).group);
    assert_eq!(part(&asks("[1]")).group, part(&asks("[[1]]")).group);
    assert_eq!(part(&asks(r#""1""#)).group, part(&asks(r#"["1"]"#)).group);
    assert_eq!(joined(&[r#"{"input":[1]}"#]), r#"{"input":[[1]]}"#);
}

#[test]
fn all_other_fields_must_be_the_same_in_any_order() {
    let group = |body| part(body).group;
    let one = group(r#"{"model":"m","input":"a","dimensions":3,"user":null}"#);
    assert_eq!(one, group(r#"{"user":null, "dimensions": 3 ,"input":["b"],"model":"m"}"#));
    for other in [
        r#"{"model":"m","input":"a","dimensions":3}"#,
        r#"{"model":"m","input":"a","dimensions":3,"user":""}"#,
        r#"{"model":"m","input":"a","dimensions":3.0,"user":null}"#,
        r#"{"model":"n","input":"a","dimensions":3,"user":null}"#,
        r#"{"model":"m","input":"a","dimensions":3,"user":null,"encoding_format":"base64"}"#,
        r#"{"input":"a"}"#,
    ] {
        assert_ne!(one, group(other), "{other}");
    }
}

#[test]
fn a_part_weighs_its_tokens_estimated_from_bytes() {
    let weight = |input: &str| part(&asks(input)).weight;
    assert_eq!(weight(r#""a""#), 1);
    assert_eq!(weight(r#""abc""#), 1);
    assert_eq!(weight(r#""abcd""#), 2);
    assert_eq!(weight(r#"["abcd","é","x"]"#), 4);
    assert_eq!(weight("[1,2,3,4]"), 4);
    assert_eq!(weight("[[1,2,3,4],[5]]"), 5);
    assert!(part(&asks("[1]")).is_repeatable);
    assert_eq!((protocol().name(), protocol().groups_by_path()), ("embeddings", false));
}

#[test]
fn an_estimate_of_no_bytes_for_a_token_is_taken_for_one() {
    let limits = switchyard_core::batch::Embeddings { bytes_per_token: 0, ..Default::default() };
    let protocol = switchyard_core::batch::Protocol::Embeddings(limits);
    let part = protocol.read(b"POST", b"/", br#"{"input":"abc"}"#);
    assert_eq!(part.map(|part| part.weight), Ok(3));
}

#[test]
fn what_is_more_than_a_batch_may_be_goes_by_itself() {
    let twenty = "x".repeat(20);
    let refused = |input: &str| refused(&narrow(), &asks(input));
    assert_eq!(refused(&format!(r#""{twenty}""#)), None);
    assert_eq!(refused(&format!(r#""{twenty}y""#)), Some((21, Why::Limit)));
    assert_eq!(refused(&format!(r#"["a","{twenty}y"]"#)), Some((26, Why::Limit)), "which of them");
    assert_eq!(refused(&format!(r#"["{twenty}","{twenty}"]"#)), None);
    assert_eq!(refused(&format!(r#"["{twenty}","{twenty}","a"]"#)), Some((21, Why::Limit)), "all of them");
    assert_eq!(refused(r#"["a","b","c","d"]"#), None);
    assert_eq!(refused(r#"["a","b","c","d","e"]"#), Some((21, Why::Limit)));
    assert_eq!(refused("[1,2,3,4,5,6,7,8,9,0]"), None);
    assert_eq!(refused("[1,2,3,4,5,6,7,8,9,0,1]"), Some((21, Why::Limit)));
}

#[test]
fn an_empty_input_goes_by_itself_since_it_would_fail_all_others() {
    for (input, at) in [(r#""""#, 21), ("[]", 21), (r#"["a",""]"#, 26), ("[[1],[]]", 26), ("[[]]", 22)] {
        assert_eq!(refused(&protocol(), &asks(input)), Some((at, Why::Empty)), "{input}");
    }
}

#[test]
fn what_is_no_input_goes_by_itself_and_says_where() {
    for (input, at) in [
        ("null", 21),
        ("1", 21),
        (r#"{"text":"a"}"#, 21),
        ("[null]", 22),
        (r#"["a",1]"#, 26),
        (r#"[1,"a"]"#, 24),
        (r#"["a",[1]]"#, 26),
        (r#"[[1],"a"]"#, 26),
        (r#"[[1],2]"#, 26),
        ("[1.5]", 22),
        ("[-1]", 22),
        ("[[1,[2]]]", 25),
        (r#"[{"text":"a"}]"#, 22),
    ] {
        assert_eq!(refused(&protocol(), &asks(input)), Some((at, Why::Form)), "{input}");
    }
    assert_eq!(refused(&protocol(), r#"{"model":"m"}"#), Some((0, Why::Form)));
    assert_eq!(refused(&protocol(), r#"["a"]"#), Some((0, Why::Form)));
    assert_eq!(refused(&protocol(), r#"{"input":"a"#), Some((11, Why::Json(Flaw::Syntax))));
}

#[test]
fn fields_that_are_there_twice_or_nearly_keep_a_request_out() {
    for (body, at) in [
        (r#"{"input":"a","input":"b"}"#, 13),
        (r#"{"input":"a","Input":"b"}"#, 13),
        (r#"{"input":"a","model":"m","model":"n"}"#, 25),
    ] {
        assert_eq!(refused(&protocol(), body), Some((at, Why::Json(Flaw::Repeated))), "{body}");
    }
}
