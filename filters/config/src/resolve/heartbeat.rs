//! The active health checks of an upstream: what is asked, where, and which answers are good.
//!
//! Invariant: what a heartbeat says of itself (its mark, the endpoint it goes to) the document cannot say in its place.

use super::{at_least, blank, bounded, check_header_name, check_path, is_graphic, narrow};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw::outlier as raw;
use switchyard_core::contract::is_our_header;
use switchyard_core::http::is_about_the_connection;
use switchyard_core::outlier::{Check, DESTINATION_HEADER, Elsewhere, Heartbeat, MOST_SERVICE};

/// More headers than anybody gives a health check.
const MOST_HEADERS: usize = 16;

/// Headers that every heartbeat has, or that say what is asked.
const WRITTEN_ANEW: [&str; 5] = ["content-length", "content-type", "te", "user-agent", DESTINATION_HEADER];

/// The heartbeats of a section; `None` if it does not say what is asked.
pub(super) fn resolve(raw: &raw::Heartbeat, at: &Path<'_>, errors: &mut Errors) -> Option<Heartbeat> {
    let interval = at_least(raw.interval, 5_000, 100, &at.field("interval"), errors);
    let timeout = at_least(raw.timeout, 1_000, 1, &at.field("timeout"), errors);
    if timeout > interval && raw.timeout.is_some() && !raw.bad.contains(&"interval") {
        errors.add(&at.field("timeout"), "is longer than the interval; heartbeats would pile up: lower it");
    }
    let threshold = |name, value, default, errors: &mut Errors| {
        narrow(bounded(value, default, 1, 255, &at.field(name), errors))
    };
    let healthy_threshold = threshold("healthy_threshold", raw.healthy_threshold, 2, errors);
    let unhealthy_threshold = threshold("unhealthy_threshold", raw.unhealthy_threshold, 3, errors);
    match raw.host.as_deref() {
        Some("") => errors.add(&at.field("host"), "is empty; name a host or remove it"),
        Some(host) if !is_graphic(host) => errors.add(&at.field("host"), blank(host)),
        _ => {}
    }
    let elsewhere = elsewhere(raw, at, errors);
    let headers = headers(raw, &at.field("headers"), errors);
    Some(Heartbeat {
        check: check(raw, at, errors)?,
        host: raw.host.as_deref().map(Into::into),
        headers,
        elsewhere,
        interval,
        timeout: timeout.min(interval),
        healthy_threshold,
        unhealthy_threshold,
        watch_all: raw.watch == Some(raw::Watch::All),
    })
}

fn check(raw: &raw::Heartbeat, at: &Path<'_>, errors: &mut Errors) -> Option<Check> {
    let statuses = raw.expected_statuses.as_ref();
    let expected_at = at.field("expected_statuses");
    if statuses.is_some_and(Vec::is_empty) {
        errors.add(&expected_at, "is empty; name a status or remove it");
    }
    match (raw.path.as_deref(), &raw.grpc_health_check) {
        (Some(_), Some(_)) => {
            errors.add(at, "has both path and grpc_health_check; keep one");
            None
        }
        (None, None) => {
            let unread = raw.bad.contains(&"path") || raw.bad.contains(&"grpc_health_check");
            if !unread {
                errors.add(at, "asks nothing; add path or grpc_health_check");
            }
            None
        }
        (Some(path), None) => {
            check_path(path, &at.field("path"), errors);
            let expected = statuses
                .map_or_else(|| vec![200..=299], |list| list.iter().map(|one| one.0.clone()).collect());
            Some(Check::Http { path: path.into(), expected })
        }
        (None, Some(raw)) => {
            if statuses.is_some() {
                errors.add(
                    &expected_at,
                    "belongs to path; gRPC says in its answer whether it serves: remove it",
                );
            }
            let service = raw.service_name.as_deref().unwrap_or_default();
            if service.len() > MOST_SERVICE || !is_graphic(service) {
                let problem = format!(
                    "{:?} is no name of a service; it takes 127 visible characters at most",
                    cut(service)
                );
                errors.add(&at.field("grpc_health_check").field("service_name"), problem);
            }
            Some(Check::Grpc { service: service.into() })
        }
    }
}

fn elsewhere(raw: &raw::Heartbeat, at: &Path<'_>, errors: &mut Errors) -> Option<Elsewhere> {
    let port = raw.port.map(|_| bounded(raw.port, 1, 1, 65_535, &at.field("port"), errors));
    match (port, raw.cluster.as_deref()) {
        (Some(_), Some("")) => errors.add(&at.field("cluster"), "is empty; name a cluster"),
        (Some(port), Some(cluster)) => return Some(Elsewhere { port: narrow(port), cluster: cluster.into() }),
        (Some(_), None) if !raw.bad.contains(&"cluster") => errors.add(
            &at.field("port"),
            "needs cluster: one of type ORIGINAL_DST with use_http_header, since the upstream's has no such endpoint; add it",
        ),
        (None, Some(_)) if !raw.bad.contains(&"port") => {
            errors.add(&at.field("cluster"), "belongs to port; add that or remove it");
        }
        _ => {}
    }
    None
}

fn headers(raw: &raw::Heartbeat, at: &Path<'_>, errors: &mut Errors) -> Vec<(Box<str>, Box<str>)> {
    let headers = raw.headers.as_ref().map(|headers| headers.0.as_slice()).unwrap_or_default();
    if headers.len() > MOST_HEADERS {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("has {} headers; it takes {MOST_HEADERS} at most", headers.len()),
        );
    }
    let mut all = Vec::new();
    for (name, value) in headers {
        let (at, lower) = (at.field(name), name.to_ascii_lowercase());
        if name.starts_with(':') {
            errors.add(&at, "is a pseudo-header; remove it (path and host have fields of their own)");
        } else if WRITTEN_ANEW.contains(&&*lower)
            || is_our_header(lower.as_bytes())
            || is_about_the_connection(lower.as_bytes())
        {
            errors.add(&at, "is written for every heartbeat; remove it");
        } else {
            check_header_name(name, &at, errors);
        }
        let Some(value) = value else { continue };
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            errors.add(
                &at,
                format!("{:?} has characters that no header takes here; use visible ASCII", cut(value)),
            );
        }
        all.push((name.as_str().into(), value.as_str().into()));
    }
    all
}
