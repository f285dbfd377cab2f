//! Istio's MERGE: as protocol buffers merge, whose JSON this is. Lists are appended to, maps and what is packed (`@type`) replaced by entry,
//! messages merged field by field (istio/istio, pkg/proto/merge).

use serde_json::{Value, json};

/// Fields that are maps, not messages.
const MAPS: [&str; 3] = ["typed_extension_protocol_options", "typed_per_filter_config", "filter_metadata"];

/// `patch`, merged into `value`.
pub(super) fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (Value::Object(fields), Value::Object(news)) if !news.contains_key("@type") => {
            for (name, new) in news {
                if MAPS.contains(&name.as_str()) {
                    let map = fields.entry(name.clone()).or_insert_with(|| json!({}));
                    let entries = new.as_object().into_iter().flatten();
                    entries.for_each(|(key, entry)| map[key] = entry.clone());
                } else {
                    merge(fields.entry(name.clone()).or_insert(Value::Null), new);
                }
            }
        }
        (Value::Array(items), Value::Array(news)) => items.extend(news.iter().cloned()),
        (value, new) => *value = new.clone(),
    }
}

/// What is packed in both, of the same type, merged: an HTTP filter's own configuration.
pub(super) fn merge_packed(value: &mut Value, patch: &Value) {
    assert_eq!(value["@type"], patch["@type"]);
    let mut fields = patch.clone();
    fields.as_object_mut().expect("fields").remove("@type");
    merge(value, &fields);
}

#[test]
fn lists_grow_and_what_is_packed_is_replaced() {
    let mut value = json!({
        "a": { "b": 1, "list": [1] },
        "typed_extension_protocol_options": { "x": { "@type": "t", "kept": false }, "y": { "@type": "t" } },
    });
    let patch = json!({
        "a": { "c": 2, "list": [2] },
        "typed_extension_protocol_options": { "x": { "@type": "t" } },
    });
    merge(&mut value, &patch);
    let wanted = json!({
        "a": { "b": 1, "c": 2, "list": [1, 2] },
        "typed_extension_protocol_options": { "x": { "@type": "t" }, "y": { "@type": "t" } },
    });
    assert_eq!(value, wanted);
    let mut router = json!({ "@type": "router", "start_child_span": true });
    merge_packed(&mut router, &json!({ "@type": "router", "upstream_http_filters": [{ "name": "a" }] }));
    assert_eq!(router["start_child_span"], json!(true));
    assert_eq!(router["upstream_http_filters"], json!([{ "name": "a" }]));
}
