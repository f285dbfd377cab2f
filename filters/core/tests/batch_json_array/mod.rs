//! Items of many clients in one array.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[cfg(not(target_arch = "wasm32"))]
mod properties;

use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::json::{Flaw, MOST_FIELDS};
use switchyard_core::batch::{Answer, Broken, JsonArray, Outcome, Part, Protocol, Sends, Share, Why};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn protocol(field: Option<&str>, answers: Option<&str>, sends: Sends) -> Protocol {
    let (field, answers) = (field.map(Into::into), answers.map(Into::into));
    Protocol::JsonArray(JsonArray { field, answers, sends, is_repeatable: false, weigh: None })
}

/// Each body is an item; so is each piece of the answer.
fn bare() -> Protocol {
    protocol(None, None, Sends::Item)
}

/// KServe's: `instances`, answered by `predictions`.
fn instances() -> Protocol {
    protocol(Some("instances"), Some("predictions"), Sends::Items)
}

fn part(protocol: &Protocol, body: &str) -> Part {
    protocol.read(b"POST", b"/", body.as_bytes()).expect("a part")
}

fn joined(protocol: &Protocol, bodies: &[&str]) -> String {
    let parts: Vec<_> = bodies.iter().map(|body| part(protocol, body)).collect();
    String::from_utf8(protocol.join(&parts).body).expect("text")
}

fn split(protocol: &Protocol, bodies: &[&str], answer: &str) -> Result<Vec<String>, Broken> {
    let parts: Vec<_> = bodies.iter().map(|body| part(protocol, body)).collect();
    let shares = protocol.split_all(&parts, Answer { status: 200, body: answer.as_bytes() })?;
    Ok(shares.into_iter().map(|share| String::from_utf8(share.body).expect("text")).collect())
}

fn refused(protocol: &Protocol, body: &str) -> Option<(usize, Why)> {
    protocol.read(b"POST", b"/", body.as_bytes()).err().map(|refusal| (refusal.at, refusal.why))
}

