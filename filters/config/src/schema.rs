//! The JSON Schema of the document, generated from the raw types.

use crate::raw;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema (draft 2020-12) as pretty-printed JSON with a newline at its end; the same on every run, in
/// whatever order this build's serde_json keeps keys.
pub fn schema_json() -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::Document>();
    schema.insert("title".to_owned(), "Switchyard configuration".into());
    let mut text = serde_json::to_string_pretty(&tidy(schema.to_value())).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema with its keys in order, and without the `null` that schemars grants every `Option`: the reader
/// takes a field or none, never a `null`.
fn tidy(schema: Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().flat_map(without_null).collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(fields.into_iter().map(|(name, field)| (name, tidy(field))).collect())
        }
        other => other,
    }
}

/// One key of a schema; an `anyOf` of something and `null` becomes the keys of the something.
fn without_null((name, field): (String, Value)) -> Vec<(String, Value)> {
    match (name.as_str(), field) {
        ("type", Value::Array(mut kinds)) => {
            kinds.retain(|kind| kind != "null");
            let only = if kinds.len() == 1 { kinds.pop() } else { None };
            vec![(name, only.unwrap_or(Value::Array(kinds)))]
        }
        ("anyOf", Value::Array(mut choices)) => {
            choices.retain(|choice| choice.get("type") != Some(&"null".into()));
            match choices.as_mut_slice() {
                [Value::Object(only)] => core::mem::take(only).into_iter().collect(),
                _ => vec![(name, Value::Array(choices))],
            }
        }
        (_, field) => vec![(name, field)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        serde_json::from_str(&schema_json()).expect("JSON")
    }

    #[test]
    fn keys_are_in_order() {
        fn ordered(value: &Value) -> bool {
            match value {
                Value::Object(fields) => fields.keys().is_sorted() && fields.values().all(ordered),
                Value::Array(items) => items.iter().all(ordered),
                _ => true,
            }
        }
        assert!(ordered(&schema()));
    }

    #[test]
    fn null_is_no_value_of_a_field() {
        assert!(!schema_json().contains(r#""null""#), "as a type; descriptions may speak of it");
        assert_eq!(schema()["properties"]["mode"]["$ref"], "#/$defs/Mode");
        let conditions = &schema()["$defs"]["Route"]["properties"]["match"];
        assert_eq!(conditions["properties"]["methods"]["items"]["type"], "string");
    }

    #[test]
    fn bounds_are_those_of_the_reader() {
        let balance = &schema()["$defs"]["Balance"]["properties"];
        assert_eq!(
            (&balance["candidates"]["minimum"], &balance["candidates"]["maximum"]),
            (&1.into(), &16.into())
        );
        assert_eq!(balance["hash_on"]["maxItems"], 16);
        assert_eq!(schema()["$defs"]["Endpoint"]["properties"]["weight"]["maximum"], u32::MAX);
    }
}
