//! The section `fallback`: what a client gets when all attempts have failed.

pub(crate) use super::key::StaleKey;
use crate::error::{Errors, Path};
use crate::read::{Read, expected, section};
use crate::values::{ByteSize, Duration};
use serde_json::Value;

section! {
    /// What a client gets when all attempts have failed: the first of these that there is. Marked with x-switchyard-fallback.
    Fallback {
        required {}
        optional {
            /// The answer of this upstream, which is asked once.
            upstream: String,
            /// The last good answer to the same request.
            stale_if_error: StaleIfError,
            /// This answer.
            answer: Answer,
        }
    }
}

section! {
    /// Old answers in place of errors; only those that HTTP lets a shared cache keep and use.
    StaleIfError {
        required {
            /// How old an answer may be.
            max_age: Duration,
        }
        optional {
            /// What tells requests apart, besides host, path with query, and what Envoy knows of who asks.
            key: StaleKey,
            /// What all kept answers of the route take in a worker, 1 to 64MiB. Default: 1MiB.
            max_bytes: ByteSize,
        }
    }
}

section! {
    /// An answer that is always the same.
    Answer {
        required {
            /// Its status, 200 to 599.
            #[cfg_attr(feature = "schema", schemars(range(min = 200, max = 599)))]
            status: u64,
        }
        optional {
            /// Its headers, names in lower case; those that Envoy writes itself are refused. Default: none.
            headers: Headers,
            /// Its body. Default: empty.
            body: Text,
        }
    }
}

/// A text that may have several lines, unlike what stands in a header.
#[derive(Clone, Debug)]
pub(crate) struct Text(pub(crate) String);

impl Read for Text {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(text.clone())),
            other => expected("a text; put it in quotes", other, at, errors),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string"})
    }
}

/// Names and values of headers; a value is `None` if it could not be read.
#[derive(Clone, Debug)]
pub(crate) struct Headers(pub(crate) Vec<(String, Option<String>)>);

impl Read for Headers {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let Value::Object(fields) = value else { return expected("an object", value, at, errors) };
        let named = fields.iter().filter(|(name, _)| !name.starts_with('_'));
        let read = named.map(|(name, value)| (name.clone(), String::read(value, &at.field(name), errors)));
        Some(Self(read.collect()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Headers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "patternProperties": {"^_": true},
            "additionalProperties": {"type": "string"}
        })
    }
}
