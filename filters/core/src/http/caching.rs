//! What a shared cache may keep, as far as the answer says.
//!
//! Invariant: what is doubtful is not kept. What the operator allows beyond that, and which requests an answer is for, is for whoever
//! keeps it to say.
//! Source: RFC 9111, sections 3, 3.5, 4.2.4 and 5.2.2; RFC 9110, section 14.4.

use super::lists::{CACHE_CONTROL, members, says};
use crate::RequestView;

/// Why an answer is for its own client alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneClients {
    /// It says so.
    Private,
    /// It must not be stored.
    NoStore,
    /// It sets a cookie.
    SetCookie,
    /// It is partial content.
    Partial,
}

/// Whether an answer is for its own client alone, and why.
pub(crate) fn is_one_clients(status: u16, answer: &impl RequestView) -> Option<OneClients> {
    let has = |name| answer.header(name).is_some();
    let reasons = [
        (says(answer, CACHE_CONTROL, "private"), OneClients::Private),
        (says(answer, CACHE_CONTROL, "no-store"), OneClients::NoStore),
        (has("set-cookie"), OneClients::SetCookie),
        (status == 206 || has("content-range"), OneClients::Partial),
    ];
    reasons.iter().find(|(applies, _)| *applies).map(|(_, reason)| *reason)
}

/// Whether an answer that is kept is asked about before each use. `pragma` counts where nothing newer is said.
pub(crate) fn is_validated_first(answer: &impl RequestView) -> bool {
    says(answer, CACHE_CONTROL, "no-cache")
        || answer.header(CACHE_CONTROL).is_none() && says(answer, "pragma", "no-cache")
}

/// Whether an answer is of no use once it is stale, whatever else fails. `s-maxage` says so to shared caches.
pub(crate) fn is_useless_when_stale(answer: &impl RequestView) -> bool {
    ["must-revalidate", "proxy-revalidate", "s-maxage"].iter().any(|word| says(answer, CACHE_CONTROL, word))
}

/// The names of all headers that an answer depends on, as they are written.
pub(crate) fn varies_by(answer: &impl RequestView) -> impl Iterator<Item = &[u8]> {
    answer.header_values("vary").flat_map(members)
}
