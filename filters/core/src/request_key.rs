//! Bytes that tell requests apart.
//!
//! Invariant: two sequences of parts are written alike only if they are the same, byte by byte; nothing is decoded or
//! put in order. Trade-off: four bytes for every part, so that none of them can pretend to be the beginning of the
//! next.

use crate::RequestView;

/// A part, with its length in front; one that is missing differs from an empty one.
pub(crate) fn part(key: &mut Vec<u8>, value: Option<&[u8]>) {
    let length = value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap_or(u32::MAX - 1));
    key.extend(length.to_le_bytes());
    key.extend(value.unwrap_or_default());
}

/// All values of a header, with their number in front.
pub(crate) fn values(key: &mut Vec<u8>, request: &impl RequestView, name: &str) {
    let count = request.header_values(name).count();
    key.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    request.header_values(name).for_each(|value| part(key, Some(value)));
}

/// Whether a request says that it has a body, which could tell it apart. One without a length is not known by its head.
pub(crate) fn announces_body(request: &impl RequestView) -> bool {
    request.header("transfer-encoding").is_some()
        || request.header_values("content-length").any(|length| length.trim_ascii() != b"0")
}
