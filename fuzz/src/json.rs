//! JSON as it is read for batches and lists of endpoints, and what is asked of it: pointers, and predicates on bodies.
//!
//! Invariants: what is taken here serde_json takes, too, and sees the same in it; what serde_json takes and this refuses has one of the
//! flaws that this says. Pointers lead where RFC 6901 says, and predicates hold where a plain reading says.

use crate::draw::Draw;
use serde_json::Value as Json;
use switchyard_core::batch::json::{ANSWER_DEPTH, Fault, Flaw, REQUEST_DEPTH, Value, quoted};
use switchyard_core::retry::{BodyMatch, BodyRule};

/// A document, and pointers into it. The bytes are the document, a line feed, and the pointer.
pub fn json(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
    let (document, pointer) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let theirs: Result<Json, _> = serde_json::from_slice(document);
    let ours = Value::read(document, ANSWER_DEPTH);
    match (&ours, &theirs) {
        (Ok(value), Ok(json)) => {
            is_alike(*value, json, document);
            if let Ok(pointer) = std::str::from_utf8(pointer) {
                leads_alike(*value, json, pointer);
            }
        }
        // It stops at 128 levels.
        (Ok(_), Err(error)) => assert!(error.to_string().starts_with("recursion limit"), "{error}"),
        (Err(Fault { at, flaw }), theirs) => {
            assert!(*at <= document.len());
            let beyond_the_grammar =
                matches!(flaw, Flaw::Number | Flaw::Surrogate | Flaw::Depth | Flaw::Encoding);
            assert!(theirs.is_err() || beyond_the_grammar, "{flaw:?} at {at} of {}", document.escape_ascii());
        }
    }
    let shallow = Value::read(document, REQUEST_DEPTH);
    assert!(shallow == ours || shallow.is_err_and(|fault| fault.flaw == Flaw::Depth));
}

/// Both see the same.
fn is_alike(value: Value<'_>, json: &Json, document: &[u8]) {
    assert_eq!(document.get(value.at()..value.at() + value.text().len()), Some(value.text().as_bytes()));
    match json {
        Json::Null => assert!(value.is_null()),
        Json::Bool(flag) => assert_eq!(value.text(), flag.to_string()),
        Json::Number(_) => {
            assert!(value.is_number());
            // Each of them writes it in its own way, and both are the same number.
            let again: Json = serde_json::from_str(value.text()).expect("a number");
            assert_eq!(again, *json);
            let whole = value.text().bytes().all(|byte| byte.is_ascii_digit());
            assert_eq!(value.whole_number(), json.as_u64().filter(|_| whole));
        }
        Json::String(text) => {
            assert_eq!(value.string().as_deref(), Some(text.as_str()));
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).expect("a string"), *text);
        }
        Json::Array(items) => {
            let own = value.items().expect("an array");
            assert_eq!(own.len(), items.len());
            assert_eq!(value.elements().expect("an array").collect::<Vec<_>>(), own);
            own.into_iter().zip(items).for_each(|(own, item)| is_alike(own, item, document));
        }
        Json::Object(map) => has_alike(value, map, document),
    }
}