#[test]
fn each_body_is_an_item_as_it_stands() {
    let bodies = [r#" {"a": 1.50} "#, "[1,2]", r#""x""#, "null"];
    assert_eq!(joined(&bare(), &bodies), r#"[{"a": 1.50},[1,2],"x",null]"#);
    assert_eq!(
        split(&bare(), &bodies, r#"[ 1e2, {"b" : 2}, null, "y" ]"#),
        Ok(["1e2", r#"{"b" : 2}"#, "null", r#""y""#].map(str::to_owned).to_vec())
    );
}

#[test]
fn items_can_be_wrapped_in_a_field_that_clients_know_nothing_of() {
    let protocol = protocol(Some("rows"), Some("out"), Sends::Item);
    assert_eq!(joined(&protocol, &["1", "[2]"]), r#"{"rows":[1,[2]]}"#);
    assert_eq!(
        split(&protocol, &["1", "[2]"], r#"{"model":"m","out":["a",["b"]]}"#),
        Ok(vec![r#""a""#.to_owned(), r#"["b"]"#.to_owned()])
    );
}

#[test]
fn clients_own_arrays_are_joined_and_answered_by_arrays() {
    let protocol = protocol(None, None, Sends::Items);
    assert_eq!(joined(&protocol, &["[1]", "[2, 3]", " [[]] "]), "[1,2,3,[]]");
    assert_eq!(
        split(&protocol, &["[1]", "[2, 3]", "[[]]"], r#"["a","b","c","d"]"#),
        Ok([r#"["a"]"#, r#"["b","c"]"#, r#"["d"]"#].map(str::to_owned).to_vec())
    );
}

#[test]
fn clients_own_documents_are_joined_and_answered_by_documents() {
    let bodies = [r#"{"instances":[1],"sig":"s"}"#, r#"{"sig":"s", "instances" : [2,3]}"#];
    let parts = bodies.map(|body| part(&instances(), body));
    assert_eq!(parts[0].group, parts[1].group, "the order of fields means nothing");
    assert_eq!(joined(&instances(), &bodies), r#"{"sig":"s","instances":[1,2,3]}"#);
    let answer = r#"{"predictions": [ [0.10], "b", null ] ,"model":"m"}"#;
    assert_eq!(
        split(&instances(), &bodies, answer),
        Ok([r#"{"predictions":[[0.10]],"model":"m"}"#, r#"{"predictions":["b",null],"model":"m"}"#]
            .map(str::to_owned)
            .to_vec())
    );
}

#[test]
fn what_stands_beside_the_array_must_be_the_same() {
    let group = |body| part(&instances(), body).group;
    let one = group(r#"{"instances":[1],"sig":"s","a":{}}"#);
    assert_eq!(one, group(r#"{"a":{},"sig":"s","instances":[2]}"#));
    for other in [
        r#"{"instances":[1]}"#,
        r#"{"instances":[1],"sig":"s"}"#,
        r#"{"instances":[1],"sig":"t","a":{}}"#,
        r#"{"instances":[1],"sig":"s","a":{ }}"#,
        r#"{"instances":[1],"sig":"s","A":{}}"#,
    ] {
        assert_ne!(one, group(other), "{other}");
    }
}

#[test]
fn a_part_counts_its_items_and_weighs_their_bytes() {
    let part = part(&instances(), r#"{"instances":[[1, 2],"abc"],"signature":"long"}"#);
    assert_eq!((part.items(), part.weight), (2, 6 + 5));
}

#[test]
fn only_the_configuration_knows_whether_items_may_be_asked_for_twice() {
    let protocol = |is_repeatable| Protocol::JsonArray(JsonArray { is_repeatable, ..JsonArray::default() });
    assert!(!part(&protocol(false), "1").is_repeatable && part(&protocol(true), "1").is_repeatable);
    assert_eq!((protocol(true).name(), protocol(true).groups_by_path()), ("json_array", false));
}

#[test]
fn a_document_without_the_array_goes_by_itself_and_says_where() {
    for (body, at, why) in [
        ("[1]", 0, Why::Form),
        (r#"{"rows":[1]}"#, 0, Why::Form),
        (r#"{"instances":1}"#, 13, Why::Form),
        (r#"{"instances":{"0":1}}"#, 13, Why::Form),
        (r#" {"instances":[]}"#, 1, Why::Empty),
        (r#"{"instances":[1]"#, 16, Why::Json(Flaw::Syntax)),
        (r#"{"instances":[1],"instances":[2]}"#, 17, Why::Json(Flaw::Repeated)),
        (r#"{"instances":[1],"a":1,"\u0061":2}"#, 23, Why::Json(Flaw::Repeated)),
        (r#"{"instances":[1],"Instances":[2]}"#, 17, Why::Json(Flaw::Repeated)),
    ] {
        assert_eq!(refused(&instances(), body), Some((at, why)), "{body}");
    }
    assert_eq!(refused(&protocol(None, None, Sends::Items), "{}"), Some((0, Why::Form)));
    assert_eq!(refused(&protocol(None, None, Sends::Items), "[]"), Some((0, Why::Empty)));
    assert_eq!(refused(&bare(), "1]"), Some((1, Why::Json(Flaw::Syntax))));
    assert_eq!(refused(&bare(), "1,2"), Some((1, Why::Json(Flaw::Syntax))), "two items for the price of one");
}

#[test]
fn an_answer_of_another_length_breaks_all() {
    for (answer, found) in [("[]", 0), ("[1]", 1), ("[1,2,3]", 3), ("[[1,2]]", 1)] {
        assert_eq!(
            split(&bare(), &["1", "2"], answer),
            Err(Broken::Length { expected: 2, found }),
            "{answer}"
        );
    }
    let bodies = [r#"{"instances":[1,2]}"#, r#"{"instances":[3]}"#];
    let short = split(&instances(), &bodies, r#"{"predictions":[1,2]}"#);
    assert_eq!(short, Err(Broken::Length { expected: 3, found: 2 }));
}

#[test]
fn an_answer_that_is_no_array_breaks_all() {
    for answer in ["{}", "null", r#""[1,2]""#, r#"{"predictions":[1,2]}"#] {
        assert_eq!(split(&bare(), &["1", "2"], answer), Err(Broken::Form), "{answer}");
    }
    let body = &[r#"{"instances":[1]}"#];
    for answer in ["[1]", "{}", r#"{"predictions":1}"#, r#"{"Predictions":[1]}"#] {
        assert_eq!(split(&instances(), body, answer), Err(Broken::Form), "{answer}");
    }
    for (answer, name) in [
        ("[1", "syntax"),
        (r#"{"predictions":[1]} x"#, "syntax"),
        (r#"{"predictions":[1],"predictions":[2]}"#, "repeated"),
    ] {
        assert_eq!(split(&instances(), body, answer).map_err(Broken::name), Err(name), "{answer}");
    }
}

#[test]
fn the_status_of_an_answer_is_that_of_every_share_and_no_failure_is_split() {
    let parts = [part(&bare(), "1")];
    let split = |status| bare().split_all(&parts, Answer { status, body: b"[1]" });
    let share = |status| Share {
        status,
        content_type: Some("application/json"),
        body: b"1".to_vec(),
        outcome: Outcome::Answered,
    };
    assert_eq!((split(200), split(201)), (Ok(vec![share(200)]), Ok(vec![share(201)])));
    assert_eq!(split(500), Err(Broken::Status(500)));
    assert_eq!(split(302), Err(Broken::Status(302)));
}

#[test]
fn a_failure_is_told_in_plain_json() {
    let share = bare().failure(&part(&bare(), "1"), 504, "too \"late\"");
    assert_eq!((share.status, share.content_type), (504, Some("application/json")));
    assert_eq!(share.body, br#"{"error":{"status":504,"message":"too \"late\""}}"#);
}

#[test]
fn every_way_to_break_has_a_name() {
    let length = Broken::Length { expected: 1, found: 2 };
    let all = [Broken::Status(500), Broken::Form, length, Broken::NoId, Broken::SameId, Broken::OtherId];
    let mut names = all.map(Broken::name).to_vec();
    names.sort_unstable();
    assert_eq!(names, ["form", "length", "no_id", "other_id", "same_id", "status"]);
}

#[test]
fn an_object_with_more_fields_than_any_has_is_not_looked_into() {
    let answer = |fields| {
        let fields: String = (0..fields).map(|field| format!(r#""{field}":0,"#)).collect();
        format!(r#"{{{fields}"predictions":[1]}}"#)
    };
    let body = &[r#"{"instances":[1]}"#];
    assert!(split(&instances(), body, &answer(MOST_FIELDS - 1)).is_ok());
    assert_eq!(split(&instances(), body, &answer(MOST_FIELDS)), Err(Broken::Form));
}
