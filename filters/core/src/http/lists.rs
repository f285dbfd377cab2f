//! Headers that are lists: `cache-control` and `pragma`, `vary`, `connection`.
//!
//! Invariant: rather one member too many than one too few, since most of them forbid something. A comma within quotes
//! parts the list like any other. Trade-off: `x="a, no-store, b"` is taken to say `no-store` too, and so is used
//! less often than it might be. Source: RFC 9110, section 5.6.1; RFC 9111, sections 5.2 and 4.2.1.

use super::fields::digits;
use crate::RequestView;

/// What both sides say about keeping an answer.
pub(crate) const CACHE_CONTROL: &str = "cache-control";

/// The members of one line of a list; none of them is empty.
pub(crate) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether this header has this directive (in lower case), with or without a value.
pub(crate) fn says(message: &impl RequestView, header: &str, directive: &str) -> bool {
    let is = |member: &[u8]| halves(member).0.eq_ignore_ascii_case(directive.as_bytes());
    message.header_values(header).any(|line| members(line).any(is))
}

/// The seconds that this directive gives; `None` if the header has none such. The fewest, if it has several, and zero
/// if they cannot be read: what is in doubt is stale.
pub(crate) fn seconds(message: &impl RequestView, header: &str, directive: &str) -> Option<u64> {
    let lines = message.header_values(header);
    let given = lines.flat_map(members).map(halves).filter(|(name, _)| {
        // Names have no case.
        name.eq_ignore_ascii_case(directive.as_bytes())
    });
    given.map(|(_, value)| digits(value).unwrap_or(0)).min()
}

/// A directive's name and its value, without quotes; empty if it has none.
fn halves(member: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = member.splitn(2, |byte| *byte == b'=');
    let name = halves.next().unwrap_or_default().trim_ascii();
    let value = halves.next().unwrap_or_default().trim_ascii();
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    (name, inner.unwrap_or(value))
}
