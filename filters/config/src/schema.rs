//! The JSON Schema of the document, generated from the raw types.

use crate::raw;
use schemars::generate::SchemaSettings;

/// The schema (draft 2020-12) as pretty-printed JSON with a newline at its end; the same on every run.
pub fn schema_json() -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::Document>();
    schema.insert("title".to_owned(), "Switchyard configuration".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
