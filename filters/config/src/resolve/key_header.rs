//! Headers that tell requests apart, for whatever they may share.
//!
//! Invariant: a key that no two requests have in common, or one that is in the key already, is refused.
//! Trade-off: only headers that differ in every request by their definition are known to spoil a key; one that just
//! happens to differ is the operator's to know.
//! Source: RFC 9110, section 7.6.1 (headers of the connection); W3C Trace Context.

use super::{check_header_name, refuse_duplicates};
use crate::error::{Errors, Fault, Path, cut};
use switchyard_core::http::ABOUT_THE_CONNECTION;

/// Headers that are another one with every request, by their definition.
const EVER_NEW: [&str; 3] = ["traceparent", "x-b3-spanid", "x-request-id"];

/// What requests with equal keys do, in the words of its section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing {
    /// What is done with requests: `coalesced`.
    pub(super) done: &'static str,
    /// What they share: `an answer`.
    pub(super) share: &'static str,
    /// What such a header is: `key header`.
    pub(super) header: &'static str,
}

/// Refuses headers of a key that are there twice, or can be none.
pub(super) fn check_all<'a, I: Iterator<Item = (usize, &'a str)>>(
    names: impl Fn() -> I,
    sharing: Sharing,
    at: &Path<'_>,
    errors: &mut Errors,
) {
    refuse_duplicates(names(), |index, name, first| {
        let problem = format!("{:?} is {} {first} already; remove one of them", cut(name), sharing.header);
        errors.add_as(Fault::Duplicate, &at.index(index), problem);
    });
    for (index, name) in names() {
        check(name, sharing, &at.index(index), errors);
    }
}

fn check(name: &str, sharing: Sharing, at: &Path<'_>, errors: &mut Errors) {
    let is = |list: &[&str]| list.iter().any(|known| name.eq_ignore_ascii_case(known));
    let Sharing { done, share, .. } = sharing;
    if is(&[":authority", ":method", ":path", ":scheme", "host"]) {
        errors.add(at, format!("{name:?} is in the key already; remove it"));
    } else if name.starts_with(':') {
        errors.add(at, format!("{:?} is a pseudo-header that no {done} request has; remove it", cut(name)));
    } else if is(&ABOUT_THE_CONNECTION) {
        errors.add(at, format!("{name:?} is about the connection, not about what is asked; remove it"));
    } else if is(&EVER_NEW) {
        let problem =
            format!("{name:?} is a new one in every request, so none would share {share}; remove it");
        errors.add(at, problem);
    } else {
        check_header_name(name, at, errors);
    }
}
