//! From a JSON tree to typed sections, one declaration per field.
//!
//! serde's derive stops at the first error; an operator wants them all. So the tree is read field by field:
//! [`section!`] declares a section's fields once, and makes of them the struct, its reader and (feature
//! `schema`) its JSON Schema.
//!
//! Invariant: a field that cannot be read adds an error and is remembered as bad, so that the second stage does
//! not call it missing.

use crate::error::{Errors, Fault, Path, show, suggestion};
use serde_json::{Map, Value};

/// A type that a place in the document may have.
pub(crate) trait Read: Sized {
    /// The value, or `None` with an error added.
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self>;
}

/// The wrong kind of value stands here.
pub(crate) fn expected<T>(what: &str, value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<T> {
    errors.add_as(Fault::WrongType, at, format!("{} is not {what}", show(value)));
    None
}

impl Read for String {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        match value {
            // No name, path or header value holds one, and in a header it would end the line.
            Value::String(text) if text.chars().any(char::is_control) => {
                errors.add_as(
                    Fault::WrongType,
                    at,
                    format!("{} holds a control character; remove it", show(value)),
                );
                None
            }
            Value::String(text) => Some(text.clone()),
            other => expected("a text; put it in quotes", other, at, errors),
        }
    }
}

impl Read for bool {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        value.as_bool().or_else(|| expected("true or false", value, at, errors))
    }
}

impl Read for u64 {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        whole(value).or_else(|| {
            let below = value.as_f64().is_some_and(|number| number < 0.0);
            let fault = if below { Fault::OutOfRange } else { Fault::WrongType };
            errors.add_as(fault, at, format!("{} is not a whole number of 0 or more", show(value)));
            None
        })
    }
}

impl Read for f64 {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        value.as_f64().or_else(|| fraction(value)).or_else(|| expected("a number", value, at, errors))
    }
}

/// A number with a fraction that came as a text: Envoy reads YAML's `0.2` so, whole numbers not (1.36.4 to 1.40.0).
fn fraction(value: &Value) -> Option<f64> {
    let plain = |text: &&str| text.contains('.') && !text.contains(|letter: char| letter.is_alphabetic());
    value.as_str().filter(plain)?.parse().ok()
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let Value::Array(items) = value else { return expected("a list", value, at, errors) };
        let read = items.iter().enumerate().map(|(index, item)| T::read(item, &at.index(index), errors));
        // First all, then whether all: one that is wrong does not hide the next.
        read.collect::<Vec<Option<T>>>().into_iter().collect()
    }
}

/// A place in a list that keeps its position when it cannot be read, so that its neighbours are checked too.
impl<T: Read> Read for Option<T> {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        Some(T::read(value, at, errors))
    }
}

/// A whole number, also one that came as a double (a `google.protobuf.Struct` has no other numbers), or as a text: Envoy's YAML reader
/// makes one of what has a fraction, be it `.0`, and of what is above 2^31 - 1.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    // Above 2^53 a double does not tell neighbours apart.
    let of_double = |number: f64| {
        let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        is_whole.then_some(number as u64)
    };
    if let Value::String(text) = value {
        let large = text.parse::<u64>().ok().filter(|number| *number > i32::MAX as u64);
        return large.or_else(|| of_double(fraction(value)?));
    }
    value.as_u64().or_else(|| of_double(value.as_f64()?))
}

/// The fields of an object whose keys are all among `known`, or begin with an underscore.
pub(crate) fn fields<'a>(
    value: &'a Value,
    known: &[&str],
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<&'a Map<String, Value>> {
    let Value::Object(fields) = value else { return expected("an object", value, at, errors) };
    for name in fields.keys() {
        if !name.starts_with('_') && !known.contains(&name.as_str()) {
            errors.add_with(Fault::UnknownField, &at.field(name), || {
                match suggestion(name, known.iter().copied()) {
                    near if near.is_empty() => format!("unknown field; there are {}", known.join(", ")),
                    near => format!("unknown field{near}"),
                }
            });
        }
    }
    Some(fields)
}

