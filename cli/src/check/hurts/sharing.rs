//! What clients share that may be one client's own.
//!
//! Which header says who asks, no document says in so many words. But what it hashes clients by tells them apart, and so does what Envoy
//! knows from a token or a certificate: a key that was made to leave out one of these is warned of. Requests with `authorization` or
//! `cookie` share nothing unless those are in the key; that is the filters' own rule.

use crate::check::found::Found;
use crate::finding::codes;
use std::collections::BTreeSet;
use switchyard_config::{Document, Route};
use switchyard_core::hash::Source;
use switchyard_core::request_key::{KeyRules, Pattern, names_principal};

/// What Envoy knows of who asks.
const KNOWN: [&str; 2] =
    ["metadata.envoy.filters.http.jwt_authn", "connection.sha256_peer_certificate_digest"];

pub(super) fn find(document: &Document) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, route) in document.routes().iter().enumerate().filter(|(_, route)| !route.is_envoys()) {
        let at = format!("routes[{index}]");
        let stale = route.retry().and_then(|retry| retry.fallback.stale.as_ref());
        // An upstream's own retries stand there, and are looked at by themselves.
        if let Some(stale) = stale {
            let path = format!("{at}.retry.fallback.stale_if_error.key");
            found.extend(left_out(document, route, &stale.key).map(|what| {
                let problem = format!("clients may get each other's old answers: the key leaves out {what}");
                Found::new(&codes::STALE_WITHOUT_PRINCIPAL, &path, problem)
                    .fix("add it to the key's headers, or ignore less")
            }));
        }
        if let Some(coalesce) = route.coalesce() {
            if coalesce.key.share_across_principals {
                let path = format!("{at}.coalesce.i_know_that_clients_share_answers_across_credentials");
                let problem = "a client gets what another client's credentials obtained";
                found.push(
                    Found::new(&codes::SHARED_ANSWERS, path, problem)
                        .fix("remove it, or suppress this if all clients get the same"),
                );
            } else {
                found.extend(left_out(document, route, &coalesce.key.rules).map(|what| {
                    let problem = format!("clients may get each other's answers: the key leaves out {what}");
                    Found::new(&codes::COALESCE_WITHOUT_PRINCIPAL, format!("{at}.coalesce.key"), problem)
                        .fix("add it to the key's headers, or ignore less")
                }));
            }
        }
        if route.batch().is_some_and(|batch| batch.settings().key.mixes_principals) {
            let path = format!("{at}.batch.i_know_that_batches_mix_principals");
            let problem = "calls are made with the credentials of their first request, for all of them";
            found.push(
                Found::new(&codes::MIXED_PRINCIPALS, path, problem)
                    .fix("remove it, or suppress this if the upstream looks at no credentials"),
            );
        }
    }
    found
}

/// What says who asks and is not in the key.
fn left_out(document: &Document, route: &Route, key: &KeyRules) -> impl Iterator<Item = String> {
    let matches =
        |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name.as_bytes()));
    let mut left = BTreeSet::new();
    let upstreams = route.targets().iter().filter_map(|target| document.upstreams().get(target.upstream()));
    let hashed = upstreams.flat_map(|upstream| upstream.hash_on()).chain(route.split_on());
    for source in hashed.map(|part| &part.source) {
        match source {
            Source::Header(name) => {
                let named = key.headers.iter().any(|header| header == name);
                // A beginning leaves out nobody who is known to say who asks.
                let ignores = |pattern: &Pattern| {
                    pattern.matches(name.as_bytes())
                        && !(pattern.is_open() && names_principal(name.as_bytes()))
                };
                if !named && key.ignore_headers.iter().any(ignores) {
                    left.insert(format!("the header {name:?}, by which clients are hashed"));
                }
            }
            Source::Cookie(cookie) if matches(&key.ignore_cookies, &cookie.name) => {
                left.insert(format!("the cookie {:?}, by which clients are hashed", cookie.name));
            }
            Source::QueryParameter(name) if matches(&key.ignore_query, name) => {
                left.insert(format!("the parameter {name:?}, by which clients are hashed"));
            }
            Source::Cookie(_)
            | Source::QueryParameter(_)
            | Source::Host
            | Source::SourceIp
            | Source::Path => {}
        }
    }
    left.extend(
        KNOWN
            .iter()
            .filter(|name| matches(&key.ignore_attributes, name))
            .map(|name| format!("{name:?}, by which Envoy knows who asks")),
    );
    left.into_iter()
}
