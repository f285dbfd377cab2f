//! Whose each object is.

use super::{comma, parts, shares, split, wrapped};
use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, Outcome};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MISSING: &str = r#"{"error":{"status":404,"message":"there is no such object"}}"#;

fn found(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

fn missing() -> (u16, String) {
    (404, MISSING.to_owned())
}

#[test]
fn each_client_gets_its_own_objects_in_its_own_order() {
    let answer = r#"[ {"id":3, "x":1.50},{"id":"a"},{"id":1} ]"#;
    assert_eq!(
        shares(&comma(), &["/items?ids=1,a,3", "/items/3", "/items?ids=3,1", "/items?ids=a"], answer),
        [
            found(r#"[{"id":1},{"id":"a"},{"id":3, "x":1.50}]"#),
            found(r#"{"id":3, "x":1.50}"#),
            found(r#"[{"id":3, "x":1.50},{"id":1}]"#),
            found(r#"[{"id":"a"}]"#),
        ]
    );
}

#[test]
fn an_object_that_is_missing_is_not_found_for_who_asks_for_it_alone() {
    assert_eq!(
        shares(&comma(), &["/items/1", "/items/2", "/items/1"], r#"[{"id":2}]"#),
        [missing(), found(r#"{"id":2}"#), missing()]
    );
    let shares = split(&comma(), &["/items/1"], "[]").expect("an answer");
    assert_eq!((shares[0].outcome, shares[0].content_type), (Outcome::Answered, Some("application/json")));
}

#[test]
fn a_list_gets_what_there_is_of_it() {
    assert_eq!(
        shares(&comma(), &["/items?ids=1,2,3", "/items?ids=3", "/items?ids=3,1"], r#"[{"id":2}]"#),
        [found(r#"[{"id":2}]"#), found("[]"), found("[]")]
    );
}

#[test]
fn ids_are_compared_as_text_whether_string_or_number_and_however_written() {
    let paths = ["/items/1", "/items/a%2Fb", "/items/%30", "/items/-5", "/items/1.5"];
    let answer = r#"[{"id":"1"},{"id":"a\/\u0062"},{"id":0},{"id":-5},{"id":1.5}]"#;
    assert_eq!(
        shares(&comma(), &paths, answer),
        [r#"{"id":"1"}"#, r#"{"id":"a\/\u0062"}"#, r#"{"id":0}"#, r#"{"id":-5}"#, r#"{"id":1.5}"#].map(found)
    );
}

#[test]
fn objects_can_be_in_a_field_and_have_their_ids_deeper() {
    let answer = r#"{"found": [{"key":[2,1]},{"key":["1"]}], "v":1.0}"#;
    assert_eq!(
        shares(&wrapped(), &["/items/1", "/items?ids=2,1", "/items/3", "/items?ids=3"], answer),
        [
            found(r#"{"key":["1"]}"#),
            found(r#"{"found":[{"key":[2,1]},{"key":["1"]}],"v":1.0}"#),
            missing(),
            found(r#"{"found":[],"v":1.0}"#),
        ]
    );
}

#[test]
fn an_answer_that_cannot_be_assigned_breaks_all() {
    for (answer, broken) in [
        (r#"[{"id":1},{"id":1}]"#, Broken::SameId),
        (r#"[{"id":1},{"id":"1"}]"#, Broken::SameId),
        (r#"[{"id":1},{"id":3}]"#, Broken::OtherId),
        (r#"[{"id":1},{"id":2.0}]"#, Broken::OtherId),
        (r#"[{"id":1},{"id":"02"}]"#, Broken::OtherId),
        (r#"[{"id":1},{"id":" 2"}]"#, Broken::OtherId),
        (r#"[{"id":1},{"id":null}]"#, Broken::NoId),
        (r#"[{"id":1},{"id":[2]}]"#, Broken::NoId),
        (r#"[{"id":1},{"id":true}]"#, Broken::NoId),
        (r#"[{"id":1},{"ID":2}]"#, Broken::NoId),
        (r#"[{"id":1},{"id":2,"id":2}]"#, Broken::NoId),
        (r#"[{"id":1},null]"#, Broken::NoId),
        (r#"[{"id":1},2]"#, Broken::NoId),
        (r#"{"id":1}"#, Broken::Form),
        ("null", Broken::Form),
    ] {
        assert_eq!(split(&comma(), &["/items/1", "/items?ids=2"], answer), Err(broken), "{answer}");
    }
    for answer in [r#"[{"key":[1]}]"#, "{}", r#"{"found":{}}"#] {
        assert_eq!(split(&wrapped(), &["/items/1"], answer), Err(Broken::Form), "{answer}");
    }
}

#[test]
fn ids_that_are_one_to_some_servers_are_not_taken_for_missing() {
    for (one, other) in [("abc", "ABC"), ("1", "01"), ("0", "00"), ("%2B1", "1"), ("-", "%2D0")] {
        let paths = [format!("/items/{one}"), format!("/items/{other}")];
        let answer = format!(r#"[{{"id":"{}"}}]"#, one.replace("%2B", "+"));
        let split = split(&comma(), &[&paths[0], &paths[1]], &answer);
        if one == "-" {
            assert_eq!(split.map(|shares| shares[1].status), Ok(404), "these are two");
        } else {
            assert_eq!(split, Err(Broken::OtherId), "{one} and {other}");
        }
    }
    let both = r#"[{"id":"abc","x":1},{"id":"ABC"}]"#;
    let own = [found(r#"{"id":"ABC"}"#), found(r#"{"id":"abc","x":1}"#)];
    assert_eq!(shares(&comma(), &["/items/ABC", "/items/abc"], both), own, "this server tells them apart");
}

#[test]
fn a_failure_or_an_answer_that_is_cut_off_breaks_all() {
    for answer in ["", "[", r#"[{"id":1}"#, "[]]", "not found"] {
        assert_eq!(split(&comma(), &["/items/1"], answer).map_err(Broken::name), Err("syntax"), "{answer}");
    }
    for status in [301, 304, 404, 500] {
        let answer = Answer { status, body: b"[]" };
        let parts = parts(&comma(), &["/items/1"]);
        assert_eq!(comma().split_all(&parts, answer), Err(Broken::Status(status)));
    }
    let share = comma().failure(&parts(&comma(), &["/items/1"])[0], 502, "broken");
    assert_eq!((share.status, &*share.body), (502, &br#"{"error":{"status":502,"message":"broken"}}"#[..]));
}
