//! What a client gets when all attempts have failed.

use super::{at_least, bounded, check_header_name, narrow, refuse_duplicates, size};
use crate::error::{Errors, Path, cut};
use crate::raw::fallback as raw;
use switchyard_core::retry::{Fallback, StaleIfError, StaticAnswer};

/// The bounds of what the old answers of a route take in a worker.
const STALE_BYTES: (u64, u64) = (1, 64 << 20);

/// Headers of an answer that Envoy or the filter writes.
const WRITTEN_ANEW: [&str; 7] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "x-switchyard-fallback",
];

/// The substitutes; `upstream` finds another upstream by its name.
pub(super) fn resolve(
    raw: &raw::Fallback,
    upstream: impl FnOnce(&str, &Path<'_>, &mut Errors) -> Option<usize>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Fallback {
    if raw.upstream.is_none() && raw.stale_if_error.is_none() && raw.answer.is_none() && raw.bad.is_empty() {
        errors.add(at, "is empty; add one of upstream, stale_if_error, answer, or remove it");
    }
    Fallback {
        upstream: raw.upstream.as_deref().and_then(|name| upstream(name, &at.field("upstream"), errors)),
        stale: raw.stale_if_error.as_ref().map(|raw| stale(raw, &at.field("stale_if_error"), errors)),
        answer: raw.answer.as_ref().map(|raw| answer(raw, &at.field("answer"), errors)),
    }
}

fn stale(raw: &raw::StaleIfError, at: &Path<'_>, errors: &mut Errors) -> StaleIfError {
    let names_at = at.field("key_headers");
    let list = raw.key_headers.as_deref().unwrap_or_default();
    let names = || list.iter().enumerate().filter_map(|(index, name)| Some((index, name.as_deref()?)));
    refuse_duplicates(names(), |index, name, first| {
        let problem = format!("{:?} is key header {first} already; remove one of them", cut(name));
        errors.add(&names_at.index(index), problem);
    });
    for (index, name) in names() {
        if [":authority", ":method", ":path"].contains(&name) || name.eq_ignore_ascii_case("host") {
            errors.add(&names_at.index(index), format!("{name:?} is in the key already; remove it"));
        } else {
            check_header_name(name, &names_at.index(index), errors);
        }
    }
    let max_age = raw.max_age.map(|_| at_least(raw.max_age, 0, 0, &at.field("max_age"), errors));
    StaleIfError {
        max_age: max_age.unwrap_or_default(),
        key_headers: names().map(|(_, name)| name.into()).collect(),
        max_bytes: size(raw.max_bytes, 1 << 20, STALE_BYTES, &at.field("max_bytes"), errors),
    }
}

fn answer(raw: &raw::Answer, at: &Path<'_>, errors: &mut Errors) -> StaticAnswer {
    let status = bounded(raw.status, 200, 200, 599, &at.field("status"), errors);
    let body = raw.body.as_ref().map(|body| body.0.as_str()).unwrap_or_default();
    if [204, 205, 304].contains(&status) && !body.is_empty() {
        errors.add(&at.field("body"), format!("an answer of status {status} has no body; remove it"));
    }
    let headers = raw.headers.as_ref().map(|headers| headers.0.as_slice()).unwrap_or_default();
    let headers_at = at.field("headers");
    for (name, _) in headers {
        check_answer_header(name, &headers_at.field(name), errors);
    }
    let known = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)));
    StaticAnswer {
        status: narrow(status),
        headers: known.map(|(name, value)| (name.into(), value.into())).collect(),
        body: body.into(),
    }
}

fn check_answer_header(name: &str, at: &Path<'_>, errors: &mut Errors) {
    if name.starts_with(':') {
        errors.add(at, "is a pseudo-header; remove it (the status has a field of its own)");
    } else if WRITTEN_ANEW.contains(&name.to_ascii_lowercase().as_str()) {
        errors.add(at, "is written for every answer; remove it");
    } else {
        check_header_name(name, at, errors);
    }
}
