//! Parts of a key as bytes.
//!
//! Invariant: two sequences of parts are written alike only if they are the same; nothing is decoded or put in order.

/// A part, with its length in front; one that is missing differs from an empty one.
pub(crate) fn part(key: &mut Vec<u8>, value: Option<&[u8]>) {
    let length = value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap_or(u32::MAX - 1));
    key.extend(length.to_le_bytes());
    key.extend(value.unwrap_or_default());
}

/// Names and values, and an end that is no name.
pub(crate) fn pairs<'a>(key: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    for (name, value) in pairs {
        part(key, Some(name));
        part(key, Some(value));
    }
    part(key, None);
}
