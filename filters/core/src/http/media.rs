//! What a body is, by its `content-type`.
//!
//! Invariant: parameters and case change no answer. Source: RFC 9110, section 8.3.1; RFC 6839, section 3.1, and RFC 8259 (JSON); the WHATWG's HTML
//! (`text/event-stream`, `multipart/x-mixed-replace`).

/// Kinds of answers that are streams, by their media type without parameters.
const ENDLESS: [&str; 12] = [
    "text/event-stream",
    "multipart/x-mixed-replace",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
    "application/json-seq",
    "application/stream+json",
    "application/x-json-stream",
    "application/vnd.amazon.eventstream",
    "text/x-ndjson",
];

/// The media type without its parameters.
pub(crate) fn essence(kind: &[u8]) -> &[u8] {
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Whether a media type without parameters is one of streams.
pub(super) fn is_endless(essence: &[u8]) -> bool {
    ENDLESS.iter().any(|one| essence.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether a body of this content type is one JSON value.
///
/// ```
/// use switchyard_core::http::is_json;
/// assert!(is_json(b"application/problem+json; charset=utf-8"));
/// assert!(!is_json(b"application/json-seq"));
/// ```
pub fn is_json(kind: &[u8]) -> bool {
    let kind = essence(kind);
    let ends = |suffix: &[u8]| {
        let end = kind.len().checked_sub(suffix.len()).and_then(|start| kind.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    // `application/stream+json` has the suffix, and is many values.
    let is_one = kind.eq_ignore_ascii_case(b"application/json") || ends(b"+json");
    is_one && !is_endless(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_value() {
        for json in [
            "application/json",
            "APPLICATION/JSON",
            " application/json ;charset=utf-8",
            "application/vnd.api+json",
            "a/b+JSON; c",
        ] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        let others = [
            "",
            "json",
            "+",
            "text/html",
            "application/jsonl",
            "application/json-seq",
            "text/plain; a=application/json",
        ];
        for other in others.into_iter().chain([
            "application/json+xml",
            "application/stream+json",
            "text/plain;a=+json",
        ]) {
            assert!(!is_json(other.as_bytes()), "{other}");
        }
    }
}
