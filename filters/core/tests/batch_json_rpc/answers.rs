//! Whose each answer is.

use super::{outcomes, part, protocol, shares, split};
use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::json::Flaw;
use switchyard_core::batch::{Answer, Broken, Outcome, Share};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = r#"{"jsonrpc":"2.0","method":"a","id":"x"}"#;
const B: &str = r#"{"jsonrpc":"2.0","method":"b","id":7}"#;
const NULL: &str = r#"{"jsonrpc":"2.0","method":"n","id":null}"#;
const TELLS: &str = r#"{"jsonrpc":"2.0","method":"t"}"#;

#[test]
fn answers_find_their_calls_in_any_order_and_get_their_ids_back() {
    let answer = r#"[{"jsonrpc":"2.0","id":3,"result":null},
        {"jsonrpc":"2.0","result":1.50,"id":1}, {"id":2,"error":{"code":-1,"message":"id"},"jsonrpc":"2.0"}]"#;
    let expected = [
        r#"{"jsonrpc":"2.0","result":1.50,"id":"x"}"#,
        r#"{"id":7,"error":{"code":-1,"message":"id"},"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":null}"#,
    ];
    assert_eq!(shares(&[A, B, NULL], answer), expected);
}

#[test]
fn an_id_comes_back_letter_by_letter() {
    for id in
        [r#""1""#, "1", "1.0", "1e0", "-1", r#""\u0031""#, r#""""#, "null", "123456789012345678901234567890"]
    {
        let call = format!(r#"{{"jsonrpc":"2.0","method":"a","id": {id} }}"#);
        let expected = format!(r#"{{"result":{{"id":1}},"id":{id}}}"#);
        assert_eq!(shares(&[&call], r#"[{"result":{"id":1},"id":1}]"#), [expected]);
    }
}

#[test]
fn two_clients_with_the_same_id_get_their_own_answers() {
    assert_eq!(
        shares(&[B, B], r#"[{"id":2,"result":"second"},{"id":1,"result":"first"}]"#),
        [r#"{"id":7,"result":"first"}"#, r#"{"id":7,"result":"second"}"#]
    );
}

#[test]
fn a_clients_own_batch_comes_back_as_an_array_in_its_own_order() {
    let own = &[r#"[{"jsonrpc":"2.0","method":"a","id":5},{"jsonrpc":"2.0","method":"t"},"#, B, "]"].concat();
    let answer = r#"[{"id":4,"result":4},{"id":3,"result":3},{"id":1,"result":1}]"#;
    assert_eq!(
        shares(&[own, A], answer),
        [r#"[{"id":5,"result":1},{"id":7,"result":3}]"#, r#"{"id":"x","result":4}"#]
    );
}

#[test]
fn a_clients_own_batch_of_one_comes_back_as_an_array_of_one() {
    assert_eq!(shares(&[&format!("[{B}]")], r#"[{"id":1,"result":1}]"#), [r#"[{"id":7,"result":1}]"#]);
}

#[test]
fn a_notification_gets_nothing() {
    let nothing = Share { status: 204, content_type: None, body: Vec::new(), outcome: Outcome::Answered };
    let found =
        split(&[TELLS, B, &format!("[{TELLS},{TELLS}]")], r#"[{"id":2,"result":1}]"#).expect("an answer");
    assert_eq!((&found[0], &found[2]), (&nothing, &nothing));
    assert_eq!((found[1].status, found[1].content_type), (200, Some("application/json")));
}

#[test]
fn a_batch_of_notifications_may_be_answered_by_nothing_at_all() {
    for (status, body) in [(204, ""), (200, ""), (202, " \n"), (200, "[]")] {
        let answer = Answer { status, body: body.as_bytes() };
        let found = protocol().split_all(&[part(TELLS), part(TELLS)], answer).expect("an answer");
        assert!(found.len() == 2 && found.iter().all(|share| share.status == 204), "{status} {body:?}");
    }
    let refusal = r#"[{"id":null,"error":{"code":-32700,"message":"no"}}]"#;
    assert_eq!(split(&[TELLS], refusal), Err(Broken::OtherId));
    let refusal = r#"{"id":null,"error":{"code":-32700,"message":"no"}}"#;
    assert_eq!(split(&[TELLS], refusal), Err(Broken::Refused));
    assert_eq!(split(&[TELLS], r#"{"error":1}"#), Err(Broken::Form));
    let answer = Answer { status: 500, body: b"" };
    assert_eq!(protocol().split_all(&[part(TELLS)], answer), Err(Broken::Status(500)));
}

#[test]
fn a_call_that_the_server_left_out_is_lost_and_no_other() {
    let answer = r#"[{"id":2,"result":1}]"#;
    assert_eq!(outcomes(&[A, B], answer), [(502, Outcome::Lost), (200, Outcome::Answered)]);
    let found = shares(&[A, B], answer);
    assert!(found[0].starts_with(r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":""#), "{}", found[0]);
    assert!(found[0].ends_with(r#"},"id":"x"}"#), "{}", found[0]);
    assert_eq!(found[1], r#"{"id":7,"result":1}"#);
}

#[test]
fn a_call_that_is_lost_out_of_a_clients_own_batch_is_an_error_in_it() {
    let own = format!("[{A},{B},{TELLS}]");
    let answer = r#"[{"id":2,"result":1}]"#;
    assert_eq!(outcomes(&[&own], answer), [(200, Outcome::Lost)]);
    let found = shares(&[&own], answer).remove(0);
    assert!(found.starts_with(r#"[{"jsonrpc":"2.0","error":{"#), "{found}");
    assert!(found.ends_with(r#"},"id":"x"},{"id":7,"result":1}]"#), "{found}");
}

#[test]
fn an_answer_with_nothing_in_it_loses_all() {
    assert_eq!(outcomes(&[A, B], "[]"), [(502, Outcome::Lost), (502, Outcome::Lost)]);
}

#[test]
fn an_answer_that_cannot_be_assigned_breaks_all() {
    for (answer, broken) in [
        (r#"[{"id":1,"result":1},{"id":1,"result":2}]"#, Broken::SameId),
        (r#"[{"id":1,"result":1},{"id":2,"result":2},{"id":2,"result":2}]"#, Broken::SameId),
        (r#"[{"id":1,"result":1},{"id":3,"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":0,"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":"02","result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":"two","result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":"1","result":2}]"#, Broken::SameId),
        (r#"[{"id":1,"result":1},{"id":2.0,"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":-2,"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":18446744073709551617,"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":[2],"result":2}]"#, Broken::OtherId),
        (r#"[{"id":1,"result":1},{"id":null,"error":{"code":-32600,"message":"?"}}]"#, Broken::NoId),
        (r#"[{"id":1,"result":1},{"result":2}]"#, Broken::NoId),
        (r#"[{"id":1,"result":1},{"ID":2,"result":2}]"#, Broken::NoId),
        (r#"[{"id":1,"result":1},2]"#, Broken::Form),
        (r#"[{"id":1,"result":1},[{"id":2,"result":2}]]"#, Broken::Form),
        (r#"{"id":1,"result":1}"#, Broken::Form),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}"#, Broken::Form),
        ("null", Broken::Form),
    ] {
        assert_eq!(split(&[A, B], answer), Err(broken), "{answer}");
    }
}

#[test]
fn an_answer_to_a_notification_breaks_all() {
    assert_eq!(split(&[A, TELLS], r#"[{"id":1,"result":1},{"id":2,"result":1}]"#), Err(Broken::OtherId));
}

#[test]
fn an_id_that_is_there_twice_in_one_answer_breaks_all() {
    let broken = split(&[A, B], r#"[{"id":1,"id":2,"result":1}]"#).expect_err("two ids");
    assert!(matches!(broken, Broken::Json(fault) if fault.flaw == Flaw::Repeated && fault.at == 9));
    assert_eq!(broken.name(), "repeated");
}

#[test]
fn an_answer_that_is_cut_off_or_no_json_breaks_all() {
    for answer in ["", "[", r#"[{"id":1,"result":1}"#, "<html>", r#"[{"id":1,"result":1}]]"#, "\u{feff}[]"] {
        let broken = split(&[A, B], answer).expect_err("no JSON");
        assert_eq!(broken.name(), "syntax", "{answer}");
    }
    let answer = Answer { status: 200, body: b"[\xff]" };
    let broken = protocol().split_all(&[part(A)], answer).expect_err("no text");
    assert_eq!(broken.name(), "syntax");
}

#[test]
fn a_status_that_is_no_success_breaks_all_whatever_the_body() {
    for status in [100, 199, 300, 404, 429, 500, 503] {
        let answer = Answer { status, body: br#"[{"id":1,"result":1}]"# };
        assert_eq!(protocol().split_all(&[part(A)], answer), Err(Broken::Status(status)));
    }
}

#[test]
fn an_answer_may_be_deeper_than_a_call() {
    let trace = ["[".repeat(5_000), "]".repeat(5_000)].concat();
    let answer = format!(r#"[{{"id":1,"result":{trace}}}]"#);
    assert_eq!(shares(&[B], &answer), [format!(r#"{{"id":7,"result":{trace}}}"#)]);
}
