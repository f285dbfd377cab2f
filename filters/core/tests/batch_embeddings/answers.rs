//! Whose each vector is, and who used how much.

use super::{asks, part, protocol, shares, split};
use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, Embeddings, Protocol};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn usage(bodies: &[&str], usage: &str) -> Vec<String> {
    let count: usize = bodies.iter().map(|body| part(body).items()).sum();
    let data: Vec<_> = (0..count).map(|index| format!(r#"{{"index":{index}}}"#)).collect();
    let answer = format!(r#"{{"data":[{}],"usage":{usage}}}"#, data.join(","));
    let used = |share: String| Some(share.strip_suffix('}')?.split_once(r#""usage":"#)?.1.to_owned());
    shares(bodies, &answer).into_iter().map(|share| used(share).expect("usage")).collect()
}

#[test]
fn vectors_are_found_by_index_and_counted_anew_for_each_client() {
    let bodies = [asks(r#""a""#), asks(r#"["b","c"]"#)];
    let answer = r#"{"object":"list","data":[
        {"object":"embedding", "embedding":[2.50,-1e-3],"index":2},
        {"object":"embedding","index":0,"embedding":"AAAA"},
        {"index" : 1 ,"embedding":[1],"x":{"index":9}}],"model":"m-1"}"#;
    let expected = [
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAA"}],"model":"m-1"}"#,
        concat!(
            r#"{"object":"list","data":[{"index" : 0 ,"embedding":[1],"x":{"index":9}},"#,
            r#"{"object":"embedding", "embedding":[2.50,-1e-3],"index":1}],"model":"m-1"}"#
        ),
    ];
    assert_eq!(shares(&[&bodies[0], &bodies[1]], answer), expected);
}

#[test]
fn what_was_used_is_shared_out_by_weight_and_adds_up() {
    let (one, two) = (asks(r#""abc""#), asks(r#""abcdef""#));
    assert_eq!(
        usage(&[&one, &two], r#"{"prompt_tokens":9,"total_tokens":10}"#),
        [r#"{"prompt_tokens":3,"total_tokens":3}"#, r#"{"prompt_tokens":6,"total_tokens":7}"#]
    );
    assert_eq!(usage(&[&one, &one, &one], r#"{"t":2}"#), [r#"{"t":1}"#, r#"{"t":1}"#, r#"{"t":0}"#]);
    assert_eq!(usage(&[&one, &two], r#"{"t":0}"#), [r#"{"t":0}"#, r#"{"t":0}"#]);
    let most = format!(r#"{{"t":{}}}"#, u64::MAX);
    assert_eq!(
        usage(&[&one, &two], &most),
        [r#"{"t":6148914691236517205}"#, r#"{"t":12297829382473034410}"#]
    );
}

#[test]
fn details_of_use_are_shared_out_too_and_what_cannot_be_is_left_out() {
    let one = asks(r#""abc""#);
    let figures =
        r#"{ "d":{"t": 3,"u":{"v":{"w":{"x":1}}}},"cost":0.5,"of":null,"unit":"t","l":[1],"n":-1,"b":true}"#;
    assert_eq!(
        usage(&[&one, &one], figures),
        [
            r#"{"d":{"t":2,"u":{"v":{}}},"of":null,"unit":"t"}"#,
            r#"{"d":{"t":1,"u":{"v":{}}},"of":null,"unit":"t"}"#
        ]
    );
    assert_eq!(usage(&[&one], "null"), ["null"]);
}

#[test]
fn an_answer_that_cannot_be_assigned_breaks_all() {
    let bodies = [asks(r#""a""#), asks(r#""b""#)];
    let length = |found| Broken::Length { expected: 2, found };
    for (data, broken) in [
        (r#"[{"index":0}]"#, length(1)),
        (r#"[{"index":0},{"index":1},{"index":2}]"#, length(3)),
        ("[]", length(0)),
        (r#"[{"index":0},{"index":0}]"#, Broken::SameId),
        (r#"[{"index":0},{"index":2}]"#, Broken::OtherId),
        (r#"[{"index":1},{"index":2}]"#, Broken::OtherId),
        (r#"[{"index":0},{"index":-1}]"#, Broken::OtherId),
        (r#"[{"index":0},{"index":1.0}]"#, Broken::OtherId),
        (r#"[{"index":0},{"index":"\u0031"}]"#, Broken::OtherId),
        (r#"[{"index":0},{"index":"01"},{"index":"1"}]"#, length(3)),
        (r#"[{"embedding":[0]},{"embedding":[1]}]"#, Broken::NoId),
        (r#"[{"index":0},{"index":null}]"#, Broken::OtherId),
        (r#"[{"index":0},{"index":18446744073709551617}]"#, Broken::OtherId),
        (r#"[{"index":0},{"embedding":[1]}]"#, Broken::NoId),
        (r#"[{"index":0},[1]]"#, Broken::Form),
        (r#"{"0":{"index":0}}"#, Broken::Form),
        ("null", Broken::Form),
    ] {
        let answer = format!(r#"{{"data":{data}}}"#);
        assert_eq!(split(&[&bodies[0], &bodies[1]], &answer), Err(broken), "{data}");
    }
}

#[test]
fn an_answer_of_another_form_breaks_all() {
    let body = asks(r#""a""#);
    for (answer, name) in [
        ("{}", "form"),
        (r#"[{"index":0}]"#, "form"),
        (r#"{"error":{"message":"no"}}"#, "form"),
        (r#"{"data":[{"index":0}]"#, "syntax"),
        ("", "syntax"),
        (r#"{"data":[{"index":0}],"data":[{"index":0}]}"#, "repeated"),
        (r#"{"data":[{"index":0,"index":0}]}"#, "repeated"),
        (r#"{"data":[{"index":0}],"usage":{},"usage":{}}"#, "repeated"),
    ] {
        assert_eq!(split(&[&body], answer).map_err(Broken::name).err(), Some(name), "{answer}");
    }
    let answer = Answer { status: 429, body: br#"{"data":[{"index":0}]}"# };
    assert_eq!(protocol().split_all(&[part(&body)], answer), Err(Broken::Status(429)));
}

#[test]
fn an_index_in_quotes_is_one_and_stays_in_them() {
    let bodies = [asks(r#""a""#), asks(r#""b""#)];
    let answer = r#"{"data":[{"index":"1","embedding":[1]},{"index":"0","embedding":[0]}]}"#;
    let expected =
        [r#"{"data":[{"index":"0","embedding":[0]}]}"#, r#"{"data":[{"index":"0","embedding":[1]}]}"#];
    assert_eq!(shares(&[&bodies[0], &bodies[1]], answer), expected);
}

#[test]
fn where_the_operator_says_so_vectors_without_an_index_are_in_order() {
    let bodies = [asks(r#""a""#), asks(r#"["b","c"]"#)];
    let ordered = Protocol::Embeddings(Embeddings { is_ordered: true, ..Embeddings::default() });
    let split = |data: &str| {
        let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
        let body = format!(r#"{{"data":[{data}]}}"#);
        let shares = ordered.split_all(&parts, Answer { status: 200, body: body.as_bytes() })?;
        Ok(shares.into_iter().map(|share| String::from_utf8(share.body).expect("text")).collect::<Vec<_>>())
    };
    let expected = [r#"{"data":[{"embedding":[0]}]}"#, r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#];
    let expected: Vec<_> = expected.map(str::to_owned).into();
    assert_eq!(split(r#"{"embedding":[0]},{"embedding":[1]},{"embedding":[2]}"#), Ok(expected));
    let too_few = split(r#"{"embedding":[0]},{"embedding":[1]}"#);
    assert_eq!(too_few, Err(Broken::Length { expected: 3, found: 2 }));
    let some = split(r#"{"embedding":[0]},{"embedding":[1]},{"index":2}"#);
    assert_eq!(some, Err(Broken::NoId), "one that has an index says that order is not all");
    let turned = split(r#"{"index":2},{"index":1},{"index":0}"#).expect("an answer");
    assert_eq!(turned[0], r#"{"data":[{"index":0}]}"#, "an index goes before the place");
}

#[test]
fn a_failure_is_told_as_the_interface_tells_it() {
    let failure = |status| {
        let share = protocol().failure(&part(&asks(r#""a""#)), status, "a \"b\"");
        assert_eq!((share.status, share.content_type), (status, Some("application/json")));
        String::from_utf8(share.body).expect("text")
    };
    assert_eq!(
        failure(502),
        r#"{"error":{"message":"a \"b\"","type":"server_error","param":null,"code":"upstream_error"}}"#
    );
    assert!(failure(504).contains(r#""type":"server_error","param":null,"code":"timeout""#));
    assert!(failure(429).contains(r#""type":"rate_limit_error","param":null,"code":"rate_limit_exceeded""#));
    assert!(failure(400).contains(r#""type":"invalid_request_error","param":null,"code":"invalid_request""#));
}

#[test]
fn figures_of_use_are_no_longer_than_figures_are() {
    let answer =
        |length| format!(r#"{{"data":[{{"index":0}}],"usage":{{"note":"{}"}}}}"#, "x".repeat(length));
    let body = asks(r#""a""#);
    assert!(split(&[&body], &answer(4_000)).is_ok());
    // Everybody would get them written anew.
    assert_eq!(split(&[&body], &answer(5_000)), Err(Broken::Form));
}

#[test]
fn figures_of_use_may_have_four_kibibytes() {
    // The object has eleven bytes around its note.
    for (note, is_shared) in [(4_096 - 11, true), (4_097 - 11, false)] {
        let usage = format!(r#"{{"note":"{}"}}"#, "x".repeat(note));
        let answer = format!(r#"{{"data":[{{"index":0}}],"usage":{usage}}}"#);
        assert_eq!(split(&[&asks(r#""a""#)], &answer).is_ok(), is_shared, "{} bytes", usage.len());
    }
}

#[test]
fn what_is_said_to_all_is_an_error_and_no_answer() {
    let said = |body: &str| {
        let answer = Answer { status: 429, body: body.as_bytes() };
        protocol().said_to_all(&part(&asks(r#""a""#)), answer).map(|share| share.body)
    };
    let error = r#"{"error":{"message":"slow down"}}"#;
    assert_eq!(said(error).as_deref(), Some(error.as_bytes()));
    assert_eq!(said(r#"{"error":{"message":"slow down"},"data":[]}"#), None, "it has vectors, or none");
}
