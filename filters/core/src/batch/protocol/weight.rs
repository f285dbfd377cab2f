//! What an item weighs, where the configuration says by what.
//!
//! Invariant: nothing weighs less than one. Trade-off: what stands at the place in question but is neither text nor array,
//! or is not there, leaves the item's bytes to weigh by: of two guesses the higher one.
//! Source: RFC 6901 (JSON pointer).

use crate::batch::json::Value;

/// What an item weighs that stands in the document as `value` and takes `bytes` in a batch: the bytes of the text at `pointer`,
/// decoded; the items of the array there; else its bytes.
pub(super) fn weight(value: Value<'_>, bytes: usize, pointer: Option<&str>) -> u64 {
    let found = pointer.and_then(|pointer| value.pointer(pointer));
    let text = found.and_then(|found| Some(found.string()?.len()));
    let weight = text.or_else(|| Some(found?.items()?.len())).unwrap_or(bytes);
    u64::try_from(weight).unwrap_or(u64::MAX).max(1)
}
