//! Parameters of a query that answers do not depend on, and parameters in any order.
//!
//! Invariants: nothing is decoded; parameters of one name keep their order. A parameter that some servers read as several (with a
//! `;` in it) is never left out, and a query with one is not put in order: otherwise a client could hide what it asks for in a
//! parameter that is not compared.
//! Source: CVE-2021-23336 (parameters hidden behind a semicolon); the query-string settings of CDNs' cache keys.

use super::Pattern;
use std::borrow::Cow;

/// What of a path with its query counts.
pub(super) fn counting<'a>(target: &'a [u8], ignored: &[Pattern], any_order: bool) -> Cow<'a, [u8]> {
    let Some(mark) = target.iter().position(|byte| *byte == b'?') else { return Cow::Borrowed(target) };
    if ignored.is_empty() && !any_order || target.contains(&b'#') {
        return Cow::Borrowed(target);
    }
    let (path, query) = target.split_at(mark);
    let query = query.get(1..).unwrap_or_default();
    let all = || query.split(|byte| *byte == b'&');
    let mut left: Vec<&[u8]> = all().filter(|parameter| !is_ignored(parameter, ignored)).collect();
    if any_order && !query.contains(&b';') {
        crate::sort::sort_by(&mut left, |one, other| name(one).cmp(name(other)));
    }
    if left.iter().copied().eq(all()) {
        return Cow::Borrowed(target);
    }
    let mut counts = path.to_vec();
    if !left.is_empty() {
        counts.push(b'?');
        counts.extend(left.join(&b'&'));
    }
    Cow::Owned(counts)
}

fn name(parameter: &[u8]) -> &[u8] {
    parameter.split(|byte| *byte == b'=').next().unwrap_or_default()
}

fn is_ignored(parameter: &[u8], ignored: &[Pattern]) -> bool {
    !parameter.contains(&b';') && ignored.iter().any(|pattern| pattern.matches(name(parameter)))
}
