//! The reference tells every field and every word of the schema: a new section cannot be forgotten in it.
#![cfg(feature = "schema")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::Value;
use switchyard_config::{reference_markdown, schema_json};

#[test]
fn every_field_and_every_word_is_in_the_reference() {
    let schema: Value = serde_json::from_str(&schema_json()).expect("the schema is JSON");
    let reference = reference_markdown();
    for (name, definition) in schema["$defs"].as_object().expect("has definitions") {
        let fields = fields(definition);
        let words = definition["oneOf"].as_array().into_iter().flatten();
        for row in fields.into_iter().chain(words.filter_map(|word| word["const"].as_str())) {
            assert!(reference.contains(&format!("| `{row}`")), "{name}: {row}");
        }
    }
}

/// The fields of a section, and those of sections that are written out within it.
fn fields(definition: &Value) -> Vec<&str> {
    let own = || definition["properties"].as_object().into_iter().flatten();
    own().map(|(name, _)| name.as_str()).chain(own().flat_map(|(_, field)| fields(field))).collect()
}

#[test]
fn a_field_that_takes_a_word_is_not_called_a_size() {
    let reference = reference_markdown();
    for field in [
        "policy",
        "format",
        "scope",
        "on_error",
        "leaves",
        "estimator",
        "sends",
        "form",
        "short_deadline",
        "on_failure",
    ] {
        let rows: Vec<&str> =
            reference.lines().filter(|line| line.starts_with(&format!("| `{field}`"))).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| !row.contains("| size |")), "{rows:?}");
    }
}