/// Both see the same fields; of several of one name the last counts to serde_json.
fn has_alike(value: Value<'_>, map: &serde_json::Map<String, Json>, document: &[u8]) {
    let object = value.object().expect("an object");
    let mut names: Vec<_> = object.fields.iter().map(|field| field.name.to_string()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(object.is_unambiguous().is_ok(), names.len() == all);
    assert_eq!(names, map.keys().cloned().collect::<Vec<_>>());
    for (name, item) in map {
        let own: Vec<_> = object.fields.iter().filter(|field| field.name == *name).collect();
        is_alike(own.last().expect("it is there").value, item, document);
        assert_eq!(value.field(name), own.first().map(|field| field.value));
        assert_eq!(object.get(name).is_ok(), own.len() == 1);
    }
}

/// Where there is no name twice, both find the same at a pointer.
fn leads_alike(value: Value<'_>, json: &Json, pointer: &str) {
    let theirs = json.pointer(pointer);
    let Some(ours) = value.pointer(pointer) else {
        assert!(theirs.is_none() || has_a_name_twice(value), "{pointer:?} of {}", value.text());
        return;
    };
    // What does not begin with a slash is no pointer; the configuration takes none.
    if pointer.is_empty() || pointer.starts_with('/') {
        let theirs = theirs.unwrap_or_else(|| panic!("{pointer:?} of {} is nowhere", value.text()));
        let again: Json = serde_json::from_str(ours.text()).expect("a value");
        assert_eq!(again, *theirs);
    }
}

fn has_a_name_twice(value: Value<'_>) -> bool {
    if let Some(items) = value.items() {
        return items.into_iter().any(has_a_name_twice);
    }
    let Some(object) = value.object() else { return false };
    object.is_unambiguous().is_err() || object.fields.iter().any(|field| has_a_name_twice(field.value))
}

/// A predicate on a body: `*` in a pointer is every element of an array.
pub fn body_predicate(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let steps = ["a", "b", "*", "0", "1", "01", "+1", "-", "~0", "~1", "", "~"];
    let steps: Vec<_> = (0..draw.below(5)).map(|_| draw.one(&steps)).collect();
    let pointer: String = steps.iter().flat_map(|step| ["/", step]).collect();
    let expected = tree(&mut draw, 1);
    let rules = [BodyRule::Exists, BodyRule::Equals(expected.clone())];
    let body = tree(&mut draw, 4);
    for rule in rules {
        let found = places(&body, &steps);
        let holds = found.iter().any(|found| match &rule {
            BodyRule::Exists => !found.is_null(),
            _ => is_equal(found, &expected),
        });
        let predicate = BodyMatch { pointer: pointer.clone().into(), rule };
        assert_eq!(predicate.holds(&body), holds, "{predicate:?} of {body}");
    }
    let regex = regex_lite::Regex::new("a|ab|[0-9.]+|true").expect("a regex");
    let predicate = BodyMatch { pointer: pointer.into(), rule: BodyRule::Matches(regex) };
    let texts = places(&body, &steps).into_iter().filter_map(|found| match found {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(found.to_string()),
        _ => None,
    });
    let is_number =
        |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    // It finds the first alternative there, as every regex of this kind: `ab` is none of it.
    let holds = texts.into_iter().any(|text| matches!(&*text, "a" | "true") || is_number(&text));
    assert_eq!(predicate.holds(&body), holds, "{predicate:?} of {body}");
}

/// Any body.
fn tree(draw: &mut Draw<'_>, depth: usize) -> Json {
    match draw.byte() % if depth == 0 { 5 } else { 8 } {
        0 => Json::Null,
        1 => draw.one_in(2).into(),
        2 => draw.one(&[0.0, -0.0, 1.0, 1.5, 1e300]).into(),
        3 => draw.one(&[0_u64, 1, u64::MAX, 1 << 53, (1 << 53) + 1]).into(),
        4 => draw.word(&["a", "b", "/", "~"], 3).into(),
        5 | 6 => (0..draw.below(4)).map(|_| tree(draw, depth - 1)).collect(),
        _ => {
            let names = ["a", "b", "*", "0", "/", "~", ""];
            let fields = (0..draw.below(4)).map(|_| (draw.one(&names).to_owned(), tree(draw, depth - 1)));
            Json::Object(fields.collect())
        }
    }
}

/// Every place that a pointer leads to.
fn places<'a>(body: &'a Json, steps: &[&str]) -> Vec<&'a Json> {
    let Some((step, rest)) = steps.split_first() else { return vec![body] };
    match body {
        Json::Array(items) if *step == "*" => items.iter().flat_map(|item| places(item, rest)).collect(),
        Json::Array(items) => {
            let is_index = !step.is_empty()
                && step.bytes().all(|byte| byte.is_ascii_digit())
                && (*step == "0" || !step.starts_with('0'));
            let index = step.parse::<usize>().ok().filter(|_| is_index);
            index.and_then(|index| items.get(index)).map_or_else(Vec::new, |item| places(item, rest))
        }
        Json::Object(fields) => {
            let name = step.replace("~1", "/").replace("~0", "~");
            fields.get(&name).map_or_else(Vec::new, |item| places(item, rest))
        }
        _ => Vec::new(),
    }
}

/// Numbers are compared as numbers, whole ones to the last digit.
fn is_equal(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => match (one.as_i128(), other.as_i128()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((name, one), (same, other))| name == same && is_equal(one, other))
        }
        _ => one == other,
    }
}
