//! Nasty documents, and what random changes make of them: read, joined and split by every protocol.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::batch_shares::SplitAll as _;
use proptest::prelude::*;
use serde_json::Value as Json;
use switchyard_core::batch::{Answer, Embeddings, IdForm, IdList, JsonArray, JsonRpc, Part, Protocol, Sends};

/// Requests and answers that were made to be misread, and plain ones that changes make so.
const CORPUS: &[&str] = &[
    r#"{"jsonrpc":"2.0","method":"a","params":[1],"id":1}"#,
    r#"[{"jsonrpc":"2.0","method":"a","id":"1"},{"jsonrpc":"2.0","method":"b","params":{"id":2}}]"#,
    r#"{"jsonrpc":"2.0","method":"a","params":["}],[{"],"id":"\"},{\"id\":2"}"#,
    r#"{"jsonrpc":"2.0","method":"a\u0000","id":1e5,"ID":2}"#,
    r#"{"jsonrpc":"2.0","method":"a","id":9007199254740993}"#,
    r#"[{"jsonrpc":"2.0","id":1,"result":{"id":2}},{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":""}}]"#,
    r#"[{"id":2,"result":1},{"id":1,"result":2},{"id":3,"result":3}]"#,
    r#"[{"id":1,"result":1},{"id":1,"result":2}]"#,
    r#"{"instances":[[1,2],{"a":"]"}],"signature":"s"}"#,
    r#"{"instances":[],"instances":[1]}"#,
    r#"{"predictions":[1,2],"model":"m"}"#,
    r#"{"model":"m","input":["a","]}"],"dimensions":3}"#,
    r#"{"input":[[1,2],[3]]}"#,
    r#"{"input":[1,2],"\u0069nput":"x"}"#,
    r#"{"data":[{"index":1,"embedding":[0.1]},{"index":0}],"usage":{"total_tokens":3,"d":{"x":1}}}"#,
    r#"{"data":[{"index":0,"index":1},{"index":1}],"usage":7}"#,
    r#"[{"id":1},{"id":"2"},{"id":3,"x":"},{"}]"#,
    r#"[{"id":"\u0031"},{"id":1.0}]"#,
    "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    r#"{"":{"":{"":[{"":null}]}}}"#,
    "[1e999,-0,0.0e-0,1E+2]",
    "\"\\ud83d\\ude00\\u0000\u{7f}\u{2028}\u{feff}\"",
    "/items?ids=1,2&v=1",
    "/items?ids=1&ids=2&%69ds=3",
    "/items/1",
    "/items/%31%2C2?x=[y]",
    "",
    " ",
    "null",
];

fn id_list(form: IdForm, field: Option<&str>) -> Protocol {
    Protocol::IdList(IdList {
        path: "/items".into(),
        parameter: "ids".into(),
        form,
        takes_single: true,
        field: field.map(Into::into),
        id_pointer: "/id".into(),
    })
}

fn array(field: Option<&str>, answers: Option<&str>, sends: Sends) -> Protocol {
    let (field, answers) = (field.map(Into::into), answers.map(Into::into));
    Protocol::JsonArray(JsonArray { field, answers, sends, is_repeatable: true, weigh: None })
}

fn protocols() -> Vec<Protocol> {
    vec![
        Protocol::JsonRpc(JsonRpc::default()),
        array(None, None, Sends::Item),
        array(Some("instances"), Some("predictions"), Sends::Items),
        array(None, Some("predictions"), Sends::Items),
        Protocol::Embeddings(Embeddings::default()),
        id_list(IdForm::Comma, None),
        id_list(IdForm::Repeated, Some("data")),
    ]
}

/// A document of the corpus after some changes: letters, pieces of other documents, cuts.
fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let piece = || {
        prop::sample::select(CORPUS).prop_flat_map(|text| {
            (0..=text.len(), 0..=text.len())
                .prop_map(move |(one, other)| text.as_bytes()[one.min(other)..one.max(other)].to_vec())
        })
    };
    let letter =
        prop::sample::select(b"\"\\[]{},:0-.eu%&=;#? \n\0\xc3\xff".to_vec()).prop_map(|byte| vec![byte]);
    let change = (any::<prop::sample::Index>(), 0..3_usize, prop_oneof![3 => letter, 1 => piece()]);
    let changes = prop_oneof![2 => Just(0..1_usize), 5 => Just(1..4)];
    let changes = changes.prop_flat_map(move |count| prop::collection::vec(change.clone(), count));
    (prop::sample::select(CORPUS), changes).prop_map(|(text, changes)| {
        let mut bytes = text.as_bytes().to_vec();
        for (place, gone, new) in changes {
            let from = place.index(bytes.len() + 1);
            let to = (from + gone).min(bytes.len());
            bytes.splice(from..to, new);
        }
        bytes
    })
}

fn read(protocol: &Protocol, text: &[u8]) -> Option<Part> {
    let read = match protocol {
        Protocol::IdList(_) => protocol.read(b"GET", text, b""),
        _ => protocol.read(b"POST", b"/", text),
    };
    if let Err(refusal) = &read {
        assert!(refusal.at <= text.len(), "{refusal:?}");
    }
    read.ok()
}

/// How many items another parser sees in a batch, or in a client's own list.
fn seen(protocol: &Protocol, body: &[u8]) -> usize {
    let document: Json = serde_json::from_slice(body).expect("a batch is JSON");
    let items = match protocol {
        Protocol::JsonArray(JsonArray { field: Some(field), .. }) => &document[&**field],
        Protocol::Embeddings(_) => &document["input"],
        _ => &document,
    };
    items.as_array().expect("a batch is an array").len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn a_batch_has_the_items_of_its_parts_to_any_parser(texts in prop::collection::vec(nasty(), 1..5)) {
        for protocol in protocols() {
            let mut parts: Vec<_> = texts.iter().filter_map(|text| read(&protocol, text)).collect();
            let group = parts.first().map(|part| part.group.clone());
            parts.retain(|part| Some(&part.group) == group.as_ref());
            if parts.is_empty() {
                continue;
            }
            let (joined, items) = (protocol.join(&parts), parts.iter().map(Part::items).sum::<usize>());
            match joined.path {
                None => prop_assert_eq!(seen(&protocol, &joined.body), items),
                Some(path) => {
                    let again = read(&protocol, path.as_bytes()).expect("a batch is a request");
                    prop_assert!(again.items() <= items && Some(again.group) == group);
                }
            }
        }
    }

    #[test]
    fn an_answer_is_split_into_as_many_shares_as_there_are_parts_or_not_at_all(
        texts in prop::collection::vec(nasty(), 1..4),
        answer in nasty(),
        status in prop::sample::select(vec![200_u16, 200, 204, 500]),
    ) {
        for protocol in protocols() {
            let parts: Vec<_> = texts.iter().filter_map(|text| read(&protocol, text)).collect();
            if let Ok(shares) = protocol.split_all(&parts, Answer { status, body: &answer }) {
                prop_assert_eq!(shares.len(), parts.len());
                for share in &shares {
                    let is_json = serde_json::from_slice::<Json>(&share.body).is_ok();
                    prop_assert_eq!(share.content_type.is_some(), is_json);
                    prop_assert!(is_json || share.body.is_empty());
                }
            }
            for part in &parts {
                let share = protocol.failure(part, 502, "\"}\u{0}é");
                prop_assert!(share.body.is_empty() || serde_json::from_slice::<Json>(&share.body).is_ok());
            }
        }
    }
}
