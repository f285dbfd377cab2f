//! Envoy Gateway's patches: JSON Patch, whose places may be found by JSONPath, and whose `add` makes the places on the way
//! (envoyproxy/gateway, internal/xds/translator/jsonpatch.go).

use anyhow::Context as _;
use serde_json::{Value, json};
use serde_json_path::JsonPath;

/// Applies an `operation` of an EnvoyPatchPolicy to a resource.
///
/// # Errors
/// If there is no such place.
pub(super) fn apply(resource: &mut Value, operation: &Value) -> anyhow::Result<()> {
    anyhow::ensure!(operation["op"] == "add", "{} is not known here", operation["op"]);
    let path = operation["path"].as_str().unwrap_or_default();
    let Some(found) = operation["jsonPath"].as_str() else { return add(resource, path, &operation["value"]) };
    let found = JsonPath::parse(found)?;
    let places: Vec<_> =
        found.query_located(resource).iter().map(|node| node.location().to_json_pointer()).collect();
    anyhow::ensure!(!places.is_empty(), "{found:?} finds nothing");
    places.iter().try_for_each(|place| add(resource, &format!("{place}{path}"), &operation["value"]))
}

fn add(resource: &mut Value, path: &str, value: &Value) -> anyhow::Result<()> {
    let mut place = resource;
    let (parents, last) = path.rsplit_once('/').context("a path begins with /")?;
    for part in parents.split('/').skip(1) {
        place = match place {
            Value::Array(items) => items.get_mut(part.parse::<usize>()?).context("no such item")?,
            Value::Object(fields) => fields.entry(part.replace("~1", "/")).or_insert_with(|| json!({})),
            _ => anyhow::bail!("{path}: {part} is in no list and no map"),
        };
    }
    match place {
        Value::Array(items) => items.insert(last.parse()?, value.clone()),
        Value::Object(fields) => drop(fields.insert(last.replace("~1", "/"), value.clone())),
        _ => anyhow::bail!("{path} is in no list and no map"),
    }
    Ok(())
}

#[test]
fn places_are_found_and_made() {
    let mut resource =
        json!({ "chains": [{ "filters": [{ "name": "a/b", "config": {} }, { "name": "c" }] }] });
    let operation =
        json!({ "op": "add", "jsonPath": "$..filters[?(@.name=='a/b')].config", "path": "/x", "value": 1 });
    apply(&mut resource, &operation).expect("it is there");
    assert_eq!(resource["chains"][0]["filters"][0]["config"], json!({ "x": 1 }));
    apply(&mut resource, &json!({ "op": "add", "path": "/options/a.b", "value": { "c": 2 } }))
        .expect("it is made");
    assert_eq!(resource["options"], json!({ "a.b": { "c": 2 } }));
    let nowhere = json!({ "op": "add", "jsonPath": "$..filters[?(@.name=='z')]", "path": "/x", "value": 1 });
    assert!(apply(&mut resource, &nowhere).is_err());
}
