//! Cookies that answers do not depend on, taken out of a `cookie` header.
//!
//! Invariant: what is left is in the key as it was written, but for the spaces between cookies. A line with quotes is left whole:
//! servers do not agree where a cookie ends in it.
//! Source: RFC 6265, sections 4.2.1 and 5.4.

use super::Pattern;
use std::borrow::Cow;

/// What of a `cookie` line counts; nothing, if all of its cookies are ignored.
pub(super) fn counting<'a>(line: &'a [u8], ignored: &[Pattern]) -> Cow<'a, [u8]> {
    if ignored.is_empty() || line.contains(&b'"') {
        return Cow::Borrowed(line);
    }
    let cookies = || line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let counts = |cookie: &&[u8]| !is_ignored(cookie, ignored);
    if cookies().all(|cookie| counts(&cookie)) {
        return Cow::Borrowed(line);
    }
    let left: Vec<&[u8]> = cookies().filter(counts).filter(|cookie| !cookie.is_empty()).collect();
    Cow::Owned(left.join(&b"; "[..]))
}

/// A cookie without `=` has a value and no name, or a name and no value: nobody knows, so it counts.
fn is_ignored(cookie: &[u8], ignored: &[Pattern]) -> bool {
    let Some(end) = cookie.iter().position(|byte| *byte == b'=') else { return false };
    let name = cookie.get(..end).unwrap_or_default().trim_ascii();
    ignored.iter().any(|pattern| pattern.matches(name))
}
