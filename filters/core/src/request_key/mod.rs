//! What tells requests apart, wherever one request's answer may serve another: coalescing's key and its micro-cache,
//! batching's key, and `stale_if_error`.
//!
//! Invariants: two sequences of parts are written alike only if they are the same, byte by byte. Every header is in the key but
//! those that are known to be neutral ([`neutral`]) and those that an operator leaves out ([`KeyRules`]); what the proxy knows
//! of who asks ([`Known`]) is in it, too. What nobody thought of keeps requests apart.
//! Trade-offs: four bytes for every part, so that none of them can pretend to be the beginning of the next. A header that is
//! another one in every request keeps all of them apart, until somebody says that it does not matter; [`Noise`] notices.
//! Source: RFC 9111, section 2 (cache keys); "Practical web cache poisoning" and "web cache entanglement" (PortSwigger, 2018 and
//! 2020) for what goes wrong with keys that leave out what is not known.

mod cookies;
mod encoding;
mod fold;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod identity;
mod known;
pub mod neutral;
mod noise;
mod pattern;
mod query;
mod rules;

pub use identity::{names_principal, proves_principal};
pub use known::Known;
pub use noise::Noise;
pub use pattern::Pattern;
pub use rules::{Invariable, KeyRules, Languages};

pub(crate) use encoding::{pairs, part};
pub(crate) use rules::Place;

use crate::RequestView;
use crate::http::says_body;

/// Whether a request says that it has a body, which could tell it apart. One without a length is not known by its head.
pub(crate) fn announces_body(request: &impl RequestView) -> bool {
    ["transfer-encoding", "content-length"].iter().any(|name| {
        // Each by its own rule.
        request.header_values(name).any(|value| says_body(name.as_bytes(), value))
    })
}