/// One field of an object. A `null` is an error: taken for a field that is not there, it would make a condition
/// match everything.
pub(crate) fn field<T: Read>(
    fields: &Map<String, Value>,
    name: &'static str,
    bad: &mut Vec<&'static str>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<T> {
    let at = at.field(name);
    let read = match fields.get(name)? {
        Value::Null => {
            errors.add_as(Fault::WrongType, &at, "is null; write a value or remove it");
            None
        }
        value => T::read(value, &at, errors),
    };
    if read.is_none() {
        bad.push(name);
    }
    read
}

/// A field's name without the `r#` of a raw identifier.
pub(crate) const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Declares a section of the document: struct, reader and schema in one.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident {
            required { $( $(#[$required_meta:meta])* $required:ident : $required_type:ty, )* }
            optional { $( $(#[$optional_meta:meta])* $optional:ident : $optional_type:ty, )* }
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        #[allow(dead_code, reason = "not every section is asked which of its fields were bad")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(
            deny_unknown_fields,
            extend("patternProperties" = serde_json::json!({"^_": true}))
        ))]
        pub(crate) struct $name {
            $( $(#[$required_meta])* #[cfg_attr(feature = "schema", schemars(required))]
               pub(crate) $required: Option<$required_type>, )*
            $( $(#[$optional_meta])* pub(crate) $optional: Option<$optional_type>, )*
            /// Fields that are there but could not be read.
            #[cfg_attr(feature = "schema", schemars(skip))]
            pub(crate) bad: Vec<&'static str>,
        }

        impl $crate::read::Read for $name {
            fn read(
                value: &serde_json::Value,
                at: &$crate::error::Path<'_>,
                errors: &mut $crate::error::Errors,
            ) -> Option<Self> {
                use $crate::read::{field, fields, plain};
                const KNOWN: &[&str] =
                    &[$(plain(stringify!($required)),)* $(plain(stringify!($optional)),)*];
                // What is no section is read as one whose every field is bad: its place in a list is kept.
                let Some(object) = fields(value, KNOWN, at, errors) else {
                    return Some(Self { bad: KNOWN.to_vec(), ..Self::default() });
                };
                let mut bad = Vec::new();
                let read = Self {
                    $( $required: field(object, plain(stringify!($required)), &mut bad, at, errors), )*
                    $( $optional: field(object, plain(stringify!($optional)), &mut bad, at, errors), )*
                    bad: Vec::new(),
                };
                $(
                    let name = plain(stringify!($required));
                    if read.$required.is_none() && !bad.contains(&name) {
                        errors.add_as($crate::error::Fault::Missing, &at.field(name), "is missing");
                    }
                )*
                Some(Self { bad, ..read })
            }
        }
    };
}

/// Declares a field that takes one of a few words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $( $(#[$word_meta:meta])* $word:ident = $text:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub(crate) enum $name {
            $( $(#[$word_meta])* #[cfg_attr(feature = "schema", schemars(rename = $text))] $word, )*
        }

        impl $crate::read::Read for $name {
            fn read(
                value: &serde_json::Value,
                at: &$crate::error::Path<'_>,
                errors: &mut $crate::error::Errors,
            ) -> Option<Self> {
                $( if value.as_str() == Some($text) { return Some(Self::$word); } )*
                $crate::read::unknown_word(value, &[$($text),*], at, errors)
            }
        }
    };
}

/// None of `words` stands here.
pub(crate) fn unknown_word<T>(
    value: &Value,
    words: &[&str],
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<T> {
    let near = value.as_str().map(|word| suggestion(word, words.iter().copied())).unwrap_or_default();
    expected(&format!("one of {}{near}", words.join(", ")), value, at, errors)
}

pub(crate) use {section, words};
