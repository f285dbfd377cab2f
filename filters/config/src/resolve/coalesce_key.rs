//! What tells the requests of a route apart, and which of them can be alike at all.
//!
//! Invariant: a key under which nothing could ever be shared is refused; a document that lets clients share across
//! credentials says so in so many words.
//! Trade-off: which headers a key takes is [`super::key_rules`]'s, for all sections alike.
//! Source: RFC 9111, section 3.5 (credentials).

use super::key_header::Sharing;
use super::{key_rules, size};
use crate::error::{Errors, Path, cut};
use crate::raw::Route;
use crate::raw::coalesce as raw;
use crate::raw::key::Key;
use switchyard_core::coalesce::{KeyPolicy, Settings};

/// The largest body that is read for a key: what Envoy's connection buffers take by default.
const MOST_KEY_BODY: u64 = 1 << 20;
/// What requests with equal keys do.
const SHARING: Sharing = Sharing { done: "coalesced", share: "an answer", header: "key header" };

/// Refuses a route whose methods leave nothing to coalesce.
pub(super) fn check_methods(raw: &raw::Coalesce, route: &Route, at: &Path<'_>, errors: &mut Errors) {
    let list = route.r#match.as_ref().and_then(|raw| raw.methods.as_deref()).unwrap_or_default();
    let methods: Option<Vec<&str>> = list.iter().map(Option::as_deref).collect();
    // A method that could not be read may be any; no methods at all are an error of their own.
    let Some(methods) = methods.filter(|methods| !methods.is_empty()) else { return };
    let takes = |name: &str| methods.iter().any(|method| method.eq_ignore_ascii_case(name));
    let body = if bad_body(raw) { None } else { Some(has_body(raw)) };
    let shown = cut(&methods.join(", "));
    let read = takes("GET") || takes("HEAD");
    let posts = takes("POST") && body != Some(false);
    if !read && !posts {
        let problem = format!(
            "none of the route's methods ({shown}) is coalesced, only GET and HEAD, and POST with key.body: true; \
             remove it"
        );
        errors.add(at, problem);
    } else if !takes("POST") && body == Some(true) {
        let problem = format!("is for POST, which is none of the route's methods ({shown}); remove it");
        errors.add(&at.field("key").field("body"), problem);
    }
}

/// Whether bodies are a part of the key.
pub(super) fn has_body(raw: &raw::Coalesce) -> bool {
    raw.key.as_ref().is_some_and(|key| key.body == Some(true))
}

/// Whether what stands there for that could not be read.
pub(super) fn bad_body(raw: &raw::Coalesce) -> bool {
    raw.key.as_ref().is_some_and(|key| key.bad.contains(&"body")) || raw.bad.contains(&"key")
}

/// What tells requests apart, and whether credentials do.
pub(super) fn key(raw: &raw::Coalesce, at: &Path<'_>, errors: &mut Errors) -> KeyPolicy {
    let (key_at, default) = (at.field("key"), Settings::default().key);
    let said = raw.key.as_ref().map(Key::head).unwrap_or_default();
    let rules = key_rules::resolve(said, SHARING, &key_at, errors);
    let names = || key_rules::placed(said.headers);
    let share = raw.i_know_that_clients_share_answers_across_credentials == Some(true);
    if share && ["authorization", "cookie"].iter().all(|secret| names().any(|(_, name)| name == *secret)) {
        let problem = "is not needed with authorization and cookie in key.headers; remove it";
        errors.add(&at.field("i_know_that_clients_share_answers_across_credentials"), problem);
    }
    let longest = raw.key.as_ref().and_then(|key| key.max_body_bytes);
    let longest_at = key_at.field("max_body_bytes");
    if longest.is_some() && !has_body(raw) && !bad_body(raw) {
        errors.add(&longest_at, "belongs to body: true; add that or remove it");
    }
    KeyPolicy {
        rules,
        body: has_body(raw),
        max_body_bytes: size(longest, default.max_body_bytes, (1, MOST_KEY_BODY), &longest_at, errors),
        share_across_principals: share,
    }
}
