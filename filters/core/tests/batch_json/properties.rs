//! The same of many documents that nobody thought of, beside another parser.

use proptest::prelude::*;
use serde_json::Value as Parsed;
use switchyard_core::batch::json::{Flaw, Value};

/// Documents, most of them JSON.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        r#""([a-z \]},:é😀]|\\["\\/bfnrt]|\\u[0-9a-fD][0-9a-f]{3}){0,6}""#,
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = r#""([a-c]|\\u006[1-3])""#;
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec((name, inner), 0..5).prop_map(|fields| {
                let fields = fields.iter().map(|(name, value)| format!("{name}: {value}"));
                format!("{{{}\n}}", fields.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// A document with some of its bytes changed, left out, or written twice.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change =
        (any::<prop::sample::Index>(), 0..4_u8, prop_oneof![any::<u8>(), prop::sample::select(NASTY)]);
    (document(), prop::collection::vec(change, 0..4)).prop_map(|(document, changes)| {
        let mut bytes = document.into_bytes();
        for (place, kind, byte) in changes {
            let place = place.index(bytes.len() + 1);
            match (kind, place < bytes.len()) {
                (0, true) => bytes[place] = byte,
                (1, true) => drop(bytes.remove(place)),
                (2, _) => bytes.truncate(place),
                _ => bytes.insert(place, byte),
            }
        }
        bytes
    })
}

const NASTY: &[u8] = b"\"\\[]{},:0-.eE+u/tfn \n\0\x7f\xc3\xff";

/// It as another parser sees it, read value by value.
fn parsed(value: Value<'_>) -> Parsed {
    if let Some(items) = value.items() {
        return items.into_iter().map(parsed).collect();
    }
    if let Some(object) = value.object() {
        let fields = object.fields.into_iter();
        return fields.map(|field| (field.name.into_owned(), parsed(field.value))).collect();
    }
    serde_json::from_str(value.text()).expect("a scalar")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn what_is_read_is_what_another_parser_reads(document in mutated()) {
        let other = serde_json::from_slice::<Parsed>(&document);
        match Value::read(&document, 60) {
            Ok(value) => {
                prop_assert_eq!(Some(parsed(value)), other.ok());
                let pieces = value.items().unwrap_or_default();
                prop_assert!(pieces.iter().all(|piece| document[piece.at()..].starts_with(piece.text().as_bytes())));
            }
            // It may be stricter, for its own reasons.
            Err(fault) => {
                prop_assert!(fault.at <= document.len());
                prop_assert!(other.is_err() || matches!(fault.flaw, Flaw::Number | Flaw::Surrogate), "{:?}", fault);
            }
        }
    }

    #[test]
    fn fields_looked_for_together_are_those_that_each_is_by_itself(document in document()) {
        let value = Value::read(document.as_bytes(), 60);
        for value in value.iter().flat_map(|value| value.items().unwrap_or_else(|| vec![*value])) {
            let first = |name| value.object()?.fields.into_iter().find(|field| field.name == name);
            let names = ["c", "a", "z"];
            prop_assert_eq!(value.fields_named(names), names.map(|name| first(name).map(|field| field.value)));
        }
    }

    #[test]
    fn no_bytes_panic(document in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(NASTY)], 0..40)) {
        if let Ok(value) = Value::read(&document, 3) {
            prop_assert!(serde_json::from_slice::<Parsed>(&document).is_ok());
            value.pointer("/a/0/b");
        }
    }
}
