//! Configuration documents: as bytes, and grown by the document's own schema.
//!
//! Invariants: the same tree is taken, or refused for the same reasons, as a tree, as JSON text and as a binary Struct; nothing is both; a
//! refusal is short, however long what it refuses; and what is taken can be put into force: every filter makes its tables of it.
//! Trade-off: rings and tables of thousands of points are not built, for they take longer than all else.

mod grown;
mod protobuf;

use crate::draw::Draw;
use serde_json::Value as Json;
use switchyard_config::{ConfigErrors, Document, MAX_LISTED};
use switchyard_core::request::PlainRequest;
use switchyard_frame::Root;
use switchyard_host::fake::FakeHost;

pub use grown::document;

/// The most points of a ring or slots of a table that are built.
const MOST_POINTS: u64 = 2_048;
/// The longest that a refusal may be.
const MOST_WORDS: usize = 64 << 10;

/// Bytes as Envoy hands them over.
pub fn config_bytes(bytes: &[u8]) {
    let (json, binary) = (Document::from_json(bytes), Document::from_struct(bytes));
    is_brief(&json);
    is_brief(&binary);
    let is_blank = bytes.iter().all(u8::is_ascii_whitespace);
    let parsed: Result<Json, _> = serde_json::from_slice(bytes);
    assert!(json.is_err() || is_blank || parsed.is_ok(), "what is taken is JSON");
    let given = Document::from_plugin_configuration(bytes);
    let is_said = |one: &Result<Document, ConfigErrors>| said(one) == said(&given);
    assert!(is_said(&json) || is_said(&binary));
    if bytes.first().is_some_and(|first| *first != b'\n') {
        assert!(is_said(&json), "no Struct begins so");
    }
    let store = Document::from_store(bytes);
    assert!(store.is_err() || (!is_blank && json.is_ok()));
    if let Ok(tree) = parsed {
        agree(&tree);
    }
    if let Ok(document) = given {
        is_in_force(&document, bytes);
    }
}

/// Documents grown by the schema.
pub fn config_grown(bytes: &[u8]) {
    let tree = document(&mut Draw::of(bytes));
    agree(&tree);
    let taken = Document::from_value(&tree);
    is_brief(&taken);
    if let Ok(document) = taken {
        is_in_force(&document, tree.to_string().as_bytes());
    }
}

/// What a document says, or why it is none.
fn said(read: &Result<Document, ConfigErrors>) -> String {
    match read {
        Ok(document) => format!("{document:?}"),
        Err(errors) => errors.to_string(),
    }
}

fn is_brief(read: &Result<Document, ConfigErrors>) {
    if let Err(errors) = read {
        assert!(errors.iter().count() <= MAX_LISTED && errors.total() > 0);
        let words = errors.to_string();
        assert!(words.len() <= MOST_WORDS, "{} bytes: {}", words.len(), &words[..200]);
    }
}

/// A tree in each of its forms.
fn agree(tree: &Json) {
    let by_tree = said(&Document::from_value(tree));
    let text = tree.to_string();
    // A number of many digits is read as the nearest or as one beside it, so it need not be the same when it is read again.
    let is_the_same = serde_json::from_str::<Json>(&text).is_ok_and(|again| again == *tree);
    assert!(!is_the_same || said(&Document::from_json(text.as_bytes())) == by_tree, "{text}");
    if let Some(message) = protobuf::encode(tree) {
        assert_eq!(said(&Document::from_struct(&message)), by_tree, "{text}");
        let is_ambiguous = message.is_empty() || Document::from_json(&message).is_ok();
        assert!(is_ambiguous || said(&Document::from_plugin_configuration(&message)) == by_tree, "{text}");
        assert!(message.is_empty() || Document::from_json(&message).is_err(), "no document is both");
    }
}

/// Filters take it, and a request finds its way.
fn is_in_force(document: &Document, text: &[u8]) {
    let request = PlainRequest::get("/a").with(":authority", "a.b").with("x-a", "1");
    let found = document.table().find(&request);
    assert!(found.is_none_or(|place| place < document.routes().len()));
    let nearest = document.matchers().iter().enumerate();
    let nearest = nearest.filter_map(|(place, one)| Some((one.nearness(&request)?, place))).min();
    assert_eq!(found, nearest.map(|(_, place)| place), "the table finds what a scan does");
    if !is_small(text) {
        return;
    }
    let host = FakeHost::default();
    host.set_configuration(text);
    assert!(Root::<switchyard_switchyard::Switchyard>::in_vm(1, Default::default()).configure(&host));
    let host = FakeHost::default();
    host.set_configuration(text);
    assert!(Root::<switchyard_outlier::Outlier>::in_vm(1, Default::default()).configure(&host));
}

/// Whether its rings and tables are.
fn is_small(text: &[u8]) -> bool {
    let tree: Json = serde_json::from_slice(text).unwrap_or_default();
    fn most(tree: &Json, is_size: bool) -> u64 {
        match tree {
            Json::Number(number) if is_size => number.as_u64().unwrap_or(u64::MAX),
            Json::Array(items) => items.iter().map(|item| most(item, is_size)).max().unwrap_or_default(),
            Json::Object(fields) => {
                let is_size =
                    |name: &str| name.contains("size") || name.contains("point") || name == "weight";
                fields.iter().map(|(name, field)| most(field, is_size(name))).max().unwrap_or_default()
            }
            _ => 0,
        }
    }
    most(&tree, false) <= MOST_POINTS
}
