//! Random clients and a server that computes each answer from the call: what it says to a batch is what it says to
//! each.

use super::{part, protocol};
use crate::batch_shares::SplitAll as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Answer, Outcome, Share};

/// What a server says to a call, by all of it but its id.
fn respond(call: &Json) -> Option<Json> {
    let said = json!([call["method"], call.get("params")]).to_string();
    let id = call.get("id")?;
    Some(if said.len().is_multiple_of(3) {
        json!({"jsonrpc": "2.0", "error": {"code": said.len(), "message": said}, "id": id})
    } else {
        json!({"jsonrpc": "2.0", "result": said, "id": id})
    })
}

/// What it says to a request.
fn serve(body: &[u8]) -> Option<Json> {
    match serde_json::from_slice(body).expect("JSON") {
        Json::Array(calls) => {
            let answers: Vec<_> = calls.iter().filter_map(respond).collect();
            (!answers.is_empty()).then_some(Json::Array(answers))
        }
        call => respond(&call),
    }
}

/// A call with a secret that no other has, though methods and ids are often the same.
fn call() -> impl Strategy<Value = String> {
    let id = prop::sample::select(vec!["", "1", "2", "\"1\"", "null", "\"\\u0031\"", "1.5"]);
    let params = prop_oneof![
        any::<u32>().prop_map(|secret| format!(r#","params":[{secret},"],{{id:1}}"]"#)),
        any::<u32>().prop_map(|secret| format!(r#", "params" : {{"id":{secret}, "jsonrpc":null}}"#)),
        Just(String::new()),
    ];
    ("[ab]", params, id, any::<bool>()).prop_map(|(method, params, id, first)| {
        let id = if id.is_empty() { String::new() } else { format!(r#""id":{id},"#) };
        let (front, back) = if first { (id.as_str(), "") } else { ("", id.trim_end_matches(',')) };
        let comma = if back.is_empty() { "" } else { "," };
        format!(r#"{{{front}"jsonrpc":"2.0","method":"{method}"{params}{comma}{back}}}"#)
    })
}

fn request() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => call(),
        1 => prop::collection::vec(call(), 1..5).prop_map(|calls| format!("[{}]", calls.join(", "))),
    ]
}

fn requests() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(request(), 1..8)
}

/// What may go wrong with an answer.
#[derive(Clone, Debug)]
enum Fault {
    Drop(prop::sample::Index),
    Double(prop::sample::Index),
    Renumber(prop::sample::Index, i64),
    Truncate(prop::sample::Index),
    Byte(prop::sample::Index, u8),
}

fn fault() -> impl Strategy<Value = Fault> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        place().prop_map(Fault::Drop),
        place().prop_map(Fault::Double),
        // Never a number that somebody has: a server that lies is beyond help.
        (place(), prop_oneof![-3..=0_i64, 100..200_i64]).prop_map(|(place, id)| Fault::Renumber(place, id)),
        place().prop_map(Fault::Truncate),
        (place(), prop::sample::select(b"[]{}\",:x\0\xff".to_vec()))
            .prop_map(|(place, byte)| Fault::Byte(place, byte)),
    ]
}

/// The server's answers, in another order, with this wrong.
fn spoiled(mut answers: Vec<Json>, fault: &Fault) -> Vec<u8> {
    match fault {
        Fault::Drop(place) => drop(answers.remove(place.index(answers.len()))),
        Fault::Double(place) => answers.push(answers[place.index(answers.len())].clone()),
        Fault::Renumber(place, id) => {
            let place = place.index(answers.len());
            answers[place]["id"] = json!(id);
        }
        Fault::Truncate(_) | Fault::Byte(..) => {}
    }
    let mut text = Json::Array(answers).to_string().into_bytes();
    match fault {
        Fault::Truncate(place) => text.truncate(place.index(text.len())),
        Fault::Byte(place, byte) => {
            let brackets = brackets(&text);
            text[brackets[place.index(brackets.len())]] = *byte;
        }
        _ => {}
    }
    text
}

/// Where brackets are that hold a document together; a letter changed within an answer is what the server said.
fn brackets(text: &[u8]) -> Vec<usize> {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut holds = |byte: u8| {
        is_text ^= byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        !is_text && b"[]{}".contains(&byte)
    };
    text.iter().enumerate().filter(|(_, byte)| holds(**byte)).map(|(at, _)| at).collect()
}

/// Whether this is what the server says to this request alone.
fn is_right(share: &Share, body: &str) -> bool {
    match serve(body.as_bytes()) {
        None => share.status == 204 && share.body.is_empty() && share.content_type.is_none(),
        Some(expected) => {
            share.status == 200 && serde_json::from_slice::<Json>(&share.body).ok() == Some(expected)
        }
    }
}

/// Whether this is right but for calls that it says were lost.
fn is_right_or_lost(share: &Share, body: &str) -> bool {
    if is_right(share, body) {
        return true;
    }
    let (Ok(found), Some(expected)) = (serde_json::from_slice(&share.body), serve(body.as_bytes())) else {
        return false;
    };
    let is_lost =
        |found: &Json, expected: &Json| found["error"]["code"] == -32000 && found["id"] == expected["id"];
    share.outcome == Outcome::Lost
        && match (&found, &expected) {
            (Json::Array(found), Json::Array(expected)) => {
                let mut pairs = found.iter().zip(expected);
                found.len() == expected.len() && pairs.all(|(one, other)| one == other || is_lost(one, other))
            }
            _ => is_lost(&found, &expected),
        }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_client_gets_what_the_server_says_to_it_alone(bodies in requests(), seed in any::<u64>()) {
        let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
        let text = match serve(&protocol().join(&parts).body) {
            Some(Json::Array(mut answers)) => {
                fastrand::Rng::with_seed(seed).shuffle(&mut answers);
                Json::Array(answers).to_string()
            }
            _ => String::new(),
        };
        let shares = protocol().split_all(&parts, Answer { status: 200, body: text.as_bytes() }).expect("an answer");
        prop_assert_eq!(shares.len(), bodies.len());
        for (share, body) in shares.iter().zip(&bodies) {
            prop_assert!(is_right(share, body), "{} gets {}", body, String::from_utf8_lossy(&share.body));
            prop_assert_eq!(share.outcome, Outcome::Answered);
        }
    }

    #[test]
    fn whatever_goes_wrong_nobody_gets_anothers_answer(bodies in requests(), fault in fault(), seed in any::<u64>()) {
        let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
        if let Some(Json::Array(mut answers)) = serve(&protocol().join(&parts).body) {
            fastrand::Rng::with_seed(seed).shuffle(&mut answers);
            let text = spoiled(answers, &fault);
            if let Ok(shares) = protocol().split_all(&parts, Answer { status: 200, body: &text }) {
                prop_assert_eq!(shares.len(), bodies.len());
                for (share, body) in shares.iter().zip(&bodies) {
                    let said = String::from_utf8_lossy(&share.body);
                    prop_assert!(is_right_or_lost(share, body), "{} gets {}", body, said);
                }
            }
        }
    }

    #[test]
    fn no_request_and_no_answer_panics(
        body in r#"[\[\]{},:"0-9 .]{0,12}|\{"jsonrpc":"2.0","(id|method|ID)":(1|null|"a"|\[\])?,?"method":"a"\}?"#,
        answer in "[\\[\\]{},:\"0-9 .]{0,12}|\\[\\{\"(id|ID)\":(1|2|null|-1|\"1\"),\"(id|result)\":[12]\\}\\]?",
    ) {
        let own = part(r#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b"}]"#);
        let parts: Vec<_> = protocol().read(b"POST", b"", body.as_bytes()).into_iter().chain([own]).collect();
        let split = protocol().split_all(&parts, Answer { status: 200, body: answer.as_bytes() });
        prop_assert!(split.is_err() || split.is_ok_and(|shares| shares.len() == parts.len()));
        prop_assert!(serde_json::from_slice::<Json>(&protocol().join(&parts).body).is_ok());
    }
}
