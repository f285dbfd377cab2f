//! Random clients and a server whose vectors are the inputs themselves.

use super::{part, protocol};
use crate::batch_shares::SplitAll as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Answer, Part, Share};

/// What the server says, without figures of use.
fn serve(body: &[u8]) -> Json {
    let request: Json = serde_json::from_slice(body).expect("JSON");
    let inputs = match &request["input"] {
        Json::Array(items) if !items[0].is_number() => items.clone(),
        one => vec![one.clone()],
    };
    let vector = |(index, input): (usize, &Json)| json!({"index": index, "embedding": [input]});
    let data: Json = inputs.iter().enumerate().map(vector).collect();
    json!({"object": "list", "data": data, "model": request["model"]})
}

fn shuffled(mut data: Vec<Json>, seed: u64) -> Vec<Json> {
    fastrand::Rng::with_seed(seed).shuffle(&mut data);
    data
}

fn data(answer: &mut Json) -> &mut Vec<Json> {
    answer["data"].as_array_mut().expect("an array")
}

fn texts() -> impl Strategy<Value = String> {
    let text = || r#""([a-c\]\[,{}: é]|\\n|\\u00e9){1,8}""#;
    prop_oneof![
        text().boxed(),
        prop::collection::vec(text(), 1..4).prop_map(|texts| format!("[ {} ]", texts.join(", "))).boxed()
    ]
}

fn tokens() -> impl Strategy<Value = String> {
    let one = || prop::collection::vec(any::<u8>(), 1..4).prop_map(|tokens| json!(tokens).to_string());
    prop_oneof![
        one().boxed(),
        prop::collection::vec(one(), 1..4).prop_map(|all| format!("[{}]", all.join(","))).boxed()
    ]
}

fn requests() -> impl Strategy<Value = Vec<String>> {
    let body = |input: String| format!(r#"{{"input": {input},"model":"m"}}"#);
    prop_oneof![
        prop::collection::vec(texts().prop_map(body), 1..6),
        prop::collection::vec(tokens().prop_map(body), 1..6),
    ]
}

fn parts(bodies: &[String]) -> Vec<Part> {
    bodies.iter().map(|body| part(body)).collect()
}

fn found(share: &Share) -> Json {
    serde_json::from_slice(&share.body).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_client_gets_what_the_server_says_to_it_alone(
        bodies in requests(),
        total in 0..1_000_000_u64,
        seed in any::<u64>(),
    ) {
        let parts = parts(&bodies);
        prop_assert!(parts.windows(2).all(|pair| pair[0].group == pair[1].group));
        let mut answer = serve(&protocol().join(&parts).body);
        let reordered = shuffled(data(&mut answer).clone(), seed);
        *data(&mut answer) = reordered;
        answer["usage"] = json!({"total_tokens": total});
        let text = answer.to_string();
        let shares = protocol().split_all(&parts, Answer { status: 200, body: text.as_bytes() }).expect("an answer");
        prop_assert_eq!(shares.len(), bodies.len());
        let weight: u64 = parts.iter().map(|part| part.weight).sum();
        let mut used = 0;
        for ((share, body), part) in shares.iter().zip(&bodies).zip(&parts) {
            let mut found = found(share);
            let usage = found.as_object_mut().and_then(|fields| fields.remove("usage")).expect("usage");
            let own = usage["total_tokens"].as_u64().expect("a number");
            prop_assert!((own * weight).abs_diff(total * part.weight) < weight, "no further than one from its due");
            used += own;
            prop_assert_eq!(found, serve(body.as_bytes()));
        }
        prop_assert_eq!(used, total);
    }

    #[test]
    fn whatever_goes_wrong_nobody_gets_anothers_vector(
        bodies in requests(),
        place in any::<prop::sample::Index>(),
        kind in 0..6_u8,
        seed in any::<u64>(),
    ) {
        let parts = parts(&bodies);
        let mut answer = serve(&protocol().join(&parts).body);
        let mut vectors = shuffled(data(&mut answer).clone(), seed);
        let (at, count) = (place.index(vectors.len()), vectors.len());
        match kind {
            0 => drop(vectors.remove(at)),
            1 => vectors.push(vectors[at].clone()),
            2 => vectors[at] = vectors[seed as usize % count].clone(),
            3 => vectors[at]["index"] = json!(count),
            4 => vectors[at]["index"] = json!(vectors[at]["index"].to_string()),
            _ => {}
        }
        *data(&mut answer) = vectors;
        let mut text = answer.to_string().into_bytes();
        if kind == 5 {
            text.truncate(place.index(text.len()));
        }
        match protocol().split_all(&parts, Answer { status: 200, body: &text }) {
            // One was put in its own place, or has its index in quotes.
            Ok(shares) => for (share, body) in shares.iter().zip(&bodies) {
                prop_assert!(kind == 2 || kind == 4);
                let mut found = found(share);
                for vector in data(&mut found) {
                    let unquoted = vector["index"].as_str().map(|index| index.parse::<u64>().expect("a number"));
                    if let Some(index) = unquoted {
                        vector["index"] = json!(index);
                    }
                }
                prop_assert_eq!(found, serve(body.as_bytes()));
            },
            Err(_) => prop_assert!(kind != 4 && (kind != 2 || count > 1)),
        }
    }

    #[test]
    fn no_request_and_no_answer_panics(
        body in r#"[\[\]{},:"0-9 .]{0,12}|\{"input":(\[\[?(1|"a"|"")?,?1?\]?\]|"a"|null),?"model":1\}?"#,
        answer in r#"[\[\]{},:"0-9]{0,9}|\{"data":\[\{"index":[01]\},?(\{"index":[0-2]\})?\],"usage":\{"a":-?1\}\}?"#,
    ) {
        if let Ok(read) = protocol().read(b"POST", b"", body.as_bytes()) {
            let joined = protocol().join(&[&read]).body;
            prop_assert!(serde_json::from_slice::<Json>(&joined).is_ok());
            let again = protocol().read(b"POST", b"", &joined).expect("a batch is a request");
            prop_assert_eq!((again.items(), again.weight), (read.items(), read.weight));
        }
        let parts = [part(r#"{"input":"a"}"#), part(r#"{"input":["b"]}"#)];
        let split = protocol().split_all(&parts, Answer { status: 200, body: answer.as_bytes() });
        prop_assert!(split.is_err() || split.is_ok_and(|shares| shares.len() == 2));
    }
}
