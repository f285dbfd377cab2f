//! What a client gets when all attempts have failed.

use super::key_header::Sharing;
use super::{at_least, bounded, check_header_name, key_rules, narrow, size};
use crate::error::{Errors, Path};
use crate::raw::fallback as raw;
use crate::raw::key::StaleKey;
use switchyard_core::contract::FALLBACK_HEADER;
use switchyard_core::http::is_about_the_connection;
use switchyard_core::retry::{Fallback, StaleIfError, StaticAnswer};

/// What requests with equal keys do.
const SHARING: Sharing = Sharing { done: "repeated", share: "an old answer", header: "key header" };

/// The bounds of what the old answers of a route take in a worker.
const STALE_BYTES: (u64, u64) = (1, 64 << 20);

/// Headers of an answer that Envoy or the filter writes, besides those about the connection.
const WRITTEN_ANEW: [&str; 2] = ["content-length", FALLBACK_HEADER];

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
    let said = raw.key.as_ref().map(StaleKey::head).unwrap_or_default();
    let key = key_rules::resolve(said, SHARING, &at.field("key"), errors);
    let max_age = raw.max_age.map(|_| at_least(raw.max_age, 0, 0, &at.field("max_age"), errors));
    StaleIfError {
        max_age: max_age.unwrap_or_default(),
        key,
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
    } else if is_written_anew(&name.to_ascii_lowercase()) {
        errors.add(at, "is written for every answer; remove it");
    } else {
        check_header_name(name, at, errors);
    }
}

fn is_written_anew(name: &str) -> bool {
    is_about_the_connection(name.as_bytes()) || WRITTEN_ANEW.contains(&name)
}
