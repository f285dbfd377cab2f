//! Documents grown by the schema that editors have: every field may be there, and its value is one that the schema allows, or nearly.
//!
//! Invariant: a document ends, for below some depth only what must be there is. Trade-off: what the schema cannot say (names that must be
//! those of upstreams, fields of which one is wanted) is met by choosing names of a few.

use crate::draw::Draw;
use serde_json::{Map, Value as Json};
use std::sync::OnceLock;

/// How deep optional fields are grown.
const MOST_LEVELS: usize = 7;

/// Texts, where the schema does not say more.
const TEXTS: [&str; 20] = [
    "web",
    "web",
    "a",
    "b",
    "/",
    "/a",
    "/items",
    "x-a",
    "x-user",
    "10.0.0.1:80",
    "10.0.0.2:80",
    "*.b",
    "GET",
    "5xx",
    "",
    "é",
    "a*",
    "/id",
    "get*",
    "\u{0}",
];

/// Texts of a pattern, by what the pattern ends with; the last is none of it.
const PATTERNED: [(&str, [&str; 6]); 5] = [
    ("(us|ms|s|m|h)$", ["1s", "10ms", "250ms", "5m", "0s", "1"]),
    ("(-[1-5][0-9]{2})?$", ["500", "500-599", "200-299", "404", "599-500", "6xx"]),
    ("^[2-5][0-9]{2}$", ["200", "503", "404", "299", "500", "100"]),
    (" ?%$", ["1%", "50 %", "100%", "0%", "999%", "x"]),
    ("(B|KiB|MiB|GiB)$", ["1KiB", "64KiB", "1MiB", "100B", "9999GiB", "1kb"]),
];

fn schema() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        serde_json::from_str(include_str!("../../../envoy-config/switchyard.schema.json")).expect("a schema")
    })
}

/// A document.
pub fn document(draw: &mut Draw<'_>) -> Json {
    value(schema(), draw, 0)
}

fn value(at: &Json, draw: &mut Draw<'_>, depth: usize) -> Json {
    if let Some(name) = at["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return value(&schema()["$defs"][name], draw, depth);
    }
    if draw.one_in(64) {
        return draw.one(&[Json::Null, Json::from(-1), Json::from("?")].each_ref()).clone();
    }
    for several in ["oneOf", "anyOf", "enum"] {
        if let Some(choices) = at[several].as_array().filter(|choices| !choices.is_empty()) {
            let chosen = &choices[draw.below(choices.len())];
            return if several == "enum" { chosen.clone() } else { value(chosen, draw, depth) };
        }
    }
    if let Some(only) = at.get("const") {
        return only.clone();
    }
    let kinds = at["type"].as_array().map_or_else(|| vec![&at["type"]], |kinds| kinds.iter().collect());
    match kinds.iter().filter_map(|kind| kind.as_str()).find(|kind| *kind != "null") {
        Some("object") => object(at, draw, depth),
        Some("array") => {
            let least = at["minItems"].as_u64().unwrap_or_default() as usize;
            let more = if depth < MOST_LEVELS { draw.below(3) } else { 0 };
            (0..least.max(more)).map(|_| value(&at["items"], draw, depth + 1)).collect()
        }
        Some("boolean") => draw.one_in(2).into(),
        Some("integer") => whole(at, draw).into(),
        Some("number") => draw.one(&[0.0, 0.5, 1.0, 2.5, 100.0, -1.0]).into(),
        _ => text(at, draw),
    }
}

fn object(at: &Json, draw: &mut Draw<'_>, depth: usize) -> Json {
    let empty = Map::new();
    let properties = at["properties"].as_object().unwrap_or(&empty);
    let required: Vec<_> = at["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut fields = Map::new();
    if depth == 0 || depth < MOST_LEVELS {
        // A field is named by its place, so that few bytes say which are there.
        for _ in 0..draw.below(6) {
            let place = draw.below(properties.len().max(1));
            if let Some((name, schema)) = properties.iter().nth(place) {
                fields.insert(name.clone(), value(schema, draw, depth + 1));
            }
        }
    }
    for name in required.into_iter().filter(|name| !fields.contains_key(*name)).collect::<Vec<_>>() {
        fields.insert(name.to_owned(), value(&properties[name], draw, depth + 1));
    }
    fields.into()
}

fn whole(at: &Json, draw: &mut Draw<'_>) -> u64 {
    let (least, most) = (at["minimum"].as_u64().unwrap_or_default(), at["maximum"].as_u64());
    let most = most.unwrap_or(u64::from(u32::MAX));
    match draw.byte() % 8 {
        0 => least,
        1 => most,
        2 => most.saturating_add(1),
        _ => least.saturating_add(draw.byte() as u64 % 12).min(most),
    }
}

fn text(at: &Json, draw: &mut Draw<'_>) -> Json {
    let pattern = at["pattern"].as_str().unwrap_or_default();
    if let Some((_, texts)) = PATTERNED.iter().find(|(end, _)| !pattern.is_empty() && pattern.ends_with(end))
    {
        return draw.one(texts).into();
    }
    let examples = at["examples"].as_array().filter(|examples| !examples.is_empty() && draw.one_in(2));
    match examples {
        Some(examples) => examples[draw.below(examples.len())].clone(),
        None => draw.one(&TEXTS).into(),
    }
}
