//! Which failures are worth another attempt.
//!
//! Invariant: the router's engine is told nothing that Envoy has no word for.
//! Source: Envoy's documentation of `x-envoy-retry-on`, `x-envoy-retry-grpc-on` and `x-envoy-retriable-header-names`.

use super::check_pointer;
use super::matcher::{compile, header_match};
use crate::error::{Errors, Path};
use crate::raw;
use crate::raw::retry_on::{BodyMatch as RawBodyMatch, RetryOn as RawRetryOn};
use switchyard_core::retry::{BodyMatch, BodyRule, RetryOn};

/// The gRPC statuses that Envoy's router tries again: cancelled, deadline_exceeded, resource_exhausted, internal, unavailable.
const GRPC_OF_ENVOY: [u8; 5] = [1, 4, 8, 13, 14];

/// The failures; `router`: of the router's engine.
pub(super) fn resolve(raw: &RawRetryOn, router: bool, at: &Path<'_>, errors: &mut Errors) -> RetryOn {
    let default = RetryOn::default();
    let statuses = raw.statuses.as_ref().map(|list| list.iter().map(|one| one.0.clone()).collect());
    let grpc = raw.grpc_statuses.as_ref().map(|list| list.iter().map(|one| one.0).collect());
    let headers_at = at.field("headers");
    let headers = raw.headers.as_deref().unwrap_or_default().iter().enumerate();
    let headers =
        headers.filter_map(|(index, raw)| header_match(raw, &headers_at.index(index), errors)).collect();
    let body_at = at.field("body");
    let body = raw.body.as_deref().unwrap_or_default().iter().enumerate();
    let body = body.filter_map(|(index, raw)| body_match(raw, &body_at.index(index), errors)).collect();
    let on = RetryOn {
        statuses: statuses.unwrap_or(default.statuses),
        grpc_statuses: grpc.unwrap_or(default.grpc_statuses),
        connect_failure: raw.connect_failure.unwrap_or(default.connect_failure),
        refused_stream: raw.refused_stream.unwrap_or(default.refused_stream),
        reset: raw.reset.unwrap_or(default.reset),
        timeout: raw.timeout.unwrap_or(default.timeout),
        headers,
        body,
    };
    if router {
        check_router(raw, at, errors);
    }
    if is_nothing(&on, raw) {
        errors.add(at, "retries nothing; name a failure, or remove the section retry");
    }
    on
}

/// Whether no failure is named; what could not be read, or is wrong, may name one.
fn is_nothing(on: &RetryOn, raw: &RawRetryOn) -> bool {
    let broken = [on.connect_failure, on.refused_stream, on.reset, on.timeout].contains(&true);
    let answered = !on.statuses.is_empty() || !on.grpc_statuses.is_empty();
    let read = raw.headers.as_ref().is_none_or(Vec::is_empty) && raw.body.as_ref().is_none_or(Vec::is_empty);
    !broken && !answered && read && raw.bad.is_empty()
}

/// Refuses what Envoy's own router cannot tell.
fn check_router(raw: &RawRetryOn, at: &Path<'_>, errors: &mut Errors) {
    let grpc_at = at.field("grpc_statuses");
    for (index, status) in raw.grpc_statuses.iter().flatten().enumerate() {
        if !GRPC_OF_ENVOY.contains(&status.0) {
            let problem = format!(
                "Envoy's router does not retry {}, only cancelled, deadline_exceeded, internal, resource_exhausted, \
                 unavailable; use engine: filter or remove it",
                status.name()
            );
            errors.add(&grpc_at.index(index), problem);
        }
    }
    if raw.timeout == Some(true) && raw.reset == Some(false) {
        errors.add(
            &at.field("timeout"),
            "to Envoy's router a timeout is a reset; set reset: true or use engine: filter",
        );
    }
    let headers_at = at.field("headers");
    for (index, header) in raw.headers.iter().flatten().enumerate() {
        if !is_only_a_name(header) {
            errors.add(
                &headers_at.index(index),
                "Envoy's router knows only names of headers; write present: true without invert, or use engine: filter",
            );
        }
    }
    if raw.body.as_ref().is_some_and(|list| !list.is_empty()) {
        errors.add(&at.field("body"), "Envoy's router does not read bodies; use engine: filter");
    }
}

/// Whether a condition asks for nothing but that the header is there; one that says nothing is refused elsewhere.
fn is_only_a_name(header: &raw::HeaderMatch) -> bool {
    let value = header.exact.is_some() || header.prefix.is_some() || header.regex.is_some();
    !value && header.present != Some(false) && header.invert != Some(true)
}

fn body_match(raw: &RawBodyMatch, at: &Path<'_>, errors: &mut Errors) -> Option<BodyMatch> {
    if let Some(pointer) = raw.pointer.as_deref() {
        check_pointer(pointer, &at.field("pointer"), errors);
    }
    if raw.exists == Some(false) {
        errors.add(
            &at.field("exists"),
            "is false; a condition on what is missing would meet every other answer",
        );
    }
    let mut rules = Vec::new();
    rules.extend(raw.exists.map(|_| BodyRule::Exists));
    rules.extend(raw.equals.as_ref().map(|value| BodyRule::Equals(value.0.clone())));
    if let Some(pattern) = &raw.matches {
        let regex = compile(pattern, &at.field("matches"), errors);
        rules.push(regex.map_or(BodyRule::Exists, BodyRule::Matches));
    }
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Some(BodyMatch { pointer: raw.pointer.as_deref()?.into(), rule }),
        (Some(_), false) => {
            errors.add(at, "has several rules for the value; keep one of exists, equals, matches");
            None
        }
        (None, _) => {
            if !raw.bad.iter().any(|field| ["exists", "equals", "matches"].contains(field)) {
                errors.add(at, "says nothing about the value; add one of exists, equals, matches");
            }
            None
        }
    }
}
