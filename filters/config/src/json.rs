//! JSON text to a tree, refusing a key that stands twice in one object.
//!
//! serde_json keeps the last of two equal keys; a document in which one half of an upstream silently replaces
//! the other must not be taken. Depth is bounded by serde_json (128).

use core::fmt;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Tree(value) = entries.next_value()?;
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key {:?} stands twice",
                    crate::error::cut(&key)
                )));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

/// The tree of a JSON text.
///
/// # Errors
/// What is wrong with it, with line and column.
pub(crate) fn parse(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map(|Tree(value)| value).map_err(|error| {
        let problem = error.to_string();
        // What most often is not JSON is the YAML that `cargo xtask check` takes and a filter does not.
        let yaml = !text.trim_ascii_start().starts_with(b"{") && !text.trim_ascii_start().starts_with(b"[")
            || problem.starts_with("key must be a string");
        let hint =
            if yaml { "; a filter takes JSON text or a google.protobuf.Struct, not YAML text" } else { "" };
        format!("is not JSON: {problem}{hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_tree_is_what_serde_json_makes_of_it() {
        let text = br#" {"a": [1, -2, 2.5, "x", true, null, {"b": {}}]} "#;
        assert_eq!(parse(text), Ok(json!({"a": [1, -2, 2.5, "x", true, null, {"b": {}}]})));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_with_its_place() {
        let error = parse(br#"{"routes": [], "routes": []}"#).unwrap_err();
        assert_eq!(error, r#"is not JSON: the key "routes" stands twice at line 1 column 28"#);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert!(parse(&deep).unwrap_err().contains("recursion limit"));
    }
}
